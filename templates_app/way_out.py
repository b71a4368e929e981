"""The way out that every marketing message of a two-way account offers by itself. Pure.

A text names the word to send in its last line; Flex has a quiet button under its last bubble, and
under the others too while that fits. What is not so is neither submitted, approved nor sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lineportal.accounts import languages
from templates_app.opting_out import STOP_DATA

GREY = "#999999"


@dataclass(frozen=True, slots=True)
class Words:
    """How a language says it; `label` is what the chat shows too, and is understood as words."""

    line: str
    label: str  # of a button; Infobip takes 20 characters


WORDS = {
    "th": Words("พิมพ์ “หยุด” เพื่อเลิกรับข่าวสาร", "ไม่รับข่าวสาร"),
    "zh-Hant": Words("回覆「停止」即可停止接收此類訊息。", "停止接收"),
    "ja": Words("「配信停止」と送信すると、配信が止まります。", "配信停止"),
    "en": Words("Reply “stop” to get no more of these messages.", "Unsubscribe"),
}


def is_due(*, service: str, category: str) -> bool:
    """Return whether messages of this kind must offer the way out."""
    return service == "oa" and category == "marketing"


def words(language: str) -> Words:
    """Return the words of a BCP 47 tag, such as th-TH; English where there are none."""
    return WORDS[languages.nearest(language)]


def ending(language: str) -> str:
    """Return what a text message ends with."""
    return f"\n\n{words(language).line}"


def button(language: str) -> dict[str, Any]:
    """Return the Flex button."""
    label = words(language).label
    return {
        "type": "button",
        "style": "link",
        "height": "sm",
        "color": GREY,
        "action": {"type": "postback", "label": label, "data": STOP_DATA, "displayText": label},
    }


def added(drawing: Mapping[str, Any], language: str, *, everywhere: bool = True) -> dict[str, Any]:
    """Return a sound drawing with the way out; `everywhere`: under each bubble of a carousel."""
    if drawing["type"] == "text":
        return {**drawing, "text": drawing["text"] + ending(language)}
    container = drawing["contents"]
    bubbles = container.get("contents") if container.get("type") == "carousel" else None
    if bubbles is None:
        return {**drawing, "contents": _under(container, language)}
    if not isinstance(bubbles, list):
        return dict(drawing)
    last = len(bubbles) - 1
    under = [
        _under(bubble, language) if everywhere or n == last else bubble
        for n, bubble in enumerate(bubbles)
    ]
    return {**drawing, "contents": {**container, "contents": under}}


def is_offered(drawing: Any) -> bool:
    """Return whether a drawing ends with the way out; the database asks the same in SQL."""
    if not isinstance(drawing, Mapping):
        return False
    if drawing.get("type") == "text":
        ends = tuple(f"\n{each.line}" for each in WORDS.values())
        return str(drawing.get("text", "")).endswith(ends)
    try:
        bubble = drawing["contents"]
        if bubble["type"] == "carousel":
            bubble = bubble["contents"][-1]
        action = bubble["footer"]["contents"][-1]["action"]
        return bool(action["type"] == "postback" and action["data"] == STOP_DATA)
    except (KeyError, IndexError, TypeError):
        return False


def lacks(drawing: Any, *, service: str, category: str) -> bool:
    """Return whether this frozen drawing may not go out, as it does not offer the way out."""
    return is_due(service=service, category=category) and not is_offered(drawing)


def lacks_sql(row: str) -> str:
    """Return SQL that is true where the version `row` must offer the way out and does not."""
    lines = ", ".join(f"E'\\n{each.line}'" for each in WORDS.values())
    last = f"{row}.bubble #> '{{contents,contents,-1,footer,contents,-1,action}}'"
    only = f"{row}.bubble #> '{{contents,footer,contents,-1,action}}'"
    action = (
        f"CASE {row}.bubble #>> '{{contents,type}}' WHEN 'carousel' THEN {last} ELSE {only} END"
    )
    return f"""(CASE WHEN {row}.service = 'oa' AND {row}.category = 'marketing' THEN NOT COALESCE(
        CASE {row}.bubble ->> 'type'
        WHEN 'text' THEN EXISTS (SELECT 1 FROM unnest(ARRAY[{lines}]) AS line
            WHERE right({row}.bubble ->> 'text', char_length(line)) = line)
        WHEN 'flex' THEN (SELECT action ->> 'type' = 'postback'
                AND action ->> 'data' = '{STOP_DATA}'
            FROM (SELECT {action} AS action) last_button)
        END, false) ELSE false END)"""


def _under(bubble: Any, language: str) -> Any:
    if not isinstance(bubble, Mapping):
        return bubble
    footer = bubble.get("footer")
    if footer is None:
        footer = {"type": "box", "layout": "vertical", "contents": []}
    elif not isinstance(footer, Mapping) or not isinstance(footer.get("contents"), list):
        return bubble
    elif footer.get("layout") != "vertical" or "height" in footer or "action" in footer:
        # Beside other things, in a height too small, or where a tap means something else, it
        # would not be found.
        footer = {"type": "box", "layout": "vertical", "paddingAll": "none", "contents": [footer]}
    return {**bubble, "footer": {**footer, "contents": [*footer["contents"], button(language)]}}
