"""Signed bodies that nobody should send; none may stop the inbox for what comes after."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from django.test import Client

from lineportal.accounts.models import OfficialAccount
from lineportal.providers.line import signature
from lineportal.sending import inbox
from lineportal.sending.models import WebhookDelivery
from recipients.models import Recipient
from tests import factories, mutations
from tests.line import SECRET
from tests.providers.recorded import webhooks
from tests.webhooks.test_line_webhook import body_of, event, post

EVENT = (
    '{{"type": "{kind}", "webhookEventId": {id}, "timestamp": {time}, "source": {source}{more}}}'
)


def raw(**parts: str) -> bytes:
    filled = EVENT.format(
        **{"kind": "follow", "id": '"01A"', "time": "1790000000000", "source": "null", "more": "",
           **parts}
    )  # fmt: skip
    return f'{{"destination": "U0", "events": [{filled}]}}'.encode()


HOSTILE = {
    "deep": b'{"events": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nul in the payload": raw(more=', "text": "a\\u0000b"'),
    "nul in the id": raw(id='"a\\u0000b"'),
    "nul in the user": raw(source='{"userId": "U\\u0000"}'),
    "nul in a name": raw(more=', "a\\u0000": 1'),
    "half a surrogate": raw(more=', "text": "\\ud800"'),
    "half a surrogate in the user": raw(source='{"userId": "\\ud800"}'),
    "a time beyond all years": raw(time="99999999999999999999"),
    "a time before all years": raw(time="-99999999999999"),
    "a time that is not a number": raw(time="NaN"),
    "an endless time": raw(time="Infinity"),
    "a number beyond floats": raw(more=', "n": 1e999'),
    "not a number": raw(more=', "n": NaN'),
    "an id that is a list": raw(id="[1]"),
    "a long id": raw(id='"' + "x" * 5_000 + '"'),
    "a user id that is none": raw(source='{"userId": "me"}'),
    "a user id that is a list": raw(source='{"userId": ["U1"]}'),
    "a source that is a text": raw(source='"me"'),
    "a delivery of nothing": raw(kind="delivery"),
    "a delivery of a list": raw(kind="delivery", more=', "delivery": {"data": []}'),
    "a very long integer": raw(time="1" * 5_000),
    "events that are an object": b'{"events": {"a": 1}}',
    "events that are null": b'{"events": [null]}',
    "nothing": b"",
    "no utf-8": b"\xff\xfe\xfd",
}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_no_signed_body_stops_the_inbox(
    body: bytes, account: OfficialAccount, at: datetime
) -> None:
    source = {"type": "user", "userId": factories.user_id(3)}

    assert post(account, body).status_code == 200
    assert post(account, body_of(event("follow", at, number=9, source=source))).status_code == 200
    inbox.read(at=at)

    first = WebhookDelivery.objects.order_by("pk")[0]
    assert bytes(first.body) == body
    assert not WebhookDelivery.objects.filter(read_at=None).exists()
    assert Recipient.objects.get(line_user_id=factories.user_id(3)).friend_status == "friend"


@pytest.mark.parametrize("webhook_id", ["%00", "%ff", "..", "x" * 300, "%F0%9F%98%80"])
def test_an_address_that_is_none_is_not_found(webhook_id: str, db: None) -> None:
    answer = Client().post(f"/webhooks/line/{webhook_id}/", b"{}", content_type="application/json")

    assert answer.status_code == 404


def test_a_signature_of_any_bytes_is_only_wrong(account: OfficialAccount) -> None:
    for given in ("", "=", "ä", "x" * 5_000):
        answer = Client().post(
            f"/webhooks/line/{account.webhook_id}/",
            json.dumps({"events": []}),
            content_type="application/json",
            headers={"X-Line-Signature": given},
        )
        assert answer.status_code == 401

    assert not WebhookDelivery.objects.exists()


def test_an_event_that_cannot_be_read_does_not_lose_its_neighbours(
    account: OfficialAccount, at: datetime
) -> None:
    source = {"type": "user", "userId": factories.user_id(3)}
    body = body_of({"type": "follow"}, event("follow", at, number=9, source=source))

    post(account, body)
    inbox.read(at=at)

    assert Recipient.objects.get().friend_status == "friend"
    assert WebhookDelivery.objects.get().problem


def test_ten_thousand_mutated_bodies_stop_nothing_and_none_unsigned_is_kept(
    account: OfficialAccount, at: datetime
) -> None:
    bodies = list(mutations.mutants(list(webhooks("line").values()), 10_000, seed=6))
    address, client = f"/webhooks/line/{account.webhook_id}/", Client()
    signed: list[bytes] = []

    def status(body: bytes, given: str | None, to: str = address) -> int:
        headers = {} if given is None else {"X-Line-Signature": given}
        answer = client.post(to, body, content_type="application/json", headers=headers)
        return answer.status_code

    for n, body in enumerate(bodies):
        right = signature(body, SECRET)
        match n % 10:
            case 0:
                assert status(body, None) == 401
            case 1:
                assert status(body, signature(body, "another-secret")) == 401
            case 2:
                assert status(body + b" ", right) == 401
            case 3:
                assert status(body, right[: n % len(right)]) == 401
            case 4:
                assert status(body, right, address.replace(account.webhook_id, "nobody")) == 404
            case _:
                assert status(body, right) == 200
                signed.append(body)
    kept = WebhookDelivery.objects.order_by("pk").values_list("body", flat=True)
    assert [bytes(each) for each in kept] == signed

    source = {"type": "user", "userId": factories.user_id(3)}
    assert post(account, body_of(event("follow", at, number=9, source=source))).status_code == 200
    inbox.read(at=at)

    assert not WebhookDelivery.objects.filter(read_at=None).exists()
    assert Recipient.objects.get(line_user_id=factories.user_id(3)).friend_status == "friend"
