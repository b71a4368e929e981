"""Webhooks: signed, batched, repeated, shuffled, held back, and never in the way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

from lineportal.simulator import events
from tests.simulator.driving import CHANNEL, SECRET, Inbox, Line, eventually


def tags(number: int) -> list[str]:
    return [f"message-number-{n:04}" for n in range(number)]


def test_the_signature_is_lines_documented_example() -> None:
    raw = b'{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}'
    assert events.signature(SECRET, raw) == "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="


def is_signed(inbox: Inbox, number: int) -> bool:
    headers, raw = inbox.posts[number]
    wanted = base64.b64encode(hmac.digest(SECRET.encode(), raw, hashlib.sha256)).decode()
    return headers["x-line-signature"] == wanted


def test_the_raw_body_is_signed_with_the_channel_secret(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    line.notify()
    line.advance(0)
    assert is_signed(inbox, 0)


def test_a_wrong_signature_comes_on_demand(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    line.control("POST", "webhooks", {"bad_signature": True})
    line.notify()
    line.advance(0)
    line.control("POST", "webhooks", {"bad_signature": False})
    line.notify()
    line.advance(0)
    assert [is_signed(inbox, n) for n in range(2)] == [False, True]


def test_events_are_held_back_until_flushed_and_then_come_together(
    line: Line, inbox: Inbox
) -> None:
    line.person(consent="agreed")
    line.control("POST", "webhooks", {"hold": True})
    for tag in tags(250):
        line.notify(tag=tag)
    assert line.control("GET", "webhooks")["held"] == 250
    assert inbox.posts == []

    flushed = line.control("POST", "webhooks/flush")

    assert flushed == {"webhooks": 250, "settled": True}
    assert sorted(inbox.delivered) == tags(250)
    assert sorted(len(body["events"]) for body in inbox.bodies) == [50, 100, 100]


def test_ending_the_hold_sends_what_was_held(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    line.control("POST", "webhooks", {"hold": True})
    line.notify()
    line.control("POST", "webhooks", {"hold": False})
    assert eventually(lambda: len(inbox.delivered) == 1)


def test_every_event_comes_twice_on_demand_and_is_not_marked(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    line.control("POST", "webhooks", {"duplicate": True})
    line.notify()
    line.advance(0)
    first, second = inbox.events
    assert first == second
    assert first["deliveryContext"] == {"isRedelivery": False}


def test_events_come_out_of_order_on_demand(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    line.control("POST", "webhooks", {"hold": True, "shuffle": True})
    for tag in tags(30):
        line.notify(tag=tag)
    line.control("POST", "webhooks/flush")
    assert inbox.delivered != tags(30)
    assert sorted(inbox.delivered) == tags(30)


def test_otherwise_they_come_in_order(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    for tag in tags(30):
        line.notify(tag=tag)
    line.advance(0)
    assert inbox.delivered == tags(30)


def test_a_refused_webhook_comes_again_where_redelivery_is_on(line: Line, inbox: Inbox) -> None:
    line.channel(redelivery=True)
    line.person(consent="agreed")
    inbox.statuses = [500, 503]
    line.notify()

    assert line.advance(0)["settled"] is True

    assert [e["deliveryContext"]["isRedelivery"] for e in inbox.events] == [
        False,
        True,
        True,
    ]
    assert len({e["webhookEventId"] for e in inbox.events}) == 1
    assert len({e["timestamp"] for e in inbox.events}) == 1
    assert all(is_signed(inbox, n) for n in range(3))


def test_it_does_not_where_redelivery_is_off(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    inbox.statuses = [500]
    line.notify()
    line.advance(0)
    assert len(inbox.posts) == 1
    [post] = line.control("GET", "webhooks")["sent"]
    assert (post["ok"], post["status"], post["reason"]) == (
        False,
        500,
        "ERROR_STATUS_CODE",
    )


def test_one_event_or_all_are_redelivered_on_demand(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    for tag in tags(2):
        line.notify(tag=tag)
    line.advance(0)
    event_id = inbox.events[0]["webhookEventId"]

    line.control("POST", "webhooks/redeliver", {"webhook_event_id": event_id})
    everything = line.control("POST", "webhooks/redeliver", {"all": True})

    assert everything["webhooks"] == 2
    assert inbox.delivered == [*tags(2), tags(2)[0], *tags(2)]
    marked = [e["deliveryContext"]["isRedelivery"] for e in inbox.events]
    assert marked == [False, False, True, True, True]


def test_a_slow_webhook_does_not_delay_the_api_and_is_given_up(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    inbox.slow_seconds = 2.3
    began = time.monotonic()
    for tag in tags(20):
        line.notify(tag=tag)
    took = time.monotonic() - began

    inbox.slow_seconds = 0
    line.advance(0)

    assert took < 1.5
    assert line.control("GET", "webhooks")["sent"][0]["reason"] == "REQUEST_TIMEOUT"
    assert inbox.delivered == tags(20)


def test_without_an_address_or_when_switched_off_nothing_is_sent(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed")
    line.channel(webhook_active=False)
    line.notify()
    line.channel(webhook_active=True, webhook_url=None)
    line.notify()
    assert line.advance(0)["settled"] is True
    assert inbox.posts == []


def test_two_channels_may_share_an_address_and_are_told_apart(line: Line, inbox: Inbox) -> None:
    line.channel("2000000002", channel_access_token="another", webhook_url=inbox.url)
    line.person(friend_status="friend")
    line.act("block", channel=CHANNEL)
    line.act("block", channel="2000000002")
    destinations = [body["destination"] for body in inbox.bodies]
    assert len(set(destinations)) == 2
