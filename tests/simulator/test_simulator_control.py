"""Faults, clock, people and the rest of the control side, with right and wrong input."""

from __future__ import annotations

import http.client
import time
from typing import Any

import pytest

from lineportal.simulator import log, server
from tests.simulator.driving import (
    FLEXIBLE,
    HOUR,
    PHONE,
    PUSH,
    TAG,
    TOKEN,
    USER,
    Inbox,
    Line,
    eventually,
)

KEY = "123e4567-e89b-12d3-a456-426614174000"


@pytest.fixture
def willing(line: Line) -> Line:
    """A simulator with one person who gets everything."""
    line.person(consent="agreed", friend_status="friend")
    return line


def seen(line: Line) -> int:
    return len(line.seen()["inbox"])


@pytest.mark.parametrize("status", [302, 400, 401, 403, 422, 429, 500, 503])
def test_a_status_fault_answers_once_and_does_no_work(willing: Line, status: int) -> None:
    willing.control("POST", "faults", {"kind": "status", "status": status})

    assert [willing.notify().status, willing.notify().status] == [status, 200]

    first, second = willing.requests()
    assert (first["status"], first["accepted"], first["fault"]) == (
        status,
        False,
        "status",
    )
    assert (second["status"], second["accepted"], second["fault"]) == (200, True, None)
    assert seen(willing) == 1


def test_a_status_fault_after_acceptance_has_done_the_work(willing: Line) -> None:
    fault = {"kind": "status", "status": 500, "after_acceptance": True, "times": 2}
    willing.control("POST", "faults", fault)

    assert willing.notify("+66800000000").status == 422  # not accepted, so not spoilt
    assert [willing.notify().status for _ in range(3)] == [500, 500, 200]
    assert seen(willing) == 3


@pytest.mark.parametrize("kind", ["drop_after_acceptance", "unreadable"])
def test_the_answer_is_lost_after_the_work_was_done(willing: Line, inbox: Inbox, kind: str) -> None:
    willing.control("POST", "faults", {"kind": kind})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        willing.notify()
    willing.advance(0)

    [entry] = willing.requests()
    assert (entry["status"], entry["accepted"], entry["fault"]) == (None, True, kind)
    assert inbox.delivered == [TAG]


def test_a_retry_key_settles_what_a_lost_answer_left_open(willing: Line) -> None:
    willing.control("POST", "faults", {"kind": "drop_after_acceptance", "path": PUSH})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        willing.push(key=KEY)

    assert willing.push(key=KEY).status == 409
    assert seen(willing) == 1


@pytest.mark.parametrize(("kind", "count"), [("hang_after_acceptance", 1), ("hang", 0)])
def test_a_request_hangs_with_or_without_the_work_done(
    willing: Line, kind: str, count: int
) -> None:
    willing.control("POST", "faults", {"kind": kind, "seconds": 30})
    with pytest.raises(TimeoutError):
        willing.notify(timeout=0.2)
    assert seen(willing) == count


def test_a_short_hang_is_a_slow_answer(willing: Line) -> None:
    willing.control("POST", "faults", {"kind": "hang_after_acceptance", "seconds": 0.2})
    began = time.monotonic()
    assert willing.notify().status == 200
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    ("narrowed", "spoilt"),
    [
        ({"path": "/v2/bot/message/push"}, (200, 503)),
        ({"path": "/bot/pnp"}, (503, 200)),
        ({"phone": PHONE}, (503, 503)),
        ({"user_id": USER}, (503, 503)),
        ({"phone": "+66800000000"}, (200, 200)),
        ({}, (503, 503)),
    ],
)
def test_a_fault_strikes_what_it_names(
    willing: Line, narrowed: dict[str, str], spoilt: tuple[int, int]
) -> None:
    fault = {"kind": "status", "status": 503, "times": 9, **narrowed}
    willing.control("POST", "faults", fault)
    assert (willing.notify().status, willing.push().status) == spoilt


def test_a_fault_without_a_path_strikes_only_what_sends(willing: Line) -> None:
    willing.control("POST", "faults", {"kind": "status", "status": 503})
    assert willing.call("GET", "/v2/bot/info").status == 200
    assert willing.notify().status == 503


def test_faults_are_listed_and_cleared(willing: Line) -> None:
    willing.control("POST", "faults", {"kind": "hang", "seconds": 9, "times": 5})
    [fault] = willing.control("GET", "faults")["faults"]
    assert (fault["kind"], fault["times"], fault["seconds"]) == ("hang", 5, 9)
    willing.control("DELETE", "faults")
    assert willing.notify().status == 200


def test_the_clock_runs_on_from_where_it_was_set(line: Line) -> None:
    line.control("POST", "clock", {"now": "2040-02-29T12:00:00+07:00"})
    first = line.control("GET", "clock")["now"]
    assert first.startswith("2040-02-29T05:00:0")
    assert eventually(lambda: line.control("GET", "clock")["now"] > first)


