"""Webhooks passed on to real bots: the same bytes, again until taken, and never in our way."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from lineportal.accounts.models import OfficialAccount
from lineportal.providers.line import signature
from lineportal.sending import forwarding, forwards, inbox, lanes, passing
from lineportal.sending.forwards import Tried
from lineportal.sending.models import (
    BotAnswer,
    Forward,
    Forwarding,
    Incident,
    WebhookDelivery,
)
from tests import factories
from tests.drills.programs import free_port
from tests.line import SECRET
from tests.sending.test_worker_process import wait, workers
from tests.webhooks import bots
from tests.webhooks.bots import Bot
from tests.webhooks.test_line_webhook import body_of, event, post

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
ODD_BODY = '{ "events" : [],\r\n "destination":"U\\u0e01ก", "x":1.0}\n'.encode()
OFF_WIRE = Tried(0, 0, BotAnswer.TAKEN)

Pass = Callable[..., None]


@pytest.fixture
def bot() -> Iterator[Bot]:
    with bots.running() as bot:
        yield bot


@pytest.fixture
def account(transactional_db: None, bot: Bot, at: datetime) -> OfficialAccount:
    account = factories.account()
    forwarding.pass_on(account, url=bot.url, by=None, at=at)
    return account


def the_forwarding() -> Forwarding:
    return Forwarding.objects.get()


async def in_database(function: Callable[..., Any], *args: Any, **kw: Any) -> Any:
    def run() -> Any:
        try:
            return function(*args, **kw)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


def pass_now(*ids: int) -> None:
    """Have one worker pass on what is due of these forwardings, or of all, at the same time."""

    async def run() -> None:
        passer = passing.Passer()
        try:
            await asyncio.gather(*(passer.run(each, in_database) for each in ids))
        finally:
            await passer.close()

    ids = ids or tuple(Forwarding.objects.values_list("pk", flat=True))
    asyncio.run(run())


def come(account: OfficialAccount, count: int, *, at: datetime) -> list[bytes]:
    """Have so many webhooks come; return their bodies."""
    bodies = [body_of(event("message", at, number=n)) for n in range(count)]
    for body in bodies:
        assert post(account, body).status_code == 200
    return bodies


def states() -> Counter[str]:
    return Counter(Forward.objects.values_list("state", flat=True))


def test_the_bot_gets_the_bytes_that_came_and_can_verify_them(
    account: OfficialAccount, bot: Bot
) -> None:
    sent = {
        "X-Line-Signature": signature(ODD_BODY, SECRET),
        "User-Agent": "LineBotWebhook/2.0",
        "Authorization": "Basic c2VjcmV0",
        "Cookie": "a=b",
    }
    Client().post(
        f"/webhooks/line/{account.webhook_id}/", ODD_BODY,
        content_type="application/json; charset=utf-8", headers=sent,
    )  # fmt: skip

    pass_now()

    [got] = bot.got
    digest = hmac.new(SECRET.encode(), got.body, hashlib.sha256).digest()
    assert got.body == ODD_BODY
    assert got.path == "/bot"
    assert got.headers["X-Line-Signature"] == base64.b64encode(digest).decode()
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert got.headers["User-Agent"] == "LineBotWebhook/2.0"
    assert got.headers["Via"] == "1.1 127.0.0.1:8000"
    assert not {"Authorization", "Cookie"} & set(got.headers)
    assert states() == {"done": 1}
    assert (the_forwarding().answer, the_forwarding().http_status) == ("taken", 200)
    assert the_forwarding().taken_at is not None


def test_webhooks_go_in_the_order_in_which_they_came(
    account: OfficialAccount, bot: Bot, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "AT_ONCE", 1)  # more overtake each other on their way
    bodies = come(account, 20, at=at)

    pass_now()

    assert bot.bodies == bodies
    assert states() == {"done": 20}


def test_a_redelivered_event_is_passed_on_as_it_came(
    account: OfficialAccount, bot: Bot, at: datetime
) -> None:
    first = event("message", at)
    again = {**first, "deliveryContext": {"isRedelivery": True}}
    post(account, body_of(first))
    post(account, body_of(again))

    pass_now()

    assert sorted(bot.bodies) == sorted([body_of(first), body_of(again)])


def test_what_is_not_signed_is_not_passed_on(account: OfficialAccount, bot: Bot) -> None:
    assert post(account, body_of(), secret="other").status_code == 401

    pass_now()

    assert (bot.got, states()) == ([], {})


def test_without_forwarding_nothing_is_kept_beside_the_delivery(
    account: OfficialAccount, bot: Bot, at: datetime
) -> None:
    other = factories.account("other", channel="1650000002", secret="s" * 32)
    assert post(other, body_of(), secret="s" * 32).status_code == 200

    forwarding.stop(account, by=None, at=at)
    come(account, 1, at=at)

    assert states() == {}
    assert WebhookDelivery.objects.count() == 2
    assert not ProcrastinateJob.objects.filter(
        task_name=lanes.FORWARD, queueing_lock__gt=f"forward:{the_forwarding().pk}"
    ).exists()


def test_pulled_reports_are_not_passed_on(account: OfficialAccount, at: datetime) -> None:
    inbox.store(account.pk, provider="line", body=b"{}", at=at)

    assert states() == {}


def test_what_this_site_passed_on_itself_does_not_go_round(
    account: OfficialAccount, bot: Bot
) -> None:
    headers = {"X-Line-Signature": signature(b"{}", SECRET), "Via": "1.1 proxy, 1.1 127.0.0.1:8000"}
    answer = Client().post(
        f"/webhooks/line/{account.webhook_id}/", b"{}", content_type="application/json",
        headers=headers,
    )  # fmt: skip

    assert answer.status_code == 200
    assert states() == {}


def test_other_proxies_on_the_way_are_named_to_the_bot(account: OfficialAccount, bot: Bot) -> None:
    headers = {"X-Line-Signature": signature(b"{}", SECRET), "Via": "1.1 proxy"}
    Client().post(
        f"/webhooks/line/{account.webhook_id}/", b"{}", content_type="application/json",
        headers=headers,
    )  # fmt: skip

    pass_now()

    assert bot.got[0].headers["Via"] == "1.1 proxy, 1.1 127.0.0.1:8000"


@pytest.mark.parametrize(
    ("status", "word"), [(400, "turned_down"), (500, "turned_down"), (404, "turned_down")]
)
def test_another_status_than_2xx_is_tried_again_later(
    status: int, word: str, account: OfficialAccount, bot: Bot, at: datetime
) -> None:
    bot.statuses = [status]
    come(account, 1, at=at)

    pass_now()

    waiting = Forward.objects.get()
    assert (waiting.state, waiting.answer, waiting.http_status) == ("waiting", word, status)
    assert (waiting.tries, waiting.leased_until) == (1, None)
    Forward.objects.update(next_at=at)
    pass_now()
    assert bot.bodies[0] == bot.bodies[1]
    assert states() == {"done": 1}


@pytest.mark.parametrize("status", [201, 204, 299])
def test_any_2xx_counts_as_taken(
    status: int, account: OfficialAccount, bot: Bot, at: datetime
) -> None:
    bot.status = status
    come(account, 1, at=at)

    pass_now()

    assert states() == {"done": 1}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    status: int, account: OfficialAccount, bot: Bot, at: datetime
) -> None:
    with bots.running() as other:
        bot.status, bot.headers = status, {"Location": other.url}
        come(account, 1, at=at)
        pass_now()

        assert other.got == []
    assert (the_forwarding().answer, the_forwarding().http_status) == ("redirected", status)
    assert states() == {"waiting": 1}


def test_a_bot_that_refuses_the_connection_is_unreachable(
    account: OfficialAccount, at: datetime
) -> None:
    Forwarding.objects.update(url=f"http://127.0.0.1:{free_port()}/")
    come(account, 1, at=at)

    pass_now()

    assert (the_forwarding().answer, the_forwarding().http_status) == ("unreachable", None)


def test_a_bot_that_answers_too_late_is_tried_again(
    account: OfficialAccount, bot: Bot, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "ANSWER_SECONDS", 0.2)
    bot.holds = True
    come(account, 1, at=at)

    pass_now()

    assert the_forwarding().answer == "too_slow"
    assert states() == {"waiting": 1}
    assert passing.ANSWER_SECONDS < 2.0 <= forwards.LEASE.total_seconds()


def test_our_answer_does_not_wait_for_the_bot_nor_do_other_accounts(
    account: OfficialAccount, bot: Bot, at: datetime
) -> None:
    bot.holds = True
    with bots.running() as quick, ThreadPoolExecutor(1) as thread:
        other = factories.account("other", channel="1650000002", secret="s" * 32)
        forwarding.pass_on(other, url=quick.url, by=None, at=at)
        come(account, 1, at=at)
        post(other, body_of(), secret="s" * 32)
        passed = thread.submit(pass_now)
        assert bot.arrived.wait(bots.PATIENCE)

        come(account, 3, at=at)  # answered while the bot holds its first

        assert quick.arrived.wait(bots.PATIENCE)
        assert not passed.done()
        bot.released.set()
        passed.result()
    assert states()["done"] >= 2


def test_one_that_a_bot_never_takes_holds_nothing_else_up(
    account: OfficialAccount, bot: Bot, at: datetime
) -> None:
    bot.statuses = [500]
    come(account, 1, at=at)
    pass_now()

    bodies = come(account, 5, at=at)
    pass_now()

    assert sorted(bot.bodies[1:]) == sorted(bodies)
    assert states() == {"waiting": 1, "done": 5}
    assert the_forwarding().failed_in_a_row == 0


def test_workers_pass_on_and_one_that_is_killed_loses_nothing(
    account: OfficialAccount, bot: Bot, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = come(account, 30, at=at)
    bot.holds = True

    with workers(2) as processes:
        assert bot.arrived.wait(bots.PATIENCE)
        for process in processes[:1]:
            process.kill()
            process.wait()
        bot.holds = False
        bot.released.set()
        # Whoever held some may be dead: no test waits for a lease.
        Forward.objects.exclude(leased_until=None).update(leased_until=at)
        Forwarding.objects.update(rests_until=None, failed_in_a_row=0)
        wait(lambda: states() == {"done": 30}, "all is passed on")

    assert set(bot.bodies) == set(bodies)  # some twice, none lost


def test_a_bot_that_gets_nothing_for_an_hour_is_an_incident_until_it_does(
    account: OfficialAccount, bot: Bot, at: datetime
) -> None:
    come(account, 1, at=at)
    forwarding.watch(at=at + HOUR)
    assert not Incident.objects.exists()

    forwarding.watch(at=at + HOUR + SECOND)

    incident = Incident.objects.get()
    assert (incident.code, incident.closed_at) == ("not_passed_on", None)
    assert "none yet" in incident.sentence
    pass_now()
    forwarding.watch(at=at + 2 * HOUR)
    incident.refresh_from_db()
    assert incident.closed_at is not None
