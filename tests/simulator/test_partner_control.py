"""The partners' control side: settings shown without secrets, wrong input told in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.driving import PHONE, Line

SENDER = "infobip/senders/SHOP"
ACCOUNT = "8x8/subaccounts/shop"


@pytest.fixture
def steered(line: Line) -> Line:
    line.control("PUT", SENDER, {"api_key": "key-of-infobip"})
    line.control("PUT", ACCOUNT, {"api_key": "key-of-8x8"})
    return line


def test_a_sender_gets_a_channel_of_its_own(steered: Line) -> None:
    channels = {c["channel_id"]: c for c in steered.control("GET", "channels/")["channels"]}
    assert channels["infobip-SHOP"]["display_name"] == "SHOP"
    assert "8x8-shop" in channels


def test_a_sender_may_share_a_channel(line: Line) -> None:
    line.control("PUT", SENDER, {"api_key": "k", "channel": "2000000001", "country": "TW"})
    (channel,) = line.control("GET", "channels/")["channels"]
    assert (channel["channel_id"], channel["country"]) == ("2000000001", "TW")


def test_what_is_not_given_stays(steered: Line) -> None:
    hmac = {"secret": "s", "header": "X-Signature"}
    steered.control("PUT", SENDER, {"webhook_url": "http://a.b/c", "hmac": hmac})
    shown = steered.control("PUT", SENDER, {"report_delay_seconds": 5})
    assert shown["webhook_url"] == "http://a.b/c"
    assert shown["hmac"] == {
        "header": "X-Signature", "algorithm": "HMAC_SHA_256", "encoding": "hex",
    }  # fmt: skip
    assert steered.control("PUT", SENDER, {"webhook_url": None})["webhook_url"] is None
    conduct = steered.control("PUT", "infobip", {"errors": "old"})
    assert conduct["outcomes"]["silent"]["status"]["name"] == "EXPIRED_EXPIRED"
    assert steered.control("PUT", "infobip", {"late_delivery": True})["errors"] == "old"


def test_secrets_are_not_shown(steered: Line) -> None:
    given = {
        "webhook_user": "u", "webhook_password": "hush",
        "hmac": {"secret": "hush", "header": "X-S"},
    }  # fmt: skip
    steered.control("PUT", SENDER, given)
    steered.control("PUT", ACCOUNT, {"webhook_headers": {"X-S": "hush"}})
    lists = (
        steered.control("GET", "infobip/senders/"),
        steered.control("GET", "8x8/subaccounts/"),
        steered.control("GET", "infobip"),
    )
    assert "hush" not in str(lists)
    assert "key-of" not in str(lists)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("infobip/senders/NEW", {}),
        ("infobip/senders/NEW", []),
        (SENDER, {"api_key": ""}),
        (SENDER, {"webhook_url": "shop"}),
        (SENDER, {"webhook_user": "alone"}),
        (SENDER, {"hmac": {"secret": "s"}}),
        (SENDER, {"hmac": {"secret": "s", "header": "X", "algorithm": "SHA256"}}),
        (SENDER, {"country": "CH"}),
        (SENDER, {"reports_per_push": 0}),
        (SENDER, {"rate_per_second": "fast"}),
        (SENDER, {"unknown": 1}),
        ("infobip", {"errors": "newest"}),
        ("infobip", {"outcomes": {"lost": {}}}),
        ("infobip", {"outcomes": {"silent": {}}}),
        ("infobip", {"outcomes": {"silent": {"status": "LOST"}}}),
        ("infobip", {"outcomes": {"silent": {"status": "EXPIRED_EXPIRED", "error": 3}}}),
        ("infobip", {"default_validity_seconds": 200_000}),
        ("8x8/subaccounts/new", {}),
        (ACCOUNT, {"emphasis": "CONTENT"}),
        (ACCOUNT, {"outcomes": {"silent": "expired"}}),
        (ACCOUNT, {"webhook_headers": {"X": 1}}),
    ],
)
def test_wrong_input_gets_one_sentence(steered: Line, path: str, body: Any) -> None:
    answer = steered.call("PUT", f"/simulator/{path}", body, token=None)
    assert answer.status == 400
    assert list(answer.body) == ["error"]
    assert answer.body["error"].endswith(".")
    assert steered.control("GET", "infobip")["errors"] == "new"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("infobip/senders/NOBODY/inbound", {"from": PHONE, "text": "x"}, 404),
        (f"{SENDER}/inbound", {"from": "+66899999999", "text": "x"}, 404),
        (f"{SENDER}/inbound", {"text": "x"}, 400),
        (f"{SENDER}/inbound", {"from": PHONE, "text": "x"}, 400),  # has no address
        ("infobip/reports", {"message_id": "none", "status": "EXPIRED_EXPIRED"}, 404),
        ("8x8/reports", {"umid": "none", "status": {"state": "read"}}, 404),
        ("infobip/nothing", {}, 404),
    ],
)
def test_what_cannot_be_done_gets_one_sentence(
    steered: Line, path: str, body: Any, status: int
) -> None:
    steered.person()
    answer = steered.call("POST", f"/simulator/{path}", body, token=None)
    assert (answer.status, list(answer.body)) == (status, ["error"])


def test_reset_forgets_the_partners(steered: Line) -> None:
    steered.control("POST", "reset")
    assert steered.control("GET", "infobip/senders/") == {"senders": []}
    assert steered.control("GET", "8x8/subaccounts/") == {"subaccounts": []}
    assert steered.control("GET", "infobip/messages") == {"messages": []}
