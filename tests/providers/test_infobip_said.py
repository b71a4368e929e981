"""What people write and do in the chat, as Infobip passes it on, in our words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lineportal.providers.base import Event, Said
from lineportal.providers.infobip import InfobipProvider

USER = "U4af49806290000000000000000000000"


def event(kind: str, *, sender: str = USER, message_id: str = "m1", **message: Any) -> Event:
    said = {"type": kind, "timestamp": 1795490409123, **message}
    result = {"sender": sender, "to": "bot", "integrationType": "LINE_OA",
              "messageId": message_id, "message": said}  # fmt: skip
    [found] = InfobipProvider.events(json.dumps({"results": [result]}).encode())
    return found


@pytest.mark.parametrize(
    ("kind", "message", "said"),
    [
        ("TEXT", {"text": "สวัสดี"}, Said("text", "m1", "สวัสดี")),
        ("IMAGE", {"url": "https://a.example/1"},
         Said("image", "m1", content_url="https://a.example/1")),
        ("VIDEO", {"url": "https://a.example/2", "duration": 5},
         Said("video", "m1", content_url="https://a.example/2", facts={"duration": 5})),
        ("AUDIO", {"mediaUrl": "https://a.example/3"},
         Said("audio", "m1", content_url="https://a.example/3")),
        ("FILE", {"url": "https://a.example/4", "fileName": "a.pdf", "fileSize": 12},
         Said("file", "m1", file_name="a.pdf", claimed_size=12,
              content_url="https://a.example/4")),
        ("LOCATION", {"title": "Home", "address": "Road 1", "latitude": 13.7, "longitude": 100.5},
         Said("location", "m1", "Home\nRoad 1", facts={"latitude": 13.7, "longitude": 100.5})),
        ("STICKER", {"packageId": "1", "stickerId": "2", "keywords": ["hi", "you"]},
         Said("sticker", "m1", "hi, you", facts={"packageId": "1", "stickerId": "2"})),
        ("POSTBACK", {"data": "stop=1"}, Said("button", data="stop=1")),
        ("POSTBACK", {"postback": {"data": "stop=1"}}, Said("button", data="stop=1")),
    ],
)  # fmt: skip
def test_what_is_said_is_read_as_lines_own_would_be(
    kind: str, message: dict[str, Any], said: Said
) -> None:
    found = event(kind, replyToken="token", **message)

    assert (found.kind, found.said) == ("said", said)
    assert (found.line_user_id, found.reply_token) == (USER, "token")


def test_a_follow_brings_its_token_and_an_unfollow_has_none() -> None:
    assert event("FOLLOW", replyToken="token").reply_token == "token"
    assert (event("UNFOLLOW").kind, event("UNFOLLOW").reply_token) == ("unfollow", "")


def test_an_unsend_names_the_message_that_is_gone() -> None:
    plain, told = event("UNSEND"), event("UNSEND", message_id="m9", messageId="m1")

    assert (plain.kind, told.kind) == ("unsent", "unsent")
    assert plain.said == told.said == Said("other", message_id="m1")


def test_only_a_linking_that_succeeded_brings_its_nonce() -> None:
    assert event("ACCOUNT_LINK", result="ok", nonce="n1").nonce == "n1"
    assert event("ACCOUNT_LINK", link={"result": "ok", "nonce": "n1"}).nonce == "n1"
    assert event("ACCOUNT_LINK", result="failed", nonce="n1").nonce == ""


def test_what_is_said_by_nobody_we_know_is_kept_as_other() -> None:
    found = event("TEXT", sender="C" + "0" * 32, text="to all")

    assert (found.kind, found.said, found.line_user_id) == ("other", None, "")


@pytest.mark.parametrize("kind", ["TEXT", "FILE", "POSTBACK", "UNSEND", "ACCOUNT_LINK", "STICKER"])
@pytest.mark.parametrize("odd", [None, True, -1, 10**30, "", [], [1], {}, {"data": [{}]}])
def test_fields_of_any_shape_lose_no_event(kind: str, odd: Any) -> None:
    names = ("text", "url", "fileSize", "data", "postback", "params", "link", "keywords",
             "messageId", "replyToken", "nonce", "fileName", "duration")  # fmt: skip

    found = event(kind, **dict.fromkeys(names, odd))

    assert found.payload["message"].items() >= dict.fromkeys(names, odd).items()
