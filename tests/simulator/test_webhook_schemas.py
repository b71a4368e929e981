"""Every event the simulator sends, against the schemas of LINE's OpenAPI for webhooks."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.simulator.driving import CHANNEL, FILES, TEMPLATED, USER, Inbox, Line

OTHER = "2000000002"
SCHEMAS: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parent / "line-openapi" / "webhook.yml").read_text(encoding="utf-8")
)["components"]["schemas"]


def named(of: str, kind: str) -> str:
    """The schema that a discriminator chooses for this kind."""
    return str(SCHEMAS[of]["discriminator"]["mapping"][kind].rpartition("/")[2])


def allowed(name: str) -> set[str]:
    """The fields that a schema knows, those it inherits too."""
    schema = SCHEMAS[name]
    found = set(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        inherited = "$ref" in part and allowed(part["$ref"].rpartition("/")[2])
        found |= inherited or set(part.get("properties", {}))
    return found


def check(value: Any, name: str) -> None:
    root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    jsonschema.validate(value, root, cls=jsonschema.Draft4Validator)
    assert set(value) <= allowed(name), name


def check_event(event: Any) -> None:
    check(event, named("Event", event["type"]))
    if "source" in event:
        check(event["source"], named("Source", event["source"]["type"]))
    if "message" in event:
        check(event["message"], named("MessageContent", event["message"]["type"]))


def test_an_edit_is_as_the_reference_has_it(line: Line, inbox: Inbox) -> None:
    """LINE's OpenAPI file does not have the event yet; what it has in it is there."""
    line.person(friend_status="friend")
    line.act("say", text="one")
    message_id = line.chat()[-1]["id"]

    line.act("edit", message_id=message_id, text="two")

    event = inbox.events[-1]
    assert (event["type"], event["message"]["id"]) == ("messageEdited", message_id)
    check(event["message"], "TextMessageContent")
    assert line.chat()[-1]["text"] == event["message"]["text"] == "two"


def live(line: Line, inbox: Inbox) -> None:
    """Do everything that sends an event."""
    line.person(consent="agreed", friend_status="not_friend")
    line.notify()
    line.notify(path=TEMPLATED, tag=None)
    for act in ("follow", "block", "unblock", "send_picture"):
        line.act(act)
    line.act("say", text="สวัสดี 👋")
    line.act("press", data="a=1")
    line.act("unsend", message_id=line.chat()[-2]["id"])
    for data in FILES.values():
        line.act("send_file", name="สัญญา.pdf", data=base64.b64encode(data).decode())
    line.act("send_sticker", sticker="52002738")
    line.act("send_place", title="ร้าน", latitude=13.75, longitude=100.5)
    token = line.call("POST", f"/v2/bot/user/{USER}/linkToken", {}).body["linkToken"]
    line.act("link", link_token=token, nonce="a-nonce")
    line.advance(0)


def test_every_event_keeps_to_lines_schemas(line: Line, inbox: Inbox) -> None:
    live(line, inbox)
    for body in inbox.bodies:
        check(body, "CallbackRequest")
    for event in inbox.events:
        check_event(event)
    assert {event["type"] for event in inbox.events} == set(
        SCHEMAS["Event"]["discriminator"]["mapping"]
    )


def test_redelivered_events_do_too(line: Line, inbox: Inbox) -> None:
    live(line, inbox)
    first = inbox.events
    line.control("POST", "webhooks/redeliver", {"all": True})
    again = inbox.events[len(first) :]
    assert len(again) == len(first)
    for event in again:
        check_event(event)
        assert event["deliveryContext"] == {"isRedelivery": True}


@pytest.mark.parametrize(
    ("missing", "event"),
    [
        ("replyToken", {"type": "follow", "follow": {"isUnblocked": False}}),
        ("data", {"type": "delivery", "delivery": {}}),
    ],
)
def test_the_check_sees_what_is_missing(missing: str, event: Any) -> None:
    common = {
        "timestamp": 1,
        "mode": "active",
        "webhookEventId": "01G17EJCGAVV66J5WNA7ZCTF6H",
        "deliveryContext": {"isRedelivery": False},
    }
    with pytest.raises(jsonschema.ValidationError, match=missing):
        check_event({**event, **common})


def test_a_link_token_is_good_once_for_one_person_and_ten_minutes(line: Line, inbox: Inbox) -> None:
    line.channel(OTHER, channel_access_token="another")
    path = f"/v2/bot/user/{USER}/linkToken"
    line.person(friend_status="friend")

    def link(token: str) -> str:
        line.act("link", link_token=token, nonce="n-1", channel=CHANNEL)
        assert inbox.events[-1]["link"]["nonce"] == "n-1"
        return str(inbox.events[-1]["link"]["result"])

    def issued(**sent: Any) -> str:
        return str(line.call("POST", path, {}, **sent).body["linkToken"])

    token = issued()
    assert [link(token), link(token)] == ["ok", "failed"]
    assert link(issued(token="another")) == "failed"
    late = issued()
    line.advance(601)
    assert link(late) == "failed"
    line.person(friend_status="not_friend")
    assert line.call("POST", path, {}).status == 404
