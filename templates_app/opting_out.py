"""How a friend tells an Official Account to stop its marketing, and to take it up again. Pure.

The words and the data stand here once: what marketing messages show, and what is understood.
"""

from __future__ import annotations

import unicodedata

STOP_DATA = "lineportal:stop"  # of the postback action in a marketing message
START_DATA = "lineportal:start"

# Whole messages, NFKC and case folded.
STOP_WORDS = frozenset(
    {
        "stop", "unsubscribe", "opt out", "opt-out",
        "หยุด", "ยกเลิก", "ยกเลิกรับข่าวสาร", "ไม่รับข่าวสาร",
        "停止", "取消訂閱", "退訂", "停止接收",
        "配信停止", "停止する", "ストップ",
    }
)  # fmt: skip
# Nothing that a customer may say by chance, such as "start": marketing begins by it again.
START_WORDS = frozenset(
    {
        "subscribe", "opt in", "opt-in",
        "รับข่าวสาร", "สมัครรับข่าวสาร",
        "訂閱", "恢復接收",
        "配信再開",
    }
)  # fmt: skip
_AROUND = " .!。「」\"'“”"


def folded(text: str) -> str:
    """Return a message as the words are compared: NFKC, case folded, without what surrounds it."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(plain.split()).strip(_AROUND)


def is_stop(text: str) -> bool:
    """Return whether a whole message asks for no more marketing."""
    return folded(text) in _STOP


def is_start(text: str) -> bool:
    """Return whether a whole message takes marketing up again."""
    return folded(text) in _START


# Thai SARA AM and the like are taken apart by NFKC, so the words are folded as messages are.
_STOP = frozenset(map(folded, STOP_WORDS))
_START = frozenset(map(folded, START_WORDS))
