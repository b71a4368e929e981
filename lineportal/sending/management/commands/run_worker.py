from __future__ import annotations

import asyncio
import gc
import logging
import signal
from typing import Any

import psycopg
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException

from lineportal.sending import tasks

log = logging.getLogger(__name__)

CONCURRENCY = 16  # jobs at once; a road's lanes, the inbox, imports and house-keeping share them
RETURN_SECONDS = 2.0
_STOPS = (signal.SIGINT, signal.SIGTERM)
GC_THRESHOLD = (50_000, 20, 100)  # of Python's collector; memory stays flat, see the benchmarks


class Command(BaseCommand):
    help = "Run one worker process; start as many as you like, on as many machines."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--concurrency", type=int, default=CONCURRENCY, help="jobs at a time")

    def handle(self, *, concurrency: int, **options: Any) -> None:
        # When debugging Django keeps the text of every statement, and a worker runs for months.
        settings.DEBUG = False
        # What is loaded by now stays; the collector need not look through it for ever.
        gc.collect()
        gc.freeze()
        # Thousands of messages in flight are no garbage; looking again and again cost a sixth.
        gc.set_threshold(*GC_THRESHOLD)
        self.stdout.write("The worker runs; stop it with Ctrl-C.")
        self.stdout.flush()
        uvloop.run(_work(concurrency))


async def _work(concurrency: int) -> None:
    loop, work = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        for number in _STOPS:
            loop.remove_signal_handler(number)  # a second one ends the process at once
        tasks.places.is_closing = True
        if work:
            work.cancel()

    tasks.places.most = concurrency
    for number in _STOPS:
        loop.add_signal_handler(number, stop)
    try:
        while True:
            try:
                await _work_while_connected(concurrency)
            except (ConnectorException, psycopg.OperationalError) as error:
                # The database restarts, or the network is away: this process outlives both.
                log.warning("the database is away (%s); trying again", type(error).__name__)
            await asyncio.sleep(RETURN_SECONDS)
    except asyncio.CancelledError:
        pass  # told to stop; jobs that ran are done
    finally:
        await tasks.close()


async def _work_while_connected(concurrency: int) -> None:
    if not isinstance(app.connector, DjangoConnector):
        raise TypeError("Procrastinate's Django app must use its Django connector.")
    worker_app = app.with_connector(app.connector.get_worker_connector())
    async with worker_app.open_async():
        await worker_app.run_worker_async(
            concurrency=concurrency,
            delete_jobs="always",
            install_signal_handlers=False,
            worker_middleware=[tasks.places.count],
            fetch_job_polling_interval=1.0,
            update_heartbeat_interval=tasks.HEARTBEAT_SECONDS,
            stalled_worker_timeout=tasks.STALLED_SECONDS,
        )
