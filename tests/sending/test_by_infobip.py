"""A campaign by Infobip from end to end, over real HTTP to a server of the documented shapes.

The server is this test's own, built from Infobip's documentation; it is not the simulator.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.sending import campaigns, forgetting, inbox, polling, receipts, roads
from lineportal.sending.models import Campaign, Incident, Message, WebhookDelivery, WebhookEvent
from lineportal.sending.statuses import Status
from recipients.models import Recipient
from tests import factories
from tests.providers.misbehaving import closed_port
from tests.working import in_database

Drain = Callable[[], None]
KEY = "003026bbc133714df1834b8638bb496e"
PASSWORD = "pushed-0123456789"
BASIC = {"webhook_user": "infobip", "webhook_password": PASSWORD}
NO_ERROR = {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "permanent": False}


class Infobip(BaseHTTPRequestHandler):
    """Takes messages of known senders, and gives each report to one caller once."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"App {KEY}":
            self._answer(401, {"errorCode": "E401", "description": "No.", "violations": []})
            return
        server.posts.append((self.path, body))
        answers = []
        for message in body["messages"]:
            [destination] = message["destinations"]
            is_again = destination["messageId"] in server.taken
            server.taken[destination["messageId"]] = (message["sender"], destination["to"])
            name = "REJECTED_DUPLICATE_MESSAGE_ID" if is_again else "PENDING_ENROUTE"
            answers.insert(0, {"messageId": destination["messageId"], "status": status(name),
                               "destination": destination["to"]})  # fmt: skip
        self._answer(200, {"bulkId": f"bulk-{len(server.posts)}", "messages": answers})

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        limit = int(parse_qs(urlsplit(self.path).query)["limit"][0])
        with server.lock:
            page, server.reports = server.reports[:limit], server.reports[limit:]
        self._answer(200, {"results": page})

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""

    def _answer(self, code: int, body: Any) -> None:
        raw = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Infobip)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.posts: list[tuple[str, Any]] = []
        self.taken: dict[str, tuple[str, str]] = {}  # sender and address by message id
        self.reports: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def report(self, message_id: str, name: str, error: Any = NO_ERROR) -> dict[str, Any]:
        """Return what is reported of a message that was taken."""
        sender, to = self.taken[message_id]
        return {
            "bulkId": "bulk-1", "messageId": message_id, "to": to, "sender": sender,
            "sentAt": "2026-11-24T03:15:15.457+0000", "doneAt": "2026-11-24T03:15:15.799+0000",
            "messageCount": 1, "mccMnc": "52001", "status": status(name), "error": error,
            "price": {"pricePerMessage": 0.12, "currency": "THB"},
        }  # fmt: skip


def status(name: str) -> dict[str, Any]:
    group = name.split("_")[0]
    return {"groupId": 0, "groupName": group, "id": 0, "name": name, "description": name.title()}


@pytest.fixture
def infobip() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def opened(
    infobip: Server, slug: str = "thai-post", *, service: str = "lon", **given: str
) -> OfficialAccount:
    return factories.account(
        slug,
        provider="infobip",
        service=service,
        given={"api_key": KEY, "sender": f"OA-{slug}", **given},
        api_base_url=infobip.url,
        rate_per_second=1000,
    )


def begun(account: OfficialAccount, at: datetime, by: User, *, people: int = 7) -> Campaign:
    road = Road.objects.get(account=account)
    make = factories.approved if road.service == "lon" else factories.two_way
    template = make(account)
    for n in range(people):
        factories.recipient(account, n, consent="agreed", friend_status="friend")
    campaign = campaigns.create(account, template=template, name="c", by=by, at=at)
    return campaigns.start(campaign, by=by, at=at)


def hexes(campaign: Campaign) -> list[str]:
    """Return our references, in the order of phone numbers."""
    rows = campaign.messages.order_by("recipient__phone")
    return [reference.hex for reference in rows.values_list("reference", flat=True) if reference]


def statuses(campaign: Campaign) -> list[str]:
    rows = campaign.messages.order_by("recipient__phone")
    return list(rows.values_list("status", flat=True))


def poll_once() -> int:
    """Ask for reports as the poller does, once for each key; return how many pages came."""

    async def run() -> int:
        chosen = await in_database(polling.roads)
        return sum([await polling.poll(road_id, in_database) for road_id in chosen])

    return asyncio.run(run())


def push(
    account: OfficialAccount, *results: dict[str, Any], password: str = PASSWORD
) -> HttpResponse:
    word = base64.b64encode(f"infobip:{password}".encode()).decode()
    return Client().post(
        f"/webhooks/infobip/{account.webhook_id}/",
        json.dumps({"results": list(results)}),
        content_type="application/json",
        headers={"Authorization": f"Basic {word}"},
    )


