"""A dossier as PDF. Flex is worked out here; the page only draws rows, columns and texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lineportal import typesetting
from templates_app import rendering
from templates_app.content import PLACEHOLDER
from templates_app.dossier_words import words

_PAGE = Path(__file__).with_name("dossier.typ")
# Whose shapes of shared Chinese letters a language wants; None: those of the account's country.
_SHAPES = {"zh-hant": "TW", "ja": "JP"}
_SIZES = {"xxs": 7.5, "xs": 8.5, "sm": 9, "md": 10.5, "lg": 12, "xl": 14, "xxl": 18, "3xl": 22,
          "4xl": 30, "5xl": 46}  # fmt: skip
_SPACES = {"none": 0.0, "xs": 1.5, "sm": 3.0, "md": 6.0, "lg": 9.0, "xl": 12.0, "xxl": 15.0}
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_PIXELS = re.compile(r"(\d{1,4})px")
# A word so long finds no place to break a line in.
_LONG = re.compile(r"[!-~]{16,}")
# Boxes in boxes that the page can draw; of what is deeper it shows the texts.
_DEEPEST = 8
_PADDING = {"header": 9.0, "hero": 0.0, "body": 13.0, "footer": 7.0}

Node = dict[str, Any]


def typeset(dossier: Mapping[str, Any], *, language: str, at: datetime) -> bytes:
    """Return the PDF of what `dossier.collect` gave; the same dossier makes the same bytes.

    Raises typesetting.MissingFont.
    """
    country = dossier["account"]["country"]
    shapes = _SHAPES.get(language, country)
    said = words(language)
    page = {
        "words": said,
        "lang": language.partition("-")[0],
        "region": shapes,
        "account": _breakable(dossier["account"]["name"]),
        "key": dossier["template"]["key"],
        "version": dossier["template"]["version"],
        "hash": dossier["template"]["content_hash"],
        "made_at": dossier["made_at"],
        "is_draft": dossier["is_draft"],
        "phones": _phones(dossier, said),
        "about": _about(dossier, said),
        "brief": _brief(dossier["brief"], said),
        "placeholders": [
            [name, *(_breakable(sample.get(name, "")) for sample in dossier["samples"])]
            for name in dossier["placeholders"]
        ],
        "samples": len(dossier["samples"]),
        "links": [_breakable(link) for link in dossier["links"]],
        "findings": [_finding(each, said) for each in dossier["findings"]],
        "milestones": [_milestone(each, said) for each in dossier["milestones"]],
        "json": _breakable(json.dumps(dossier["message"], indent=1, ensure_ascii=False)),
    }
    return typesetting.pdf(_PAGE, "dossier", page, country=shapes, at=at)


def _phones(dossier: Mapping[str, Any], said: Mapping[str, str]) -> list[Node]:
    drawing = dossier["message"]
    if "templateKey" in drawing:
        drawing = rendering.likeness(
            drawing, {(kind, key): title for kind, key, title in dossier["catalogue_titles"]}
        )
    shown: list[tuple[str, Mapping[str, str]]] = [(said["with_placeholders"], {})]
    shown += [(f"{said['sample']} {n}", each) for n, each in enumerate(dossier["samples"], 1)]
    return [
        {
            "label": label,
            "alt_text": _pieces(drawing.get("altText", ""), values),
            "bubbles": _bubbles(drawing, values, said),
        }
        for label, values in shown
    ]


def _bubbles(
    drawing: Mapping[str, Any], values: Mapping[str, str], said: Mapping[str, str]
) -> list[list[Node]]:
    if drawing["type"] == "text":
        words_ = {"type": "text", "text": drawing["text"], "wrap": True, "size": "md"}
        return [[{"fill": "#FFFFFF", "pad": 9.0, "node": _node(words_, values, said, 0)}]]
    flex = drawing["contents"]
    bubbles = flex["contents"] if flex.get("type") == "carousel" else [flex]
    return [_blocks(bubble, values, said) for bubble in bubbles]


def _blocks(
    bubble: Mapping[str, Any], values: Mapping[str, str], said: Mapping[str, str]
) -> list[Node]:
    styles = _mapping(bubble.get("styles"))
    found = []
    for name, pad in _PADDING.items():
        block = bubble.get(name)
        if not isinstance(block, Mapping):
            continue
        style = _mapping(styles.get(name))
        fill = _color(block.get("backgroundColor")) or _color(style.get("backgroundColor"))
        plain = {key: value for key, value in block.items() if key != "backgroundColor"}
        found.append({"fill": fill or "#FFFFFF", "pad": pad, "node": _node(plain, values, said, 0)})
    return found


def _node(node: Any, values: Mapping[str, str], said: Mapping[str, str], depth: int) -> Node:
    """Return what to draw: a row, column, text, button, separator, or a grey box with a name."""
    kind = node.get("type") if isinstance(node, Mapping) else None
    if kind == "box" and depth <= _DEEPEST:
        return _box(node, values, said, depth)
    if kind == "box":
        return _text({"text": "\n".join(_texts_below(node)), "size": "sm"}, values)
    if kind == "text":
        return _text(node, values)
    if kind == "button":
        action = node.get("action")
        label = action.get("label", "") if isinstance(action, Mapping) else ""
        style = str(node.get("style", "link"))
        fill = _color(node.get("color")) or {"primary": "#17C950", "secondary": "#DCDFE5"}.get(
            style
        )
        return {
            "kind": "button",
            "pieces": _pieces(label, values),
            "fill": "" if style == "link" else fill,
            "ink": {"primary": "#FFFFFF", "secondary": "#111111"}.get(style, "#42659A"),
        }
    if kind == "separator":
        return {"kind": "separator"}
    if kind in ("filler", "spacer"):
        return {"kind": "filler"}
    label = str(node.get("url", "")) if kind in ("image", "icon", "video") else ""
    text = f"{said['picture']} {label}".strip() if label else str(kind)
    return {"kind": "unknown", "text": _breakable(text)}


def _box(
    node: Mapping[str, Any], values: Mapping[str, str], said: Mapping[str, str], depth: int
) -> Node:
    is_row = node.get("layout") in ("horizontal", "baseline")
    spacing = _space(node.get("spacing"))
    contents = node.get("contents")
    inner = []
    for n, each in enumerate(contents if isinstance(contents, list) else []):
        child = _node(each, values, said, depth + 1)
        margin = each.get("margin") if isinstance(each, Mapping) else None
        child["gap"] = (_space(margin) if margin else spacing) if n or margin else 0.0
        child["flex"] = _share(each, is_row=is_row)
        inner.append(child)
    return {
        "kind": "row" if is_row else "column",
        "fill": _color(node.get("backgroundColor")),
        "pad": _space(node.get("paddingAll")),
        "radius": _space(node.get("cornerRadius")),
        "inner": inner,
    }


def _text(node: Mapping[str, Any], values: Mapping[str, str]) -> Node:
    spans = node.get("contents")
    text = node.get("text", "")
    if isinstance(spans, list) and spans:
        text = "".join(str(each.get("text", "")) for each in spans if isinstance(each, Mapping))
    return {
        "kind": "text",
        "pieces": _pieces(text, values),
        "size": _SIZES.get(str(node.get("size", "md")), _SIZES["md"]),
        "bold": node.get("weight") == "bold",
        "ink": _color(node.get("color")) or "#111111",
        "align": {"center": "center", "end": "right"}.get(str(node.get("align")), "left"),
    }


def _texts_below(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for each in node["contents"] if isinstance(node.get("contents"), list) else []:
            yield from _texts_below(each)


def _pieces(text: Any, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (how, words) for each part of a text: plain, gap for a placeholder, or its value."""
    first, *rest = PLACEHOLDER.split(str(text))
    found = [("plain", _breakable(first))]
    for name, after in zip(rest[::2], rest[1::2], strict=True):
        value = str(values.get(name, ""))
        found += [("value", _breakable(value)) if value.strip() else ("gap", name),
                  ("plain", _breakable(after))]  # fmt: skip
    return [piece for piece in found if piece[1]]


