"""A campaign by 8x8, over real HTTP to a small server of 8x8's documented shapes."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.sending import campaigns, inbox, messages, previews, retries, senders
from lineportal.sending.models import Message, WebhookDelivery, WebhookEvent
from recipients.intake import Invalid
from tests import factories, jobs

PASSWORD = "password-of-the-webhook"


class Recorder:
    """What 8x8 was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.url = ""


@pytest.fixture
def eight() -> Iterator[Recorder]:
    """8x8, which takes every message."""
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            recorder.asked.append((self.path, self.headers["Authorization"], body))
            answer = {
                "umid": f"umid-{len(recorder.asked)}",
                "user": body["user"],
                "clientMessageId": body["clientMessageId"],
                "status": {"state": "queued", "timestamp": "2026-11-25T03:04:05.67Z"},
            }
            raw = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        recorder.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield recorder
        server.shutdown()
        thread.join()


def account(slug: str = "thai-post", *, key: str = "key-1", url: str = "") -> OfficialAccount:
    return factories.account(
        slug,
        provider="8x8",
        api_base_url=url,
        given={
            "api_key": key,
            "sub_account_id": f"{slug}_lon",
            "webhook_user": "eight",
            "webhook_password": PASSWORD,
        },
    )


def report(message: Message, state: str, detail: str = "", **status: Any) -> dict[str, Any]:
    reference = message.reference
    assert reference is not None
    return {
        "version": 9,
        "eventType": "outbound_message_status_changed",
        "payload": {
            "umid": f"umid-{message.pk}",
            "clientMessageId": reference.hex,
            "subAccountId": message.account.roads.get().sender,
            "channel": "LineNotification",
            "user": {"msisdn": message.address},
            "status": {
                "state": state, "detail": detail, "timestamp": "2026-11-25T03:05:00Z", **status,
            },
        },
    }  # fmt: skip


def post(to: OfficialAccount, body: Any, password: str = PASSWORD) -> int:
    word = base64.b64encode(f"eight:{password}".encode()).decode()
    response = Client().post(
        f"/webhooks/8x8/{to.webhook_id}/",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Basic {word}"},
    )
    return response.status_code


def started(of: OfficialAccount, at: datetime) -> None:
    by = factories.user("sender")
    template = factories.approved(of)
    campaigns.start(
        campaigns.create(of, template=template, name="parcels", by=by, at=at), by=by, at=at
    )


def test_a_campaign_goes_out_and_its_reports_come_in(
    eight: Recorder, drain: Callable[[], None], at: datetime
) -> None:
    sent = account(url=eight.url)
    for n in range(4):
        factories.recipient(sent, n, consent="agreed")
    started(sent, at)

    drain()

    assert {path for path, *_ in eight.asked} == {"/api/v1/subaccounts/thai-post_lon/lon"}
    assert {key for _, key, _ in eight.asked} == {"Bearer key-1"}
    assert sorted(body["user"]["msisdn"] for *_, body in eight.asked) == [
        factories.phone(n) for n in range(4)
    ]
    content = eight.asked[0][2]["content"]
    assert content["title"] == factories.PARCEL["title"]
    assert content["emphasis"] == {"label": "เลขพัสดุ", "Content": "TH012345678"}
    assert content["actions"][0]["url"] == "https://example.com/t/TH012345678"
    assert set(Message.objects.values_list("status", flat=True)) == {"accepted"}

    first, second, third, fourth = Message.objects.order_by("pk")
    assert post(sent, report(first, "delivered", "delivered_to_recipient")) == 200
    assert post(sent, report(second, "sent", "delivered_to_operator")) == 200
    assert post(sent, report(third, "undelivered", "undelivered_to_recipient", errorCode=46)) == 200
    assert post(sent, report(fourth, "rejected", "rejected_by_operator", errorCode=2)) == 200
    inbox.read(at=at)

    assert list(Message.objects.order_by("pk").values_list("status", flat=True)) == [
        "delivered", "accepted", "refused", "failed",
    ]  # fmt: skip
    campaign = first.campaign
    assert campaign is not None
    assert jobs.stop_for_faults(at=at) == 1
    campaign.refresh_from_db()
    assert (campaign.state, campaign.stop_code) == ("paused", "template")


