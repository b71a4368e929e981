"""Whatever is sent to the partners' sides, they answer with one of their own answers."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from tests.simulator import infobip
from tests.simulator.driving import PHONE, Line
from tests.simulator.infobip import KEY, LINE_OA, LON, Company

EIGHT = "/api/v1/subaccounts/shop/lon"
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, "", "x" * 5_001, "\u0000", "\ud800", [], {}, [[]], [None],
    {"type": None}, {"type": []}, {"type": {}}, "BUBBLE", "2026-13-45T99:99:99.000+0000",
)  # fmt: skip
FLEX = {
    "type": "FLEX",
    "altText": "x",
    "contents": {
        "type": "BUBBLE",
        "hero": {"type": "IMAGE", "url": "https://a.b/c", "size": "FULL"},
        "body": {
            "type": "BOX",
            "layout": "VERTICAL",
            "contents": [{"type": "TEXT", "text": "x", "size": "LG"}, {"type": "FILLER"}],
        },
    },
}
EVERYTHING: dict[str, Any] = {
    "options": {
        "platform": {"entityId": "e"},
        "validityPeriod": {"amount": 1, "timeUnit": "HOURS"},
        "deliveryTimeWindow": {
            "days": ["MONDAY"],
            "from": {"hour": 1, "minute": 0},
            "to": {"hour": 3, "minute": 0},
        },
        "smsFailover": {"sender": "s", "text": "t"},
    },
    "webhooks": {"delivery": {"url": "http://127.0.0.1:1/", "notify": False}, "callbackData": "c"},
}
SCHEDULE = {"schedule": {"sendAt": "2026-11-24T10:00:00.000+0700", "bulkId": "b"}}
BODIES = {
    LON: {"messages": [infobip.notification(ids=("m",), **EVERYTHING)], "options": SCHEDULE},
    LINE_OA: {
        "messages": [infobip.words(**EVERYTHING), {**infobip.words(), "content": FLEX}],
        "options": SCHEDULE,
    },
    EIGHT: {
        "user": {"msisdn": PHONE, "country": "TH"},
        "clientMessageId": "c",
        "content": {
            "title": "t",
            "icon": "bell",
            "emphasis": {"label": "l", "Content": "c"},
            "list": [{"label": "l", "content": "c"}],
            "actions": [{"title": "t", "url": "https://a.b"}],
        },
        "smsFallback": {"text": "t", "source": "s", "encoding": "AUTO"},
    },
}
BODIES[f"{EIGHT}/batch"] = {
    "clientBatchId": "b",
    "messages": [BODIES[EIGHT], BODIES[EIGHT]],
    "includeMessagesInResponse": True,
}


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (holder, key) in a JSON value."""
    found: list[tuple[Any, Any]] = []
    keys: Any = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        found.append((value, key))
        if isinstance(value[key], (dict, list)):
            found += places(value[key])
    return found


def mutated(body: Any, chance: random.Random) -> Any:
    body = copy.deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        here = places(body)
        if not here:
            break
        holder, key = chance.choice(here)
        act = chance.randrange(3)
        if act == 0:
            holder[key] = chance.choice(ODD)
        elif act == 1:
            del holder[key]
        elif isinstance(holder, dict):
            holder[f"{key}x"] = holder[key]
    return body


@pytest.mark.parametrize("path", BODIES)
def test_no_body_makes_a_partner_stumble(line: Line, path: str) -> None:
    company = Company(line)
    company.sender()
    line.control("PUT", "8x8/subaccounts/shop", {"api_key": KEY})
    line.person(consent="agreed", friend_status="friend")
    scheme = "Bearer" if path.startswith("/api") else "App"
    headers = {"Authorization": f"{scheme} {KEY}"}
    chance = random.Random(6)
    seen = set()
    for number in range(120):
        raw = json.dumps(mutated(BODIES[path], chance)).encode()
        if number % 10 == 0:
            raw = raw[: chance.randrange(len(raw))]
        answer = line.call("POST", path, raw=raw, token=None, headers=headers)
        assert answer.status in (200, 400), (answer, raw)
        assert isinstance(answer.body, dict)
        seen.add(answer.status)
    assert seen == {200, 400}
    # And nothing of what was taken stops the clock.
    assert line.advance(3 * 86_400)["settled"]
    company.send(infobip.notification(ids=("last",)))
    line.advance(0)
    assert [r["messageId"] for r in company.fetched("?messageId=last")] == ["last"]


def test_the_right_bodies_are_right(line: Line) -> None:
    company = Company(line)
    company.sender()
    line.control("PUT", "8x8/subaccounts/shop", {"api_key": KEY})
    for path, body in BODIES.items():
        scheme = "Bearer" if path.startswith("/api") else "App"
        headers = {"Authorization": f"{scheme} {KEY}"}
        answer = line.call("POST", path, body, token=None, headers=headers)
        assert answer.status == 200, answer.body


def test_a_request_can_hang(line: Line) -> None:
    company = Company(line)
    company.sender()
    line.person(consent="agreed")
    line.control("POST", "faults", {"kind": "hang_after_acceptance", "seconds": 0.05})
    assert company.send().status == 200
    (entry,) = line.requests("?path=/line/")
    assert (entry["fault"], entry["accepted"]) == ("hang_after_acceptance", True)