def test_who_answers_soon_answers_without_the_clock_being_set(line: Line, inbox: Inbox) -> None:
    line.person(when_asked="agree", answers_after_seconds=0.2)
    line.notify()
    assert inbox.events == []
    assert eventually(lambda: inbox.delivered == [TAG])


def test_who_makes_up_their_mind_while_asked_answers_then(line: Line, inbox: Inbox) -> None:
    line.person(when_asked="silent")
    line.notify()
    line.person(when_asked="agree", answers_after_seconds=HOUR)
    line.advance(2 * HOUR)
    assert inbox.delivered == [TAG]


def test_many_answers_fall_due_in_one_leap(line: Line, inbox: Inbox) -> None:
    phones = [f"+6681{n:07}" for n in range(300)]
    line.control("PUT", "people", [{"phone": p, "when_asked": "agree"} for p in phones])
    for number, phone in enumerate(phones):
        assert line.notify(phone, tag=f"message-number-{number:04}").status == 200

    moved = line.advance(HOUR)

    assert (moved["answered"], moved["webhooks"], moved["settled"]) == (300, 300, True)
    assert len(inbox.delivered) == 300
    stamps = [event["timestamp"] for event in inbox.events]
    assert max(stamps) - min(stamps) < 60_000


def test_people_are_changed_field_by_field(line: Line) -> None:
    line.person(consent="agreed", friend_status="friend")
    answer = line.control("PUT", "people", [{"phone": PHONE, "consent": "rejected"}])
    assert answer == {"created": 0, "updated": 1, "total": 1}
    assert (line.seen()["consent"], line.seen()["friend_status"]) == (
        "rejected",
        "friend",
    )
    counted = line.control("GET", "people")
    assert counted == {
        "total": 1,
        "consent": {"rejected": 1},
        "friend_status": {"friend": 1},
    }


def test_a_user_id_may_be_learnt_and_changed_but_not_taken(line: Line) -> None:
    other = "U" + "b" * 32
    line.control("PUT", "people", [{"phone": PHONE}])
    line.person()
    assert line.seen(USER)["phone"] == PHONE
    line.control("PUT", "people", [{"phone": PHONE, "line_user_id": other}])
    assert line.seen(other)["phone"] == PHONE
    assert line.call("GET", f"/simulator/people/{USER}").status == 404

    people = [{"phone": "+66800000000", "line_user_id": other}]
    assert line.call("PUT", "/simulator/people", people).status == 400
    assert line.control("GET", "people")["total"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "people", {}),
        ("PUT", "people", [1]),
        ("PUT", "people", [{}]),
        ("PUT", "people", [{"phone": "0855538125"}]),
        ("PUT", "people", [{"phone": None}]),
        ("PUT", "people", [{"line_user_id": "U1"}]),
        ("PUT", "people", [{"phone": PHONE, "consent": "yes"}]),
        ("PUT", "people", [{"phone": PHONE, "consent": ["agreed"]}]),
        ("PUT", "people", [{"phone": PHONE, "friend_status": "blocked", "channel": "9"}]),
        ("PUT", "people", [{"phone": PHONE, "answers_after_seconds": -1}]),
        ("PUT", "people", [{"phone": PHONE, "answers_after_seconds": True}]),
        ("PUT", "people", [{"phone": PHONE, "sms_verified_at": "2026-01-01T00:00:00"}]),
        ("PUT", "people", [{"phone": PHONE, "colour": "red"}]),
        ("PUT", "people", [{"phone": PHONE}, {"phone": "1"}]),
        ("PUT", "channels/9", {}),
        ("PUT", "channels/9", {"channel_secret": ""}),
        ("PUT", "channels/9", {"channel_secret": "s", "country": "DE"}),
        ("PUT", "channels/9", {"channel_secret": "s", "webhook_url": "nowhere"}),
        ("PUT", "channels/9", {"channel_secret": "s", "rate_per_second": 0}),
        ("PUT", "channels/9", {"channel_secret": "s", "monthly_limit": 1.5}),
        ("PUT", "channels/9", {"channel_secret": "s", "catalogue": {"items": [1]}}),
        ("PUT", "channels/9", {"channel_secret": "s", "channel_access_token": TOKEN}),
        ("POST", "clock", {}),
        ("POST", "clock", {"advance_seconds": 1, "now": "2040-01-01T00:00:00Z"}),
        ("POST", "clock", {"advance_seconds": -1}),
        ("POST", "clock", {"advance_seconds": 1e30}),
        ("POST", "clock", {"now": "2001-01-01T00:00:00Z"}),
        ("POST", "clock", {"now": "2199-01-01T00:00:00Z"}),
        ("POST", "clock", {"now": "tomorrow"}),
        ("POST", "faults", {}),
        ("POST", "faults", {"kind": "status"}),
        ("POST", "faults", {"kind": "status", "status": 200}),
        ("POST", "faults", {"kind": "flood"}),
        ("POST", "faults", {"kind": "hang", "times": 0}),
        ("POST", "faults", {"kind": "hang", "after_acceptance": True}),
        ("POST", "faults", {"kind": "hang", "phone": "085"}),
        ("POST", "webhooks", {"hold": "yes"}),
        ("POST", "webhooks", {"drop": True}),
        ("POST", "webhooks/redeliver", {}),
        ("GET", "requests?after=x", None),
        ("GET", "requests?limit=-1", None),
        ("POST", f"people/{PHONE}/block", {"channel": "9"}),
    ],
)  # fmt: skip
def test_wrong_input_gets_one_sentence(line: Line, method: str, path: str, body: Any) -> None:
    line.person()
    before = line.control("GET", "people"), line.control("GET", "channels/")

    answer = line.call(method, f"/simulator/{path}", body, token=None)

    assert answer.status == 400
    assert set(answer.body) == {"error"}
    assert answer.body["error"].endswith(".")
    assert (line.control("GET", "people"), line.control("GET", "channels/")) == before