ENDS = {
    "DELIVERED_TO_HANDSET": Status.DELIVERED,
    "DELIVERED_TO_OPERATOR": Status.ACCEPTED,
    "PENDING_WAITING_DELIVERY": Status.ACCEPTED,
    "UNDELIVERABLE_NOT_DELIVERED": Status.REFUSED,
    "EXPIRED_EXPIRED": Status.EXPIRED,
    "REJECTED_FLOODING_FILTER": Status.FAILED,
    "REJECTED_NOT_IN_ANY_TABLE": Status.FAILED,
}


def test_a_campaign_goes_in_batches_and_reports_are_fetched_once(
    infobip: Server, drain: Drain, at: datetime, sender: User
) -> None:
    campaign = begun(opened(infobip), at, sender, people=40)

    drain()

    assert set(statuses(campaign)) == {Status.ACCEPTED}
    entries = [entry for _path, body in infobip.posts for entry in body["messages"]]
    assert {path for path, _body in infobip.posts} == {"/line/1/messages"}
    assert len(entries) == 40 > len(infobip.posts)
    assert {entry["sender"] for entry in entries} == {"OA-thai-post"}
    assert sorted(entry["destinations"][0]["to"] for entry in entries) == [
        factories.phone(n)[1:] for n in range(40)
    ]
    assert {entry["content"]["contents"]["type"] for entry in entries} == {"BUBBLE"}
    message = campaign.messages.order_by("pk")[0]
    assert (message.request_id[:5], message.detail) == ("bulk-", "PENDING_ENROUTE")

    ids = hexes(campaign)
    infobip.reports = [infobip.report(*pair) for pair in zip(ids, ENDS, strict=False)]
    assert poll_once() == 1
    assert WebhookDelivery.objects.get().read_at is None  # stored before anybody looks into it
    inbox.read(at=at)

    assert statuses(campaign) == [*ENDS.values(), *[Status.ACCEPTED] * 33]
    assert poll_once() == 0
    assert WebhookDelivery.objects.count() == 1
    failed = campaign.messages.get(reference=ids[5])
    assert failed.detail == "REJECTED_FLOODING_FILTER Rejected_Flooding_Filter"
    # No number of anybody is in what is kept of the reports.
    assert not any(
        factories.phone(n)[1:] in json.dumps(payload)
        for n, payload in enumerate(WebhookEvent.objects.values_list("payload", flat=True))
    )


def test_a_late_delivery_wins_and_silence_expires(
    infobip: Server, drain: Drain, at: datetime, sender: User
) -> None:
    campaign = begun(opened(infobip), at, sender, people=2)
    drain()
    first, second = hexes(campaign)

    receipts.expire(at=at + timedelta(hours=25))
    assert statuses(campaign) == [Status.EXPIRED, Status.EXPIRED]
    infobip.reports = [infobip.report(second, "DELIVERED_TO_HANDSET"),
                       infobip.report(first, "EXPIRED_DLR_UNKNOWN")]  # fmt: skip
    poll_once()
    inbox.read(at=at)

    assert statuses(campaign) == [Status.EXPIRED, Status.DELIVERED]


def test_reports_are_pushed_and_each_counts_once(
    infobip: Server, drain: Drain, at: datetime, sender: User
) -> None:
    account = opened(infobip, **BASIC, reports="pulled")
    campaign = begun(account, at, sender, people=2)
    drain()
    told = infobip.report(hexes(campaign)[0], "DELIVERED_TO_HANDSET")

    assert push(account, told, password="a guess").status_code == 401
    assert not WebhookDelivery.objects.exists()
    assert [push(account, told).status_code for _time in range(2)] == [200, 200]
    infobip.reports = [told]
    assert poll_once() == 1
    inbox.read(at=at)

    assert statuses(campaign) == [Status.DELIVERED, Status.ACCEPTED]
    assert WebhookDelivery.objects.count() == 3
    assert WebhookEvent.objects.count() == 1


def test_without_webhook_credentials_nothing_pushed_is_stored(
    infobip: Server, db: None, at: datetime
) -> None:
    account = opened(infobip)

    assert push(account).status_code == 401
    assert push(account, password="").status_code == 401
    assert not WebhookDelivery.objects.exists()


def test_accounts_that_share_a_key_are_polled_once_and_each_gets_its_own(
    infobip: Server, drain: Drain, at: datetime, sender: User
) -> None:
    one = begun(opened(infobip, "one"), at, sender, people=2)
    two = begun(opened(infobip, "two"), at, sender, people=2)
    drain()
    assert len(polling.roads()) == 1
    infobip.reports = [
        infobip.report(hexes(two)[0], "DELIVERED_TO_HANDSET"),
        infobip.report(hexes(one)[1], "UNDELIVERABLE_NOT_DELIVERED"),
    ]

    assert poll_once() == 1
    inbox.read(at=at)

    assert statuses(one) == [Status.ACCEPTED, Status.REFUSED]
    assert statuses(two) == [Status.DELIVERED, Status.ACCEPTED]


