"""A conversation by Infobip: what the simulator's people say, pushed over HTTP and kept."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from pytest_django.live_server_helper import LiveServer

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations import media_store
from lineportal.conversations.models import Media
from lineportal.sending import inbox, media_fetch
from tests import factories
from tests.conversations import talk
from tests.line import Line
from tests.simulator.driving import FILES
from tests.working import in_database, run

pytestmark = pytest.mark.django_db(transaction=True)
KEY, SENDER, PASSWORD = "infobips-own-key", "SHOP", "pushed-0123456789"


@pytest.fixture
def account(line: Line, live_server: LiveServer) -> OfficialAccount:
    made = factories.account(
        provider="infobip",
        service="oa",
        given={"api_key": KEY, "sender": SENDER, "webhook_user": "infobip",
               "webhook_password": PASSWORD},
        api_base_url=line.url,
    )  # fmt: skip
    sender = {
        "api_key": KEY,
        "webhook_url": f"{live_server.url}/webhooks/infobip/{made.webhook_id}/",
        "webhook_user": "infobip",
        "webhook_password": PASSWORD,
    }
    line.call("PUT", f"infobip/senders/{SENDER}", sender)
    line.people({"phone": factories.phone(1), "line_user_id": talk.ANNA, "friend_status": "friend"})
    return made


def act(line: Line, what: str, **given: object) -> None:
    body = {"channel": f"infobip-{SENDER}", **given} if what != "unsend" else given
    line.call("POST", f"people/{talk.ANNA}/{what}", body)


def read(line: Line) -> None:
    line.call("POST", "webhooks/flush", {})
    inbox.read(at=datetime.now(UTC))


def test_all_that_is_said_is_kept_and_a_file_is_fetched_with_the_accounts_key(
    account: OfficialAccount, line: Line
) -> None:
    data = FILES["image"]
    act(line, "say", text="สวัสดี")
    act(line, "send_file", name="a.jpg", data=base64.b64encode(data).decode())
    act(line, "send_sticker", sticker="52002738")
    act(line, "send_place", title="ร้าน", latitude=13.75, longitude=100.5)
    read(line)
    run(media_fetch.fetch(in_database, may_go_on=lambda: True))

    said = talk.with_(account).messages.order_by("occurred_at", "pk")
    assert [(each.kind, each.text) for each in said] == [
        ("text", "สวัสดี"), ("image", ""), ("sticker", "Thank you"), ("location", "ร้าน"),
    ]  # fmt: skip
    kept = Media.objects.get()
    assert (kept.state, kept.content_type) == ("kept", "image/jpeg")
    assert b"".join(media_store.pieces(kept)) == data
    [fetched] = [one for one in line.requests("/line-oa/1/media/") if one["method"] == "GET"]
    assert fetched["status"] == 200


def test_what_is_taken_back_is_gone_with_its_file(account: OfficialAccount, line: Line) -> None:
    data = base64.b64encode(FILES["file"]).decode()
    act(line, "send_file", name="a.pdf", data=data)
    read(line)
    run(media_fetch.fetch(in_database, may_go_on=lambda: True))
    [sent] = line.call("GET", f"people/{talk.ANNA}/chat")["entries"]

    act(line, "unsend", message_id=sent["id"])
    read(line)

    [message] = talk.with_(account).messages.all()
    assert message.unsent_at is not None
    assert not Media.objects.filter(state="kept").exists()
