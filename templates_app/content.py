"""What a template may hold: the neutral structure, its limits, and its placeholders. Pure.

Limits are LINE's, counted in UTF-16 units as LINE counts message text; the contract's section 4
gives the structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from templates_app import flex_rules, way_out

PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s](?:[^{}]{0,58}[^{}\s])?)\s*\}\}")

EMPHASIS_LIMIT = 15
ITEM_LIMIT = 300
ITEMS_LIMIT = 15
BUTTONS_LIMIT = 2
BUTTON_LABEL_LIMIT = 20
URL_LIMIT = 1000
ALT_TEXT_LIMIT = 400
TITLE_LIMIT = 100
TEXT_LIMIT = 5000  # a two-way text message
LABEL_LIMIT = 40
PARAGRAPH_LIMIT = 1000
# LINE, Flex image: what part of a picture is shown, as width to height. Wide where none is named.
PICTURE_SHAPES = {"": "20:13", "square": "1:1", "tall": "3:4"}
CATALOGUE_KEY_LIMIT = 100
ALL_TEXTS_ADVISED = 500  # 8x8 takes no more in all; LINE sets no such limit
# Names under which a message object holds an address; values in them are percent-encoded.
URL_FIELDS = frozenset({"uri", "url", "desktop", "previewUrl"})

# What PostgreSQL or UTF-8 cannot hold: NUL, and halves of surrogate pairs.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_BUBBLE = {
    "title", "company", "icon", "greeting", "emphasis", "items", "explanation", "buttons",
    "alt_text",
}  # fmt: skip
_CATALOGUE = {"template_key", "emphasis", "items", "buttons"}
_PICTURE = {"image", "caption", "buttons", "alt_text"}
_IMAGE = {"url", "shape"}
CATALOGUE_KEY = re.compile(rf"[A-Za-z0-9_.-]{{1,{CATALOGUE_KEY_LIMIT}}}")
# LINE, "URI action": what a button may open.
_FLEX_SCHEMES = {"https", "http", "line", "tel"}


class InvalidContent(Exception):
    """The content cannot become a message; `problems` has a sentence for each place."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{place}: {text}" for place, text in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class Part:
    """One text of a template that has a limit, in UTF-16 units."""

    place: str
    text: str
    limit: int
    is_url: bool = False


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL and UTF-8 can hold a text."""
    return not _UNSTORABLE.search(text)


def utf16_units(text: str) -> int:
    """Return the length LINE counts: UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def kind(content: Mapping[str, Any], *, service: str) -> str:
    """Return "bubble", "catalogue", "text", "picture" or "flex"."""
    if "flex" in content:
        return "flex"
    if service == "lon":
        return "catalogue" if "template_key" in content else "bubble"
    return "picture" if "image" in content else "text"


def placeholders(content: Any) -> list[str]:
    """Return the names of all placeholders, in order of first appearance."""
    names: dict[str, None] = {}
    for text in _texts(content):
        for match in PLACEHOLDER.finditer(text):
            names[match.group(1)] = None
    return list(names)


def validate(content: Any, *, service: str, category: str = "", language: str = "") -> None:
    """Raise InvalidContent unless the content can be drawn as it stands.

    Marketing to friends must have room for its way out.
    """
    if not isinstance(content, dict):
        raise InvalidContent({"content": _("Give the content as a JSON object.")})
    if any(map(_UNSTORABLE.search, _texts(content, with_names=True))):
        raise InvalidContent(
            {"content": _("A text holds NUL or half of a character; take it out.")}
        )
    problems: dict[str, str] = {}
    form = kind(content, service=service)
    if service == "lon" and form == "flex" and not _is_bubble(content["flex"]):
        problems["flex"] = _("A notification is one Flex bubble; give an object of type bubble.")
    {
        "bubble": _check_bubble,
        "catalogue": _check_catalogue,
        "text": _check_text,
        "picture": _check_picture,
        "flex": _check_flex,
    }[form](content, problems)
    if not problems:
        for part in parts(content, service=service, category=category, language=language):
            _check_part(part, problems)
        for text in _texts(content):
            if "{{" in PLACEHOLDER.sub("", text) or "}}" in PLACEHOLDER.sub("", text):
                problems["placeholders"] = _(
                    "Write placeholders as {{name}}, with a name of at most 60 characters."
                )
    if not problems and form == "flex" and way_out.is_due(service=service, category=category):
        problems.update(_no_way_out(content, language))
    if problems:
        raise InvalidContent(problems)


