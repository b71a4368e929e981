"""LINE's webhook: signature, storage, repeats, disorder, strangers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from lineportal.accounts import credentials
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.providers.line import signature
from lineportal.sending import campaigns, inbox, receipts
from lineportal.sending.models import Message, WebhookDelivery, WebhookEvent
from lineportal.sending.statuses import Status
from recipients.models import Recipient
from tests import factories
from tests.line import SECRET


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def post(account: OfficialAccount, body: bytes, *, secret: str = SECRET) -> HttpResponse:
    return Client().post(
        f"/webhooks/line/{account.webhook_id}/",
        body,
        content_type="application/json",
        headers={"X-Line-Signature": signature(body, secret)},
    )


def event(kind: str, at: datetime, *, number: int = 1, **details: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "webhookEventId": f"01G17EJCGAVV66J5WNA7ZC{number:04d}",
        "deliveryContext": {"isRedelivery": False},
        "timestamp": int(at.timestamp() * 1000),
        "mode": "active",
        **details,
    }


def body_of(*events: dict[str, Any]) -> bytes:
    return json.dumps({"destination": "U" + "0" * 32, "events": list(events)}).encode()


def sent_message(account: OfficialAccount, at: datetime) -> Message:
    factories.recipient(account, 1, consent="agreed")
    by = factories.user("sender")
    template = factories.approved(account)
    campaign = campaigns.create(account, template=template, name="c", by=by, at=at)
    campaigns.start(campaign, by=by, at=at)
    Message.objects.update(status=Status.SENDING, attempts=1, attempt_started_at=at)
    Message.objects.update(
        status=Status.ACCEPTED, accepted_at=at, expires_at=at + timedelta(hours=24)
    )
    return Message.objects.get()


def delivery(message: Message, at: datetime, **details: Any) -> dict[str, Any]:
    tag = message.reference.hex if message.reference else ""
    return event("delivery", at, delivery={"data": tag}, **details)


def test_what_is_signed_is_stored_and_read_later(account: OfficialAccount, at: datetime) -> None:
    message = sent_message(account, at)

    assert post(account, body_of(delivery(message, at))).status_code == 200
    message.refresh_from_db()
    assert message.status == Status.ACCEPTED
    inbox.read(at=at)

    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_a_bad_signature_stores_nothing(account: OfficialAccount, at: datetime) -> None:
    body = body_of(event("follow", at))

    assert post(account, body, secret="other").status_code == 401
    unsigned = Client().post(
        f"/webhooks/line/{account.webhook_id}/", body, content_type="application/json"
    )
    assert unsigned.status_code == 401
    assert not WebhookDelivery.objects.exists()


def test_the_verification_ping_is_answered(account: OfficialAccount) -> None:
    assert post(account, body_of()).status_code == 200


def test_a_replaced_secret_stays_valid_for_72_hours(account: OfficialAccount, at: datetime) -> None:
    road = Road.objects.filter(account=account).first()
    assert road is not None
    for each in Road.objects.filter(account=account):
        new = {**credentials.of(each), "channel_secret": "new"}
        credentials.replace(each, new, for_webhooks={"channel_secret"}, at=datetime.now(UTC))

    assert post(account, body_of(), secret=SECRET).status_code == 200
    assert post(account, body_of(), secret="new").status_code == 200
    Road.objects.update(previous_secret_until=at - timedelta(seconds=1))
    assert post(account, body_of(), secret=SECRET).status_code == 401


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"events": 3}', b'{"events": [{}]}'])
def test_signed_but_unreadable_is_kept_and_flagged(
    body: bytes, account: OfficialAccount, at: datetime
) -> None:
    assert post(account, body).status_code == 200

    inbox.read(at=at)

    kept = WebhookDelivery.objects.get()
    assert bytes(kept.body) == body
    assert kept.problem


def test_more_than_a_mebibyte_is_refused(account: OfficialAccount) -> None:
    assert post(account, b"x" * (1024 * 1024 + 1)).status_code == 413


def test_only_post_and_only_known_addresses(account: OfficialAccount) -> None:
    assert Client().get(f"/webhooks/line/{account.webhook_id}/").status_code == 405
    assert (
        Client().post("/webhooks/line/nobody/", b"{}", content_type="application/json").status_code
        == 404
    )


def test_repeats_count_once(account: OfficialAccount, at: datetime) -> None:
    message = sent_message(account, at)
    first, again = delivery(message, at), delivery(message, at + timedelta(minutes=5))

    post(account, body_of(first, first, {**again, "deliveryContext": {"isRedelivery": True}}))
    post(account, body_of(first))
    inbox.read(at=at)

    assert WebhookEvent.objects.count() == 1
    message.refresh_from_db()
    assert message.delivered_at == datetime.fromtimestamp(first["timestamp"] / 1000, UTC)


def test_unknown_types_and_fields_are_kept(account: OfficialAccount, at: datetime) -> None:
    post(account, body_of(event("hologram", at, beam=3), event("message", at, number=2)))

    inbox.read(at=at)

    assert set(WebhookEvent.objects.values_list("kind", "effect")) == {("other", "kept")}


def test_a_tag_of_another_account_changes_nothing(account: OfficialAccount, at: datetime) -> None:
    message = sent_message(account, at)
    other = factories.account("other", channel="1650000002", secret="s" * 32)

    post(other, body_of(delivery(message, at)), secret="s" * 32)
    inbox.read(at=at)

    message.refresh_from_db()
    assert message.status == Status.ACCEPTED


def test_a_late_event_wins_over_expiry(account: OfficialAccount, at: datetime) -> None:
    message = sent_message(account, at)
    receipts.expire(at=at + timedelta(hours=24))
    message.refresh_from_db()
    assert message.status == Status.EXPIRED

    post(account, body_of(delivery(message, at + timedelta(hours=30))))
    inbox.read(at=at + timedelta(hours=30))

    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_a_stranger_who_blocks_is_recorded(account: OfficialAccount, at: datetime) -> None:
    source = {"type": "user", "userId": factories.user_id(7)}

    post(account, body_of(event("unfollow", at, source=source)))
    inbox.read(at=at)

    person = Recipient.objects.get(line_user_id=factories.user_id(7))
    assert (person.friend_status, person.friend_source) == ("blocked", "line")


@pytest.mark.parametrize("order", ["as it was", "turned round"])
def test_follow_and_unfollow_count_in_lines_order(
    order: str, account: OfficialAccount, at: datetime
) -> None:
    source = {"type": "user", "userId": factories.user_id(7)}
    follow = event("follow", at, number=1, source=source)
    unfollow = event("unfollow", at + timedelta(minutes=1), number=2, source=source)
    events = [follow, unfollow] if order == "as it was" else [unfollow, follow]

    for each in events:
        post(account, body_of(each))
        inbox.read(at=at)

    assert Recipient.objects.get().friend_status == "blocked"
