"""The pages under /phone/: what they show, what they take, and whom they refuse."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.simulator.driving import (
    CHANNEL,
    FLEXIBLE,
    PHONE,
    TAG,
    USER,
    Answer,
    Inbox,
    Line,
    hashed,
    text,
)

LONG_AGO = "2020-01-01T00:00:00Z"
PATH = f"/phone/{PHONE}"
CHAT = f"{PATH}/account/{CHANNEL}"
IN_CHAT = f"account/{CHANNEL}"


def see(line: Line, path: str = PATH, status: int = 200) -> str:
    answer = line.call("GET", path, token=None)
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (status, "text/html")
    return str(answer.body)


def post(line: Line, path: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
    sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    raw = urlencode(fields).encode()
    return line.call("POST", path, raw=raw, token=None, headers=sent)


def do(line: Line, act: str, chat: str = "line", **fields: str) -> str:
    """Press a button of the phone, and see the page it leads to."""
    answer = post(line, f"{PATH}/do/{act}", chat=chat, **fields)
    assert answer.status == 303, answer.body
    settle(line)
    return see(line, answer.headers["location"])


def settle(line: Line) -> None:
    """Wait until the webhooks of what was done have been sent."""
    assert line.control("POST", "webhooks/flush")["settled"]


def refused(answer: Answer, status: int, words: str) -> None:
    assert answer.status == status
    [sentence] = re.findall(r'role="alert">(.*?)</p>', answer.body)
    assert words in sentence
    assert sentence.endswith(".")


def push(line: Line, *messages: Any) -> None:
    answer = line.call("POST", "/v2/bot/message/push", {"to": USER, "messages": list(messages)})
    assert answer.status == 200


def test_the_whole_verification_is_played_with_forms_alone(line: Line, inbox: Inbox) -> None:
    line.channel(display_name="ขนส่งสยาม")
    line.person(consent="not_set", sms_verified_at=None)
    line.notify()

    page = see(line, f"{PATH}/line")
    assert "LINE notification message received." in page
    assert "Receive LINE notification messages?" in page
    assert "ขนส่งสยาม" in page
    assert "hello" not in page

    page = do(line, "agree")
    [code] = set(re.findall(r"verification code is (\d{6})", page))
    assert "Verify your phone number" in page
    assert code in see(line, f"{PATH}/sms")
    assert inbox.delivered == []

    page = do(line, "enter_sms_code", code=code)
    assert "Your phone number is verified" in page
    assert "Verify your phone number" not in page
    page = see(line, CHAT)
    assert "hello" in page
    assert page.count("Important notification") == 3  # in the list, above, and at the message
    assert inbox.delivered == [TAG]


def test_a_wrong_code_is_said_where_it_was_entered(line: Line) -> None:
    line.person(consent="not_set", sms_verified_at=None)
    line.notify()
    do(line, "agree")

    answer = post(line, f"{PATH}/do/enter_sms_code", chat="line", code="no")

    refused(answer, 400, "The code is wrong; 4 tries are left.")
    assert 'id="code"' in answer.body


def test_who_refuses_is_asked_no_more_and_gets_nothing(line: Line, inbox: Inbox) -> None:
    line.person(consent="not_set")
    line.notify()

    page = do(line, "refuse")

    assert "Receive LINE notification messages?" not in page
    assert line.seen()["consent"] == "rejected"
    assert line.notify().status == 422
    assert inbox.events == []


def test_one_writes_unsends_and_answers_by_the_buttons_of_a_message(
    line: Line, inbox: Inbox
) -> None:
    line.person(consent="agreed", friend_status="friend")
    ask = {"type": "message", "label": "Ask", "text": "ขอถาม"}
    pick = {"type": "postback", "label": "Pick", "data": "pick=1", "displayText": "I pick 1"}
    buttons = [{"type": "button", "action": action} for action in (ask, pick)]
    body = {"type": "box", "layout": "vertical", "contents": buttons}
    flex = {"type": "flex", "altText": "alt", "contents": {"type": "bubble", "body": body}}
    push(line, text("first"), flex)

    page = see(line, CHAT)
    first, second = re.findall(r'name="press" value="(\d+\.\d)"', page)
    for value in (first, second):
        answer = post(line, f"{PATH}/press", chat=IN_CHAT, press=value)
        assert (answer.status, answer.headers["location"]) == (303, CHAT)
    page = do(line, "say", IN_CHAT, channel=CHANNEL, text="謝謝 <b>")
    assert "ขอถาม" in page
    assert "I pick 1" in page
    assert "謝謝 &lt;b&gt;" in page

    written = re.findall(r'name="message_id" value="(\d+)"', page)[-1]
    page = do(line, "unsend", IN_CHAT, message_id=written)
    assert "謝謝" not in page
    kinds = [event["type"] for event in inbox.events]
    assert kinds == ["message", "postback", "message", "unsend"]
    assert inbox.events[0]["message"]["text"] == "ขอถาม"
    assert inbox.events[1]["postback"]["data"] == "pick=1"


@pytest.mark.parametrize("value", ["", "1", "1.0", "x.y", "1.99999999999", "1.-1", "٣.٣"])
def test_a_button_that_is_not_there_is_one_sentence(line: Line, value: str) -> None:
    line.person(consent="agreed", friend_status="friend")

    refused(post(line, f"{PATH}/press", chat=IN_CHAT, press=value), 400, "not here any more")


def test_blocking_unblocking_and_adding_a_friend(line: Line, inbox: Inbox) -> None:
    line.person(consent="agreed", friend_status="not_friend")
    assert "Add friend" in see(line, CHAT)

    assert "Not a friend" not in do(line, "follow", IN_CHAT, channel=CHANNEL)
    page = do(line, "block", IN_CHAT, channel=CHANNEL)
    assert "You blocked this account" in page
    assert "Write a message" not in page
    assert "Write a message" in do(line, "unblock", IN_CHAT, channel=CHANNEL)
    assert [e["type"] for e in inbox.events] == ["follow", "unfollow", "follow"]


def test_settings_are_those_of_the_control_side(line: Line) -> None:
    line.person(consent="agreed", when_asked="agree")

    do(line, "refuse")
    do(line, "set", privacy_policy="no")
    do(line, "set", when_asked="silent")
    person = line.seen()
    assert (person["consent"], person["privacy_policy"]) == ("rejected", False)
    assert person["when_asked"] == "silent"

    do(line, "agree")
    do(line, "set", privacy_policy="yes")
    assert line.notify().status == 200


def test_time_passes_at_the_press_of_a_button(line: Line) -> None:
    line.person(consent="not_set")
    line.notify()
    before = line.control("GET", "clock")["now"]

    page = do(line, "pass", leap="1 hour")
    assert "Receive LINE notification messages?" in page
    page = do(line, "pass", leap="24 hours")
    assert "Receive LINE notification messages?" not in page
    assert line.control("GET", "clock")["now"][:10] > before[:10]
    refused(post(line, f"{PATH}/do/pass", leap="9 years"), 400, "Let one of these pass")


def test_another_open_chat_points_to_what_line_asks(line: Line) -> None:
    line.person(consent="not_set")
    assert "LINE asks you something" not in see(line, CHAT)

    line.notify()
    assert "LINE asks you something" in see(line, CHAT)


def test_a_changed_number_has_its_own_address(line: Line) -> None:
    line.person(consent="not_set", sms_verified_at=None)
    line.notify()
    do(line, "agree")
    do(line, "ask_sms_code", phone="+66899999999")
    code = re.findall(r"code is (\d{6})", see(line, f"{PATH}/sms"))[-1]

    answer = post(line, f"{PATH}/do/enter_sms_code", chat="line", code=code)

    assert answer.headers["location"] == "/phone/+66899999999/line"
    assert "Your phone number has been changed." in see(line, "/phone/+66899999999/line")
    see(line, PATH, 404)


def test_somebody_without_a_phone_has_one_by_their_user_id(line: Line) -> None:
    line.control("PUT", "people", [{"line_user_id": USER, "friend_status": "friend"}])
    push(line, text("こんにちは"))

    assert "こんにちは" in see(line, f"/phone/{USER}/account/{CHANNEL}")
    assert "no phone number" in see(line, "/phone/")


def test_a_person_is_added_with_a_form(line: Line) -> None:
    answer = post(line, "/phone/", phone="+66 85-553 8125", consent="not_set", sms_due="1")

    assert (answer.status, answer.headers["location"]) == (303, PATH)
    person = line.seen()
    assert (person["consent"], person["when_asked"]) == ("not_set", "silent")
    assert person["sms_verified_at"] is None
    assert person["friend_status"] == "not_friend"

    post(line, "/phone/", phone="+886912345678", consent="agreed", friend_status="friend")
    other = line.seen("+886912345678")
    assert (other["consent"], other["friend_status"]) == ("agreed", "friend")
    assert other["sms_verified_at"] is not None
    answer = post(line, "/phone/", phone=PHONE, consent="agreed")
    refused(answer, 400, "number already")
    assert f'value="{PHONE}"' in answer.body
    assert '<option value="agreed" selected>' in answer.body
    assert line.seen()["consent"] == "not_set"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"phone": "0855538125"},
        {"phone": "<script>"},
        {"phone": PHONE, "consent": "perhaps"},
        {"phone": PHONE, "friend_status": "<i>"},
    ],
)
def test_a_wrong_person_is_one_sentence_and_nobody(line: Line, fields: dict[str, str]) -> None:
    answer = post(line, "/phone/", **fields)

    refused(answer, 400, " ")
    assert line.control("GET", "people")["total"] == 0


def test_the_list_shows_a_hundred_and_finds_the_others(line: Line) -> None:
    people = [{"phone": f"+6681000{n:04}", "consent": "agreed"} for n in range(150)]
    line.control("PUT", "people", people)

    page = see(line, "/phone/")
    assert page.count('href="/phone/+6681000') == 100
    assert "The first 100 of 150" in page
    for sought in ("+66810000149", "0810000149", "081-000 0149", "810000149"):
        page = see(line, f"/phone/?q={quote(sought)}")
        assert page.count('href="/phone/+6681000') == 1, sought
        assert 'href="/phone/+66810000149"' in page
    user_id = line.seen("+66810000007")["line_user_id"]
    for sought in (user_id, user_id[:12]):
        assert 'href="/phone/+66810000007"' in see(line, f"/phone/?q={sought}")
    assert "Nobody here has this." in see(line, "/phone/?q=%3Cscript%3E")
    assert "The first 100 of more" in see(line, "/phone/?q=8100")


def test_the_list_names_first_whom_was_lately_written_to(line: Line) -> None:
    line.person(consent="not_set")
    line.notify()

    page = see(line, "/phone/")

    assert "Lately written to" in page
    assert "LINE is asking" in page
    assert "/phone/" in see(line, "/")


def test_hostile_words_stay_words_on_every_page(line: Line) -> None:
    words = '<script>alert("1")</script>'
    line.channel(display_name=words)
    line.person(consent="agreed", friend_status="friend")
    push(line, text(words))
    line.act("say", text=words, channel=CHANNEL)
    # Half of a surrogate pair cannot be encoded.
    raw = b'{"to": "%s", "messages": [{"type": "text", "text": "\\ud800 ok"}]}' % USER.encode()
    assert line.call("POST", "/v2/bot/message/push", raw=raw).status == 200

    for path in (PATH, f"{PATH}/line", CHAT, f"/phone/?q={quote(words)}"):
        page = see(line, path)
        assert "<script>" not in page
        assert "&lt;script&gt;" in page or path == f"{PATH}/line"
    assert "? ok" in see(line, CHAT)


def test_pages_may_load_and_run_nothing_of_others(line: Line) -> None:
    line.person()
    answer = line.call("GET", PATH, token=None)

    rules = dict(
        rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";")
    )
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["form-action"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    [style] = re.findall(r'<link rel="stylesheet" href="([^"]+)"', answer.body)
    [script] = re.findall(r'<script src="([^"]+)"', answer.body)
    assert line.call("GET", style).headers["content-type"].startswith("text/css")
    assert line.call("GET", script).headers["content-type"].startswith("text/javascript")
    assert not re.search(r'(src|href)="(?!/|data:|tel:)', answer.body)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "none", "Origin": "https://evil.example"},
    ],
)
@pytest.mark.parametrize("path", ["/phone/", f"{PATH}/do/refuse", f"{PATH}/press"])
def test_forms_of_other_web_pages_are_refused(
    line: Line, headers: dict[str, str], path: str
) -> None:
    line.person(consent="not_set")

    refused(post(line, path, headers, chat="line", phone="+66811111111"), 403, "Another web page")
    assert line.seen()["consent"] == "not_set"
    assert line.control("GET", "people")["total"] == 1


def test_our_own_forms_are_taken(line: Line) -> None:
    line.person(consent="not_set")
    own = {"Sec-Fetch-Site": "same-origin", "Origin": line.url}

    assert post(line, f"{PATH}/do/refuse", own, chat="line").status == 303
    assert line.seen()["consent"] == "rejected"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/phone/+66800000000", "Nobody here"),
        ("/phone/+66800000000/line", "Nobody here"),
        ("/phone/nobody", "Nobody here"),
        (f"{PATH}/account/nothing", "no such chat"),
        (f"{PATH}/somewhere", "no such page"),
        (f"{PATH}/do/agree", "no such page"),
        ("/phone/static/phone.py", "no such file"),
        ("/phone/static/..%2Fphone.py", "no such file"),
    ],
)
def test_what_is_not_there_is_404_and_one_sentence(line: Line, path: str, words: str) -> None:
    line.person()

    refused(line.call("GET", path, token=None), 404, words)


@pytest.mark.parametrize(
    ("act", "fields", "status"),
    [
        ("fly", {}, 404),
        ("agree", {"chat": "account/nothing"}, 404),
        ("agree", {"chat": "//evil.example"}, 404),
        ("agree", {"more": "x"}, 400),
        ("say", {"chat": IN_CHAT, "channel": CHANNEL}, 400),
        ("say", {"chat": IN_CHAT, "channel": "nothing", "text": "x"}, 400),
        ("block", {"channel": "nothing"}, 400),
        ("enter_sms_code", {}, 400),
        ("ask_sms_code", {"phone": "5"}, 400),
        ("unsend", {"message_id": "1"}, 400),
        ("set", {"when_asked": "never"}, 400),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    line: Line, act: str, fields: dict[str, str], status: int
) -> None:
    line.person(consent="not_set")

    refused(post(line, f"{PATH}/do/{act}", **fields), status, " ")
    assert line.seen()["consent"] == "not_set"


def test_what_is_no_form_of_ours_is_refused(line: Line) -> None:
    line.person()
    path, form = f"{PATH}/do/agree", {"Content-Type": "application/x-www-form-urlencoded"}

    for raw, headers in (
        (b'{"chat": "line"}', {"Content-Type": "application/json"}),
        (b"chat=line&text=" + b"x" * 70_000, form),
        (b"&".join(b"a%d=1" % n for n in range(50)), form),
        (b"chat=\xff\xfe", form),
    ):
        refused(line.call("POST", path, raw=raw, headers=headers), 400, " ")


def test_a_long_chat_shows_its_end(line: Line) -> None:
    line.person(consent="agreed", friend_status="friend")
    for n in range(60):
        push(line, text(f"message-{n}."))

    page = see(line, CHAT)

    assert "message-59." in page
    assert "message-5." not in page
    assert "Earlier messages are not shown." in page


def test_who_has_left_line_cannot_write(line: Line) -> None:
    line.person(consent="agreed", deleted=True)

    page = see(line, CHAT)
    assert "This person has left LINE." in page
    assert "Write a message" not in page
    answer = post(line, f"{PATH}/do/say", chat=IN_CHAT, channel=CHANNEL, text="x")
    refused(answer, 400, "has left LINE")


def test_a_reset_takes_the_phones_with_it(line: Line) -> None:
    line.person()
    see(line)

    line.control("POST", "reset")

    see(line, PATH, 404)
    assert "Nobody is here yet" in see(line, "/phone/")


def test_a_message_that_waits_is_not_on_the_phone(line: Line) -> None:
    line.person(consent="not_set")
    body = {"to": hashed(PHONE), "messages": [text("a secret")]}
    assert line.call("POST", FLEXIBLE, body).status == 200

    for path in (PATH, f"{PATH}/line", CHAT):
        assert "a secret" not in see(line, path)