def parts(
    content: Mapping[str, Any], *, service: str, category: str = "", language: str = ""
) -> list[Part]:
    """Return every text that has a limit of its own; the way out takes its room from it."""
    form = kind(content, service=service)
    if form == "text":
        limit = TEXT_LIMIT
        if way_out.is_due(service=service, category=category):
            limit -= utf16_units(way_out.ending(language))
        return [Part("text", content["text"], limit)]
    if form == "flex":
        return [Part("alt_text", content["alt_text"], ALT_TEXT_LIMIT)]
    found: list[Part] = []
    if form == "picture":
        found.append(Part("image.url", content["image"]["url"], URL_LIMIT, is_url=True))
    key = "item_key" if form == "catalogue" else "label"
    if emphasis := content.get("emphasis"):
        found.append(Part("emphasis.value", emphasis["value"], EMPHASIS_LIMIT))
        if form == "bubble":
            found.append(Part("emphasis.label", emphasis[key], LABEL_LIMIT))
    for index, item in enumerate(content.get("items") or []):
        found.append(Part(f"items[{index}].value", item["value"], ITEM_LIMIT))
        if form == "bubble":
            found.append(Part(f"items[{index}].label", item[key], LABEL_LIMIT))
    for index, button in enumerate(content.get("buttons") or []):
        found.append(Part(f"buttons[{index}].url", button["url"], URL_LIMIT, is_url=True))
        if form != "catalogue":
            found.append(Part(f"buttons[{index}].label", button["label"], BUTTON_LABEL_LIMIT))
    for name, limit in (
        ("title", TITLE_LIMIT),
        ("company", LABEL_LIMIT),
        ("icon", LABEL_LIMIT),
        ("greeting", PARAGRAPH_LIMIT),
        ("caption", PARAGRAPH_LIMIT),
        ("explanation", PARAGRAPH_LIMIT),
        ("alt_text", ALT_TEXT_LIMIT),
    ):
        if text := content.get(name):
            found.append(Part(name, text, limit))
    return found


