"""A customer writes, and is answered: the simulator's phone on one side, the API on the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lineportal.demo.story import NotAsExpected, Portal, Say

QUESTION = "พัสดุของฉันอยู่ที่ไหนคะ"
ANSWER = "กำลังนำส่งวันนี้ค่ะ"
_SECONDS = 30


def play(portal: Portal, key: str, *, account: str, line_user_id: str, say: Say) -> None:
    """Let a person write, and answer them within the minute; raises NotAsExpected."""
    portal.simulate("POST", f"people/{line_user_id}/say", {"text": QUESTION})
    talk = _until(lambda: _first(portal, key, account), "the conversation has come")
    say(f"  customer    {talk['last_text']}")
    path = f"conversations/{talk['id']}/messages/"
    said = portal.call(
        key, "POST", path, {"text": ANSWER}, {"Idempotency-Key": f"demo {talk['id']}"}
    )
    sent = _until(
        lambda: _sent(portal.call(key, "GET", f"{path}{said['id']}/")), "the answer is sent"
    )
    say(f"  agent       {sent['text']}  ({sent['progress']} as a {sent['way']})")
    chat = portal.simulate("GET", f"people/{line_user_id}/chat")["entries"]
    if [entry["text"] for entry in chat].count(ANSWER) != 1:
        raise NotAsExpected("The answer is not on the customer's phone, once.")


def _first(portal: Portal, key: str, account: str) -> Any:
    listed = portal.call(key, "GET", f"conversations/?account={account}&unread=true")
    return next(iter(listed["results"]), None)


def _sent(message: dict[str, Any]) -> Any:
    return message if message["progress"] == "sent" else None


def _until(look: Callable[[], Any], what: str) -> Any:
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends:
        if found := look():
            return found
        time.sleep(0.2)
    raise NotAsExpected(f"Waited {_SECONDS} s until {what}, in vain.")