def test_a_page_that_is_cut_short_counts_as_far_as_it_came_and_is_flagged(
    infobip: Server, drain: Drain, at: datetime, sender: User
) -> None:
    account = opened(infobip)
    campaign = begun(account, at, sender, people=2)
    drain()
    page = json.dumps(
        {"results": [infobip.report(each, "DELIVERED_TO_HANDSET") for each in hexes(campaign)]}
    )

    inbox.store(account.pk, provider="infobip", body=page[:-60].encode(), at=at)
    inbox.read(at=at)

    assert statuses(campaign) == [Status.DELIVERED, Status.ACCEPTED]
    assert "not understood" in WebhookDelivery.objects.get().problem


def test_an_account_fault_stops_the_campaign(
    infobip: Server, drain: Drain, at: datetime, sender: User
) -> None:
    account = opened(infobip)
    campaign = begun(account, at, sender, people=3)
    roads.replace_credentials(account, service="lon", given={"api_key": "revoked"}, at=at, by=None)

    drain()

    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.PAUSED
    assert Status.FAILED in statuses(campaign)
    assert infobip.posts == []


def test_two_way_messages_and_who_follows(
    infobip: Server, drain: Drain, at: datetime, sender: User
) -> None:
    account = opened(infobip, service="oa", **BASIC)
    campaign = begun(account, at, sender, people=3)
    drain()
    assert {path for path, _body in infobip.posts} == {"/line-oa/1/messages"}
    assert {to for _sender, to in infobip.taken.values()} == {
        factories.user_id(n) for n in range(3)
    }

    did = {
        "sender": factories.user_id(1), "to": "OA-thai-post", "integrationType": "LINE_OA",
        "receivedAt": "2026-11-24T03:20:09.123+0000", "messageId": "in-1", "price": {},
        "message": {"type": "UNFOLLOW", "timestamp": int(time.time() * 1000)},
    }  # fmt: skip
    told = infobip.report(hexes(campaign)[0], "DELIVERED_TO_HANDSET")
    assert [push(account, each).status_code for each in (did, did, told)] == [200, 200, 200]
    inbox.read(at=at)

    people = Recipient.objects.order_by("phone").values_list("friend_status", flat=True)
    assert list(people) == ["friend", "blocked", "friend"]
    assert statuses(campaign)[0] == Status.DELIVERED
    assert WebhookEvent.objects.count() == 2


def test_who_is_forgotten_is_in_no_body_any_more(
    infobip: Server, drain: Drain, at: datetime, sender: User
) -> None:
    campaign = begun(opened(infobip), at, sender, people=1)
    drain()
    infobip.reports = [infobip.report(hexes(campaign)[0], "DELIVERED_TO_HANDSET")]
    poll_once()
    assert factories.phone(0)[1:].encode() in bytes(WebhookDelivery.objects.get().body)

    forgetting.erase(Recipient.objects.get(), at=at, by=None)

    assert bytes(WebhookDelivery.objects.get().body) == b""
    assert Message.objects.get().status == Status.DELIVERED


def test_reports_that_cannot_be_fetched_become_an_incident_until_they_can(
    infobip: Server, drain: Drain, at: datetime, sender: User
) -> None:
    account = opened(infobip)
    begun(account, at, sender, people=1)
    road = Road.objects.get(account=account)

    def poll(told_after: timedelta) -> None:
        asyncio.run(polling.poll(road.pk, in_database, told_after=told_after))

    address = road.api_base_url
    Road.objects.update(api_base_url=f"http://127.0.0.1:{closed_port()}")
    poll(timedelta(minutes=10))
    assert not Incident.objects.exists()
    poll(timedelta(0))
    incident = Incident.objects.get()
    assert (incident.code, incident.road_id, incident.closed_at) == ("unreported", road.pk, None)

    Road.objects.update(api_base_url=address)
    poll(timedelta(minutes=10))
    incident.refresh_from_db()
    assert incident.closed_at is not None


def test_a_page_fetched_with_one_key_reaches_the_account_of_another(
    infobip: Server, drain: Drain, at: datetime, sender: User
) -> None:
    one = begun(opened(infobip, "one"), at, sender, people=1)
    two = begun(opened(infobip, "two"), at, sender, people=1)
    drain()
    told = {"results": [infobip.report(hexes(two)[0], "DELIVERED_TO_HANDSET")]}
    roads.replace_credentials(
        one.account, service="lon", given={"api_key": "another"}, at=at, by=None
    )

    inbox.store(one.account_id, provider="infobip", body=json.dumps(told).encode(), at=at)
    inbox.read(at=at)
    assert statuses(two) == [Status.ACCEPTED], "pushed to another's address it says nothing"

    inbox.store_fetched(one.account_id, provider="infobip", body=json.dumps(told).encode(), at=at)
    inbox.read(at=at)
    assert statuses(two) == [Status.DELIVERED]
