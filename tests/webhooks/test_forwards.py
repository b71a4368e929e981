"""What waits to be passed on: when it is tried, by whom, for how long, and what ends it."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import clock, forgetting, forwarding, forwards, inbox, retention, stops
from lineportal.sending.forwards import Taken, Tried
from lineportal.sending.models import (
    BotAnswer,
    Forward,
    Forwarding,
    ForwardState,
    Retention,
    WebhookDelivery,
    WebhookEvent,
)
from tests import factories
from tests.webhooks.test_line_webhook import body_of, event

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
BOT = "https://bot.example/line?key=s3cret"
HEADERS = {"X-Line-Signature": "c2lnbmVk", "Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _bots_host_is_listed(settings: Any) -> None:
    settings.BOT_HOSTS = ["bot.example", "127.0.0.1", "localhost"]


def forwarded(at: datetime) -> OfficialAccount:
    account = factories.account()
    forwarding.pass_on(account, url=BOT, by=None, at=at)
    return account


@pytest.fixture
def account(db: None, at: datetime) -> OfficialAccount:
    return forwarded(at)


def the_forwarding() -> Forwarding:
    return Forwarding.objects.get()


def come(account: OfficialAccount, count: int, *, at: datetime) -> None:
    for n in range(count):
        body = body_of(event("message", at, number=n))
        inbox.store(account.pk, provider="line", body=body, at=at, headers=HEADERS)


def states() -> Counter[str]:
    return Counter(Forward.objects.values_list("state", flat=True))


def tried(word: BotAnswer, taken: list[Taken]) -> list[Tried]:
    return [Tried(each.pk, each.tries, word) for each in taken]


def step(at: datetime, results: list[Tried] | None = None, *, room: int = 10) -> list[Any]:
    return forwards.step(the_forwarding().pk, results or [], room=room, at=at)


def test_the_waits_grow_until_24_hours_are_over(account: OfficialAccount, at: datetime) -> None:
    come(account, 1, at=at)
    begin = moment = Forward.objects.get().received_at
    waits = []

    while taken := step(moment):
        assert step(moment + SECOND) == []  # it is held
        step(moment, tried(BotAnswer.TURNED_DOWN, taken))
        next_at = Forward.objects.get().next_at
        if Forward.objects.get().state == ForwardState.GIVEN_UP:
            break
        waits.append((next_at - moment).total_seconds())
        Forwarding.objects.update(rests_until=None)
        assert step(next_at - timedelta(milliseconds=1)) == []
        moment = next_at

    assert waits == sorted(waits)
    assert waits[: len(forwards.WAITS)] == list(forwards.WAITS)
    assert set(waits[len(forwards.WAITS) :]) == {forwards.WAITS[-1]}
    assert timedelta(hours=20) < moment - begin <= timedelta(hours=24)
    assert Forward.objects.get().ended_at == moment


def test_a_bot_that_fails_rests_and_then_one_is_tried(
    account: OfficialAccount, at: datetime
) -> None:
    come(account, 10, at=at)
    order = list(Forward.objects.order_by("pk").values_list("pk", flat=True))

    first = step(at, room=5)
    assert step(at, tried(BotAnswer.UNREACHABLE, first)) == []

    rests_until = the_forwarding().rests_until
    assert rests_until == at + forwards.SHORTEST_REST
    assert forwards.due(at=at) == []
    assert forwards.due(at=rests_until) == [the_forwarding().pk]
    [probe] = step(rests_until)
    assert probe.pk == order[5]
    assert step(rests_until) == []  # one at a time
    # It takes that one: now everything goes, those that failed too, in the order they came.
    rest = step(rests_until, tried(BotAnswer.TAKEN, [probe]))
    assert [each.pk for each in rest] == [*order[:5], *order[6:]]


def test_a_rest_is_no_longer_than_a_minute(account: OfficialAccount, at: datetime) -> None:
    come(account, 40, at=at)
    moment = clock.now()

    for _n in range(30):
        taken = step(moment)
        step(moment, tried(BotAnswer.TOO_SLOW, taken), room=0)
        forwarding_now = the_forwarding()
        assert forwarding_now.rests_until is not None
        rest = forwarding_now.rests_until - moment
        assert forwards.SHORTEST_REST <= rest <= forwards.LONGEST_REST
        moment = forwarding_now.rests_until

    assert rest == forwards.LONGEST_REST


def test_what_was_never_tried_is_given_up_after_24_hours_too(
    account: OfficialAccount, at: datetime
) -> None:
    come(account, 3, at=at)

    assert forwards.give_up(at=at + timedelta(hours=23)) == 0
    assert forwards.give_up(at=at + timedelta(hours=24)) == 3

    assert states() == {"given_up": 3}
    assert forwarding.figures(the_forwarding(), at=at + 25 * HOUR).given_up == 3


def test_what_ended_is_forgotten_in_the_end(account: OfficialAccount, at: datetime) -> None:
    come(account, 4, at=at)
    done = step(at, room=2)
    step(at, tried(BotAnswer.TAKEN, done), room=0)
    forwards.give_up(at=at + timedelta(hours=24))

    assert forwards.forget_ended(at=at + timedelta(days=6)) == 0
    assert forwards.forget_ended(at=at + timedelta(days=8)) == 2
    assert states() == {"given_up": 2}
    assert forwards.forget_ended(at=at + timedelta(days=32)) == 2
    assert WebhookDelivery.objects.count() == 4


# --- several workers


def test_two_workers_never_hold_the_same_delivery(transactional_db: None, at: datetime) -> None:
    account = forwarded(at)
    come(account, 60, at=at)
    pk = the_forwarding().pk
    held: list[int] = []
    start = threading.Barrier(3)

    def take() -> None:
        start.wait(30)
        try:
            for _n in range(10):
                held.extend(each.pk for each in forwards.step(pk, [], room=2, at=at))
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(held) == sorted(Forward.objects.values_list("pk", flat=True))


def test_a_dead_workers_delivery_goes_to_another_when_its_lease_ends(
    account: OfficialAccount, at: datetime
) -> None:
    come(account, 1, at=at)
    [held] = step(at)

    assert step(at + forwards.LEASE - SECOND) == []
    assert forwards.due(at=at + forwards.LEASE - SECOND) == []
    assert forwards.due(at=at + forwards.LEASE) == [the_forwarding().pk]
    [again] = step(at + forwards.LEASE)
    # The first one's late result changes nothing, for the second holds it.
    step(at + forwards.LEASE, tried(BotAnswer.TURNED_DOWN, [held]), room=0)

    assert (again.pk, again.tries) == (held.pk, 2)
    assert Forward.objects.get().leased_until == at + 2 * forwards.LEASE
    step(at + forwards.LEASE, tried(BotAnswer.TAKEN, [again]), room=0)
    assert states() == {"done": 1}


# --- what ends it otherwise


def test_who_is_forgotten_is_not_passed_on_any_more(account: OfficialAccount, at: datetime) -> None:
    person, other = factories.recipient(account, 1), factories.recipient(account, 2)
    for n, each in enumerate((person, other)):
        source = {"type": "user", "userId": each.line_user_id}
        body = body_of(event("message", at, number=n, source=source))
        inbox.store(account.pk, provider="line", body=body, at=at, headers=HEADERS)

    forgetting.erase(person, at=at, by=None)

    assert states() == {"dropped": 1, "waiting": 1}
    [left] = step(at)
    assert str(other.line_user_id).encode() in left.body


def test_what_the_forgotten_said_before_and_comes_late_is_emptied_once_the_bot_has_it(
    account: OfficialAccount, at: datetime
) -> None:
    person = factories.recipient(account, 1)
    source = {"type": "user", "userId": person.line_user_id}
    forgetting.erase(person, at=at, by=None)
    body = body_of(event("message", at - SECOND, source=source))
    inbox.store(account.pk, provider="line", body=body, at=at, headers=HEADERS)

    inbox.read(at=at + SECOND)
    [taken] = step(at + SECOND)

    assert taken.body == body
    step(at + SECOND, tried(BotAnswer.TOO_SLOW, [taken]), room=0)
    assert bytes(WebhookDelivery.objects.get().body) == body
    [again] = step(at + HOUR)
    step(at + HOUR, tried(BotAnswer.TAKEN, [again]), room=0)
    assert bytes(WebhookDelivery.objects.get().body) == b""
    assert WebhookEvent.objects.get().line_user_id == ""


@pytest.mark.parametrize("end", ["given up", "stopped"])
def test_it_is_emptied_too_when_no_bot_took_it(
    end: str, account: OfficialAccount, at: datetime
) -> None:
    person = factories.recipient(account, 1)
    source = {"type": "user", "userId": person.line_user_id}
    forgetting.erase(person, at=at, by=None)
    body = body_of(event("message", at - SECOND, source=source))
    inbox.store(account.pk, provider="line", body=body, at=at, headers=HEADERS)
    inbox.read(at=at + SECOND)

    if end == "stopped":
        forwarding.stop(account, by=None, at=at)
    else:
        forwards.give_up(at=at + 25 * HOUR)

    assert states()["waiting"] == 0
    assert bytes(WebhookDelivery.objects.get().body) == b""


def test_a_body_that_retention_emptied_is_not_passed_on(
    account: OfficialAccount, at: datetime
) -> None:
    come(account, 1, at=at)
    inbox.read(at=at)
    Retention.objects.filter(account=account).update(webhook_bodies_days=1)
    list(retention.batches(at=at + 25 * HOUR, account=account))

    assert step(at + 25 * HOUR) == []

    assert states() == {"dropped": 1}


def test_neither_a_stop_nor_an_account_that_is_off_holds_it_back(
    account: OfficialAccount, at: datetime
) -> None:
    stops.stop(account, by=None, at=at, reason="A wrong file.")
    OfficialAccount.objects.update(is_active=False)
    come(account, 1, at=at)

    assert forwards.due(at=at) == [the_forwarding().pk]
    assert len(step(at)) == 1


def test_to_stop_drops_what_waits(account: OfficialAccount, at: datetime) -> None:
    come(account, 3, at=at)

    forwarding.stop(account, by=None, at=at)

    assert states() == {"dropped": 3}
    assert step(at) == []
    assert forwards.due(at=at) == []


def test_what_came_while_it_was_stopped_is_dropped_too(
    account: OfficialAccount, at: datetime
) -> None:
    come(account, 1, at=at)
    Forwarding.objects.update(is_on=False)  # the webhook was just being stored

    assert step(at) == []
    forwards.give_up(at=at)

    assert states() == {"dropped": 1}


def test_a_new_address_gets_what_waits_at_once(account: OfficialAccount, at: datetime) -> None:
    come(account, 6, at=at)
    step(at, tried(BotAnswer.UNREACHABLE, step(at, room=5)), room=0)

    forwarding.pass_on(account, url="https://bot.example/new", by=None, at=at)

    assert {each.url for each in step(at)} == {"https://bot.example/new"}
    assert Forward.objects.filter(leased_until__gt=at).count() == 6
    assert (the_forwarding().answer, the_forwarding().rests_until) == ("", None)


def test_trying_again_does_not_wait_for_the_rest_to_end(
    account: OfficialAccount, at: datetime
) -> None:
    come(account, 6, at=at)
    step(at, tried(BotAnswer.UNREACHABLE, step(at, room=5)), room=0)
    assert step(at) == []

    assert forwarding.try_again(account, by=None, at=at) == 6

    assert len(step(at)) == 6


def test_an_address_that_is_not_allowed_any_more_gets_nothing(
    account: OfficialAccount, at: datetime, settings: Any
) -> None:
    come(account, 1, at=at)
    settings.BOT_HOSTS = ["elsewhere.example"]

    assert step(at) == []

    assert the_forwarding().answer == "not_allowed"
    assert forwards.due(at=at) == []
    settings.BOT_HOSTS = ["bot.example"]
    assert forwards.due(at=at + forwards.LONGEST_REST) == [the_forwarding().pk]
    assert len(step(at + forwards.LONGEST_REST)) == 1


def test_large_bodies_are_taken_few_at_a_time(account: OfficialAccount, at: datetime) -> None:
    for _n in range(6):
        inbox.store(account.pk, provider="line", body=b"x" * 2**20, at=at, headers=HEADERS)

    assert len(step(at)) == 4


def test_the_figures_are_in_the_metrics(account: OfficialAccount, at: datetime) -> None:
    come(account, 3, at=at)
    step(at)
    Forward.objects.filter(pk=Forward.objects.earliest("pk").pk).update(
        state=ForwardState.GIVEN_UP, ended_at=at
    )

    words = Client().get("/metrics").content.decode()

    assert 'lineportal_forwards{state="waiting"} 2' in words
    assert 'lineportal_forwards{state="given_up"} 1' in words
