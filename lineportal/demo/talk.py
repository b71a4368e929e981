"""A customer writes, and is answered: the simulator's phone on one side, the API on the other."""

from __future__ import annotations

from typing import Any

from lineportal.demo import story
from lineportal.demo.story import NotAsExpected, Portal, Say

QUESTION = "พัสดุของฉันอยู่ที่ไหนคะ"
ANSWER = "กำลังนำส่งวันนี้ค่ะ"


def play(portal: Portal, key: str, *, account: str, line_user_id: str, say: Say) -> None:
    """Let a person write, and answer them within the minute; raises NotAsExpected."""
    portal.simulate("POST", f"people/{line_user_id}/say", {"text": QUESTION})
    talk = story.wait(lambda: _first(portal, key, account), "the conversation has come")
    say(f"  customer    {talk['last_text']}")
    path = f"conversations/{talk['id']}/messages/"
    said = portal.call(
        key, "POST", path, {"text": ANSWER}, {"Idempotency-Key": f"demo {talk['id']}"}
    )
    sent = story.wait(
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