def _share(node: Any, *, is_row: bool) -> float:
    share = node.get("flex") if isinstance(node, Mapping) else None
    if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1000:
        return float(share)
    return 1.0 if is_row else 0.0


def _about(dossier: Mapping[str, Any], said: Mapping[str, str]) -> list[tuple[str, str]]:
    template = dossier["template"]
    submitted = (template["submitted_by"], template["submitted_at"])
    state = {"submitted": "submitted_state"}.get(template["state"], template["state"])
    rows = [
        ("key", f"{template['key']} v{template['version']}"),
        ("state", said[state]),
        ("service", said[template["service"]]),
        ("category", said[template["category"]]),
        ("language", template["language"]),
        ("purpose", template["purpose"]),
        ("created", f"{template['created_by']}, {template['created_at']}"),
        ("submitted", ", ".join(filter(None, submitted))),
        ("line_reference", template["line_reference"]),
        ("line_decided_on", template["line_decided_on"]),
        ("reason", template["reason"]),
        ("content_hash", template["content_hash"]),
    ]
    return [(said[name], _breakable(value)) for name, value in rows if value]


def _brief(brief: Mapping[str, Any], said: Mapping[str, str]) -> list[tuple[str, str]]:
    volume = brief["monthly_volume"]
    contact = (brief["contact_name"], brief["contact_email"], brief["contact_phone"])
    rows = [
        ("use_case", brief["use_case"]),
        ("trigger", brief["trigger"]),
        ("audience", brief["audience"]),
        ("monthly_volume", "" if volume is None else f"{volume:,}"),
        ("contact", ", ".join(filter(None, contact))),
    ]
    return [(said[name], _breakable(value) or said["not_given"]) for name, value in rows]


def _finding(finding: Mapping[str, Any], said: Mapping[str, str]) -> Node:
    waiver = finding["waiver"]
    return {
        "severity": said[finding["severity"]],
        "place": _breakable(finding["place"]),
        "excerpt": _breakable(finding["excerpt"]),
        "sentence": finding["sentence"],
        "waiver": _breakable(waiver["reason"]) if waiver else "",
        "waived_by": f"{waiver['by']}, {waiver['at']}" if waiver else "",
    }


def _milestone(entry: Mapping[str, Any], said: Mapping[str, str]) -> list[str]:
    when = entry["on"] or entry["at"]
    party = f" ({entry['party']})" if entry["party"] else ""
    return [when, _breakable(said[entry["kind"]] + party), _breakable(entry["text"]), entry["by"]]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _color(value: Any) -> str:
    return value if isinstance(value, str) and _COLOR.fullmatch(value) else ""


def _space(value: Any) -> float:
    text = str(value)
    if found := _PIXELS.fullmatch(text):
        return min(int(found[1]) * 0.7, 60.0)
    return _SPACES.get(text, 0.0)


def _breakable(text: Any) -> str:
    return _LONG.sub(lambda found: "\u200b".join(found.group()), str(text or ""))