def with_way_out(drawing: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return a drawing with the way out: under the last bubble alone where more do not fit."""
    drawn = way_out.added(drawing, language)
    if drawn["type"] == "flex" and flex_rules.problems(drawn["contents"]):
        return way_out.added(drawing, language, everywhere=False)
    return drawn


def _no_way_out(content: Mapping[str, Any], language: str) -> dict[str, str]:
    drawn = with_way_out(
        {"type": "flex", "altText": content["alt_text"], "contents": content["flex"]}, language
    )
    if way_out.is_offered(drawn) and not flex_rules.problems(drawn["contents"]):
        return {}
    return {
        "flex": _(
            "The button by which friends stop marketing does not fit under the last bubble; make"
            " the message smaller or flatter."
        )
    }


def _check_part(part: Part, problems: dict[str, str]) -> None:
    fixed = PLACEHOLDER.sub("", part.text)
    if utf16_units(fixed) > part.limit:
        problems[part.place] = _(
            "This text has %(length)d characters; LINE allows %(limit)d. Shorten it."
        ) % {"length": utf16_units(fixed), "limit": part.limit}
    if part.is_url and not _names_its_host(part.text, schemes={"https"}):
        problems[part.place] = _(
            "Give a whole address that begins with https:// and names its host without"
            " placeholders."
        )


def _names_its_host(url: str, *, schemes: set[str]) -> bool:
    """Return whether this is an address of these schemes that no value can lead elsewhere."""
    marked = PLACEHOLDER.sub("{", url)  # a brace never stands in a host of its own right
    try:
        parsed = urlsplit(marked)
        has_host = bool(parsed.hostname) and (parsed.port is None or parsed.port > 0)
    except ValueError:  # brackets or a port that cannot be
        return False
    if any(character.isspace() for character in marked) or "{" in parsed.netloc:
        return False
    return parsed.scheme in schemes and (has_host or parsed.scheme == "tel")


def _check_bubble(content: dict[str, Any], problems: dict[str, str]) -> None:
    _no_others(content, _BUBBLE, problems)
    if not _is_text(content.get("title")):
        problems["title"] = _("A notification needs a title: LINE shows it first. Write one.")
    for name in ("company", "icon", "greeting", "explanation", "alt_text"):
        if name in content and not _is_text(content[name]):
            problems[name] = _("Write a text here, or leave the part out.")
    _check_pairs(content, ("label", "value"), ("label", "url"), problems)


def _check_catalogue(content: dict[str, Any], problems: dict[str, str]) -> None:
    _no_others(content, _CATALOGUE, problems)
    if not _is_text(content.get("template_key")):
        problems["template_key"] = _("Give the key of a template in LINE's catalogue.")
    _check_pairs(content, ("item_key", "value"), ("button_key", "url"), problems)
    if problems:
        return
    keys = [item["item_key"] for item in content.get("items") or []]
    if emphasis := content.get("emphasis"):
        keys.append(emphasis["item_key"])
    button_keys = [button["button_key"] for button in content.get("buttons") or []]
    if not all(map(CATALOGUE_KEY.fullmatch, [content["template_key"], *keys, *button_keys])):
        problems["template_key"] = _(
            "Keys of LINE's catalogue have letters, digits and underscores only, such as"
            " shipment_completed_ja."
        )
    if len(keys) != len(set(keys)):
        problems["items"] = _("LINE allows each item key once, the emphasised one included.")
    if len(button_keys) != len(set(button_keys)):
        problems["buttons"] = _("LINE allows each button key once.")


def _check_text(content: dict[str, Any], problems: dict[str, str]) -> None:
    _no_others(content, {"text"}, problems)
    if not _is_text(content.get("text")):
        problems["text"] = _("Write the text of the message.")


def _check_picture(content: dict[str, Any], problems: dict[str, str]) -> None:
    _no_others(content, _PICTURE, problems)
    image = content["image"]
    if not isinstance(image, dict) or not _is_text(image.get("url")) or image.keys() - _IMAGE:
        problems["image"] = _("Give the picture as an object with “url” and, if need be, “shape”.")
    elif "shape" in image and image["shape"] not in list(filter(None, PICTURE_SHAPES)):
        problems["image.shape"] = _(
            "A picture's shape is “square” or “tall”; leave it out for a wide one."
        )
    if "caption" in content and not _is_text(content["caption"]):
        problems["caption"] = _("Write a text here, or leave the part out.")
    if not _is_text(content.get("alt_text")):
        problems["alt_text"] = _("Write the text that is shown where no picture can be.")
    _check_pairs(content, ("label", "value"), ("label", "url"), problems)


def _check_flex(content: dict[str, Any], problems: dict[str, str]) -> None:
    _no_others(content, {"flex", "alt_text"}, problems)
    flex = content.get("flex")
    if not isinstance(flex, dict) or flex.get("type") not in ("bubble", "carousel"):
        problems["flex"] = _("Give a Flex container: a JSON object of type bubble or carousel.")
    elif wrong := flex_rules.problems(flex):
        problems.update(wrong)
    elif not all(_names_its_host(url, schemes=_FLEX_SCHEMES) for url in addresses(flex)):
        problems["flex"] = _(
            "Give whole addresses (https, http, line or tel) that name their host without"
            " placeholders."
        )
    if not _is_text(content.get("alt_text")):
        problems["alt_text"] = _("Write the text that is shown where Flex cannot be drawn.")


def _check_pairs(
    content: dict[str, Any],
    item_names: tuple[str, str],
    button_names: tuple[str, str],
    problems: dict[str, str],
) -> None:
    for place, names, most in (("items", item_names, ITEMS_LIMIT),
                               ("buttons", button_names, BUTTONS_LIMIT)):  # fmt: skip
        rows = content.get(place, [])
        if not isinstance(rows, list) or not all(_is_pair(row, names) for row in rows):
            problems[place] = _("Give a list of objects with “%(first)s” and “%(second)s”.") % {
                "first": names[0],
                "second": names[1],
            }
        elif len(rows) > most:
            problems[place] = _("LINE allows %(most)d here; take %(over)d out.") % {
                "most": most,
                "over": len(rows) - most,
            }
    if "emphasis" in content and not _is_pair(content["emphasis"], item_names):
        problems["emphasis"] = _("Give an object with “%(first)s” and “%(second)s”.") % {
            "first": item_names[0],
            "second": item_names[1],
        }


def _is_bubble(flex: Any) -> bool:
    return isinstance(flex, dict) and flex.get("type") == "bubble"


def _no_others(content: dict[str, Any], names: set[str], problems: dict[str, str]) -> None:
    if others := sorted(str(name) for name in set(content) - names):
        problems["content"] = _("Unknown part: %(parts)s. Known are: %(known)s.") % {
            "parts": ", ".join(others),
            "known": ", ".join(sorted(names)),
        }


def _is_pair(row: Any, names: tuple[str, str]) -> bool:
    return isinstance(row, dict) and set(row) == set(names) and all(map(_is_text, row.values()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _texts(value: Any, *, with_names: bool = False) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        if with_names:
            yield from value
        for inner in value.values():
            yield from _texts(inner, with_names=with_names)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, with_names=with_names)


def addresses(node: Any) -> Iterator[str]:
    """Yield every address that a content or drawing leads to, in order."""
    if isinstance(node, Mapping):
        for name, inner in node.items():
            if name in URL_FIELDS and isinstance(inner, str):
                yield inner
            yield from addresses(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from addresses(inner)