def test_without_its_password_nothing_is_stored(db: None) -> None:
    assert post(account(), {}, password="guessed") == 401
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize(("key", "is_theirs"), [("key-1", True), ("key-2", False)])
def test_one_address_serves_the_accounts_of_one_key_and_no_other(
    key: str, is_theirs: bool, eight: Recorder, drain: Callable[[], None], at: datetime
) -> None:
    told, other = account(), account("thai-bank", key=key, url=eight.url)
    factories.recipient(other, 0, consent="agreed")
    started(other, at)
    drain()
    message = Message.objects.get()

    post(told, report(message, "delivered", "delivered_to_recipient"))
    inbox.read(at=at)

    message.refresh_from_db()
    event = WebhookEvent.objects.get()
    assert message.status == ("delivered" if is_theirs else "accepted")
    assert event.account_id == (other.pk if is_theirs else told.pk)
    assert senders.told_with(told.pk) == sorted({told.pk, *([other.pk] if is_theirs else [])})


def test_what_8x8_cannot_carry_is_said_before_anything_is_written(db: None, at: datetime) -> None:
    of = account()
    person = factories.recipient(of, 0, consent="agreed")
    template = factories.approved(of, content={**factories.PARCEL, "icon": "📦"})
    by = factories.user("sender")
    campaign = campaigns.create(of, template=template, name="parcels", by=by, at=at)

    with pytest.raises(campaigns.WrongState, match="no such icon"):
        campaigns.start(campaign, by=by, at=at)
    with pytest.raises(Invalid, match="no such icon"):
        messages.request(
            of, template=template, phone=person.phone, line_user_id=None, values={}, key="k",
            body={}, by=by, at=at,
        )  # fmt: skip

    assert (
        "no such icon" in previews.wire(template, factories.VALUES)["providers"]["8x8"]["problem"]
    )
    assert not Message.objects.exists()


def test_a_message_too_long_with_its_values_fails_alone(
    eight: Recorder, drain: Callable[[], None], at: datetime
) -> None:
    of = account(url=eight.url)
    factories.recipient(of, 0, consent="agreed")
    long = {**factories.VALUES, "name": "ส" * 250, "parcel_from": "ร" * 250}
    factories.recipient(of, 1, consent="agreed", attributes=long)
    started(of, at)

    drain()

    ends = dict(Message.objects.values_list("status", "detail"))
    assert set(ends) == {"accepted", "failed"}
    assert "8x8 takes 500" in ends["failed"]
    assert len(eight.asked) == 1


def test_another_accounts_lost_key_does_not_stop_the_inbox(
    eight: Recorder, drain: Callable[[], None], at: datetime
) -> None:
    sent, _other = account(url=eight.url), account("thai-bank", key="key-2")
    factories.recipient(sent, 0, consent="agreed")
    started(sent, at)
    drain()
    Road.objects.filter(sender="thai-bank_lon").update(credentials="written with a lost key")

    post(sent, report(Message.objects.get(), "delivered", "delivered_to_recipient"))
    inbox.read(at=at)

    assert Message.objects.get().status == "delivered"
    assert senders.told_with(sent.pk) == [sent.pk]


@pytest.mark.parametrize("wrong", [{"umid": "\ud800"}, {"more": {"\udfff": 1}}, {"more": "\0"}])
def test_a_body_that_cannot_be_stored_stops_nothing(wrong: Any, db: None, at: datetime) -> None:
    of = account()
    status = {"state": "sent", "timestamp": "2026-11-25T03:05:00Z"}
    payload = {"umid": "u", "channel": "LineNotification", "status": status}

    assert post(of, {"payload": {**payload, **wrong}}) == 200
    assert post(of, {"payload": payload}) == 200
    assert inbox.read(at=at) == 2

    assert WebhookEvent.objects.count() == 1
    assert WebhookDelivery.objects.exclude(problem="").count() == 1


def test_what_was_taken_and_reported_as_failed_is_not_sent_again_with_the_rest(
    eight: Recorder, drain: Callable[[], None], at: datetime
) -> None:
    of = account(url=eight.url)
    factories.recipient(of, 0, consent="agreed")
    started(of, at)
    drain()
    message = Message.objects.get()
    post(of, report(message, "rejected", "rejected_by_operator", errorCode=2))
    inbox.read(at=at)
    jobs.stop_for_faults(at=at)

    campaign = message.campaign
    assert campaign is not None
    with pytest.raises(retries.NothingToRetry):
        retries.retry_failed(campaign, by=factories.user("sender"), at=at)