def test_a_body_that_is_no_json_gets_a_sentence(line: Line) -> None:
    answer = line.call("PUT", "/simulator/people", raw=b"[" * 100_000)
    assert (answer.status, answer.body) == (400, {"error": "The body must be JSON."})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "people/+66800000000"),
        ("POST", "people/+66800000000/agree"),
        ("POST", f"people/{PHONE}/dance"),
        ("GET", "nothing"),
        ("POST", "people"),
    ],
)
def test_what_is_not_there_gets_404(line: Line, method: str, path: str) -> None:
    line.person()
    answer = line.call(method, f"/simulator/{path}")
    assert answer.status == 404
    assert answer.body["error"].endswith(".")


def test_the_log_is_read_on_from_a_number_and_by_path(willing: Line) -> None:
    for _ in range(3):
        willing.notify()
    willing.push()
    numbers = [entry["n"] for entry in willing.requests()]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert [e["n"] for e in willing.requests(f"?after={numbers[1]}")] == numbers[2:]
    assert [e["n"] for e in willing.requests(f"?path={PUSH}")] == numbers[3:]
    page = willing.requests(f"?after={numbers[0]}&limit=2")
    assert [e["n"] for e in page] == numbers[1:3]

    counted = willing.control("GET", "requests/count")
    assert (counted["count"], counted["accepted"]) == (4, 4)
    assert counted["by_path"][FLEXIBLE] == {"count": 3, "accepted": 3}

    willing.control("DELETE", "requests")
    assert willing.requests() == []
    assert willing.control("GET", "requests/count")["count"] == 0
    willing.notify()
    assert [e["n"] for e in willing.requests()] == [numbers[-1] + 1]


def test_the_log_is_bounded_in_entries_and_in_bytes() -> None:
    kept = log.RequestLog(keep=3, keep_bytes=6_000)
    for n in range(5):
        raw = b'{"n": %d}' % n + b" " * 1_000
        kept.open(
            raw,
            kept.content(raw, ()),
            at=0,
            method="POST",
            path="/",
            query="",
            label="/",
        )
    shown = [entry.shown() for entry in kept.after(0, path="/", limit=10)]
    assert [entry["n"] for entry in shown] == [3, 4, 5]
    assert [entry["body"] for entry in shown] == [None, {"n": 3}, {"n": 4}]
    assert kept.counted()["count"] == 5


def test_the_page_says_what_this_is_and_escapes_what_it_shows(line: Line) -> None:
    line.channel("<b>", display_name="<script>", channel_access_token="another")
    line.call("GET", "/v2/<script>alert(1)</script>")
    page = line.call("GET", "/")
    assert page.status == 200
    assert "This is not LINE" in page.body
    assert "<script>" not in page.body
    assert line.call("GET", "/healthz").body == {"status": "ok"}


def test_a_reset_forgets_everything(willing: Line) -> None:
    willing.notify()
    willing.advance(HOUR)
    willing.control("POST", "faults", {"kind": "hang"})
    willing.control("POST", "webhooks", {"hold": True})

    willing.control("POST", "reset")

    assert willing.control("GET", "people")["total"] == 0
    assert willing.control("GET", "channels/") == {"channels": []}
    assert willing.control("GET", "faults") == {"faults": []}
    assert willing.control("GET", "webhooks")["hold"] is False
    assert willing.requests() == []


def test_a_taken_port_is_a_refusal_that_says_what_to_do() -> None:
    with (
        server.running() as running,
        pytest.raises(server.CannotListen, match="choose another with --port"),
        server.running(port=running.port),
    ):
        pytest.fail("two simulators on one port")
