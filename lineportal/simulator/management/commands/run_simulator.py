"""Runs the LINE simulator until a signal; it needs neither database nor network."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.simulator import server


class Command(BaseCommand):
    """`manage.py run_simulator`."""

    help = "Run the LINE simulator, which answers like LINE and writes to nobody, until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address to listen on."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument(
            "--port",
            type=int,
            default=server.DEFAULT_PORT,
            help="port to listen on, 0 for any free one; default %(default)s",
        )

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""

        def announce(url: str) -> None:
            self.stdout.write(f"LINE simulator on {url}")
            self.stdout.flush()

        try:
            server.serve(host, port, announce)
        except server.CannotListen as refusal:
            raise CommandError(str(refusal)) from None
