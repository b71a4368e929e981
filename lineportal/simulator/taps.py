"""What of a message can be tapped: links that open apart, and buttons that answer the account.

Actions are numbered as they are drawn. So the page names a button by its number, and the one who
takes the press draws the message again and looks that number up: the sender's data never come
back by way of the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lineportal.simulator.markup import Html, tag

# What LINE lets a message open.
SCHEMES = frozenset({"http", "https", "line", "tel"})
# Actions by which a person answers the account; the others need a real phone.
ANSWERING = frozenset({"message", "postback"})


class Taps:
    """The actions of one message, in the order they are drawn.

    `form` is the id of the form that takes presses, `entry` what they are named after; without a
    form, answering actions are drawn but do nothing.
    """

    def __init__(self, *, form: str | None = None, entry: str = "") -> None:
        self._form = form
        self._entry = entry
        self._actions: list[Mapping[str, Any]] = []

    @property
    def count(self) -> int:
        """How many actions have been drawn so far."""
        return len(self._actions)

    def action(self, number: int) -> Mapping[str, Any] | None:
        """Return the action drawn with this number, None when there is none."""
        return self._actions[number] if 0 <= number < len(self._actions) else None

    def wrapped(
        self, action: Mapping[str, Any], inner: Html | str, kind: str, style: str = ""
    ) -> Html:
        """Return the element that does the action when it is tapped."""
        number = len(self._actions)
        self._actions.append(action)
        name = str(action.get("type"))
        look = style or None
        if name == "uri":
            if address := link_to(action.get("uri")):
                return tag(
                    "a",
                    inner,
                    class_=kind,
                    style=look,
                    href=address,
                    target="_blank",
                    rel="noopener noreferrer",
                    title=address,
                )
        elif name in ANSWERING and self._form:
            return tag(
                "button",
                inner,
                class_=kind,
                style=look,
                form=self._form,
                name="press",
                value=f"{self._entry}.{number}",
            )
        return tag("div", inner, class_=kind, style=look, title=f"action: {name[:50]}")


def link_to(value: Any) -> str | None:
    """Return the address if a message may open it, else None."""
    if not isinstance(value, str):
        return None
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        return None
    # Browsers read an address after dropping controls and blanks at its ends; so none are let in.
    is_plain = value.isprintable() and value == value.strip()
    return value if is_plain and scheme in SCHEMES else None


def host_of(value: Any) -> str:
    """Return the host an address names, nothing where it names none."""
    try:
        return (urlsplit(value).hostname or "")[:100] if isinstance(value, str) else ""
    except ValueError:
        return ""
