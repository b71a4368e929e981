"""The editor's fields as typed, turned into a template's content and back.

Rows repeat their names, so that a browser without script sends them in order. Everything typed is
kept whatever the kind, so that trying another kind loses nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from templates_app import content as contents
from templates_app import drafting, flex_json

SINGLES = (
    "title", "company", "icon", "greeting", "emphasis_label", "emphasis_key", "emphasis_value",
    "explanation", "alt_text", "template_key", "text", "flex", "image_url", "image_shape",
    "caption",
)  # fmt: skip
# The one text that each kind of message cannot be without.
NEEDED = {"bubble": "title", "catalogue": "template_key", "text": "text", "picture": "alt_text",
          "flex": "alt_text"}  # fmt: skip
# More samples would be more fields than a form may send; the API takes them.
NAMES_LIMIT = 60
_ROWS_READ = 60
_MOVE = re.compile(r"(item|sample)-(remove|up|down)-(\d{1,2})")


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to write a message; `structure` is what `contents.kind` calls it."""

    code: str
    service: str
    structure: str
    label: Promise
    note: Promise


KINDS = (
    Kind("bubble", "lon", "bubble", _("Notification"),
         _("Title, items and buttons; we draw the bubble that LINE approves.")),
    Kind("catalogue", "lon", "catalogue", _("Notification from LINE's catalogue"),
         _("Keys that LINE has approved already; only the values are yours.")),
    Kind("lon_flex", "lon", "flex", _("Notification from Flex JSON"),
         _("A bubble that you drew elsewhere.")),
    Kind("text", "oa", "text", _("Two-way text"), _("For friends of the account.")),
    Kind("picture", "oa", "picture", _("Two-way picture"),
         _("A picture with words and buttons, for friends of the account.")),
    Kind("oa_flex", "oa", "flex", _("Two-way Flex"),
         _("A bubble or a carousel, for friends of the account.")),
)  # fmt: skip


@dataclass(slots=True)
class Row:
    """An item or a button: its label (or key of LINE's catalogue) and its value (or address)."""

    label: str = ""
    key: str = ""
    value: str = ""

    @property
    def is_blank(self) -> bool:
        return not any(part.strip() for part in (self.label, self.key, self.value))


@dataclass(slots=True)
class Written:
    """What the form holds. `flex_fault` says why an uploaded file or pasted JSON is no container;

    `names` are the placeholders that the samples were given for.
    """

    kind: Kind
    texts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SINGLES, ""))
    items: list[Row] = field(default_factory=list)
    buttons: list[Row] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    samples: list[dict[str, str]] = field(default_factory=list)
    flex: Any = None
    flex_fault: str = ""

    def read_flex(self) -> None:
        """Read the JSON; of a whole message take the container and its alternative text."""
        if self.flex_fault or self.kind.structure != "flex":
            return
        try:
            self.flex = flex_json.read(self.texts["flex"])
        except flex_json.Unreadable as refusal:
            self.flex_fault = str(refusal)
            return
        whole = self.flex
        if isinstance(whole, dict) and whole.get("type") == "flex" and "contents" in whole:
            self.flex = whole["contents"]
            self.texts["flex"] = _laid_out(self.flex)
            if not self.texts["alt_text"].strip() and isinstance(whole.get("altText"), str):
                self.texts["alt_text"] = whole["altText"]

    def apply(self, pressed: str) -> None:
        """Carry out a button that adds, removes or moves a row; any other changes nothing."""
        if pressed == "add_item":
            self.items.append(Row())
        elif pressed == "add_sample" and len(self.samples) < drafting.SAMPLES_LIMIT:
            self.samples += [{}] if self.samples else [{}, {}]
        if match := _MOVE.fullmatch(pressed):
            rows: list[Any] = self.items if match[1] == "item" else self.samples
            at, to = int(match[3]), int(match[3]) + {"up": -1, "down": 1}.get(match[2], 0)
            if match[2] == "remove":
                del rows[at : at + 1]
            elif 0 <= to < len(rows) and at < len(rows):
                rows[at], rows[to] = rows[to], rows[at]


def kind_named(code: str, kinds: Sequence[Kind] = KINDS) -> Kind:
    """Return the kind with this code, or the first."""
    return next((kind for kind in kinds if kind.code == code), kinds[0])


def of_form(
    data: QueryDict, *, kinds: Sequence[Kind] = KINDS, file: UploadedFile[Any] | None = None
) -> Written:
    """Return what a form sent; an uploaded file stands in for the pasted JSON."""
    written = Written(kind_named(data.get("kind", ""), kinds))
    written.texts = {name: _one_break(data.get(name, "")) for name in SINGLES}
    written.items = _rows(data, "item_label", "item_key", "item_value")
    written.buttons = _rows(data, "button_label", "button_key", "button_url")
    written.names = data.getlist("sample_name")[:NAMES_LIMIT]
    values = [_one_break(value) for value in data.getlist("sample_value")]
    if width := len(written.names):
        chunks = [values[at : at + width] for at in range(0, len(values), width)]
        written.samples = [dict(zip(written.names, each, strict=False)) for each in chunks]
        written.samples = written.samples[: drafting.SAMPLES_LIMIT]
    if file is not None:
        _take_file(written, file)
    written.read_flex()
    return written


def of_content(
    content: Mapping[str, Any], *, service: str, samples: Sequence[Mapping[str, str]] = ()
) -> Written:
    """Return the fields of a template's content."""
    structure = contents.kind(content, service=service)
    kinds = [each for each in KINDS if (each.service, each.structure) == (service, structure)]
    written = Written(kinds[0])
    texts = {name: content[name] for name in SINGLES if name in content and name != "flex"}
    if structure == "flex":
        texts["flex"] = _laid_out(content["flex"])
    if structure == "picture":
        texts["image_url"] = content["image"]["url"]
        texts["image_shape"] = content["image"].get("shape", "")
    if emphasis := content.get("emphasis"):
        texts["emphasis_label"] = emphasis.get("label", "")
        texts["emphasis_key"] = emphasis.get("item_key", "")
        texts["emphasis_value"] = emphasis["value"]
    written.texts |= {name: _one_break(text) for name, text in texts.items()}
    written.items = [
        Row(*map(_one_break, (row.get("label", ""), row.get("item_key", ""), row["value"])))
        for row in content.get("items", [])
    ]
    written.buttons = [
        Row(*map(_one_break, (row.get("label", ""), row.get("button_key", ""), row["url"])))
        for row in content.get("buttons", [])
    ]
    written.samples = [dict(sample) for sample in samples]
    written.names = list(dict.fromkeys(name for sample in samples for name in sample))
    written.read_flex()
    return written


def to_content(written: Written) -> dict[str, Any]:
    """Return the content that the fields say, parts left blank left out; not yet validated."""
    structure, texts = written.kind.structure, written.texts
    given = {name: text for name, text in texts.items() if text.strip()}
    if structure == "text":
        return {"text": given["text"]} if "text" in given else {}
    if structure == "flex":
        return {"flex": written.flex, **_picked(given, "alt_text")}
    if structure == "picture":
        image = {"url": texts["image_url"]}
        if texts["image_shape"] in filter(None, contents.PICTURE_SHAPES):
            image["shape"] = texts["image_shape"]
        return {
            "image": image,
            **_picked(given, "caption", "alt_text"),
            **_buttons(written),
        }
    label = "label" if structure == "bubble" else "item_key"
    label_field = "emphasis_label" if structure == "bubble" else "emphasis_key"
    content = _picked(given, "template_key")
    if structure == "bubble":
        content = _picked(given, "title", "company", "icon", "greeting")
    if label_field in given or "emphasis_value" in given:
        content["emphasis"] = {label: texts[label_field], "value": texts["emphasis_value"]}
    if items := filled(written.items, structure):
        content["items"] = [{label: named, "value": row.value} for _n, named, row in items]
    if structure == "bubble":
        content |= _picked(given, "explanation")
    content |= _buttons(written)
    if structure == "bubble":
        content |= _picked(given, "alt_text")
    return content


def drawable(written: Written) -> dict[str, Any] | None:
    """Return content that can be drawn though it is half written; None where there is no JSON."""
    content = to_content(written)
    if written.kind.structure != "flex":
        return {NEEDED[written.kind.structure]: "", **content}
    if written.flex_fault or not isinstance(written.flex, dict):
        return None
    return {"alt_text": "", **content}


def filled(rows: Sequence[Row], structure: str) -> list[tuple[int, str, Row]]:
    """Return the rows that say something here, each with its place in the form and its label."""
    named = [(n, row.key if structure == "catalogue" else row.label, row)
             for n, row in enumerate(rows)]  # fmt: skip
    return [(n, name, row) for n, name, row in named if name.strip() or row.value.strip()]


def _buttons(written: Written) -> dict[str, Any]:
    structure = written.kind.structure
    label = "button_key" if structure == "catalogue" else "label"
    rows = [
        {label: named, "url": row.value} for _n, named, row in filled(written.buttons, structure)
    ]
    return {"buttons": rows} if rows else {}


def kept_samples(written: Written, placeholders: Sequence[str]) -> list[dict[str, str]]:
    """Return the sample values to store: those of placeholders there are, blank sets left out."""
    sets = [
        {name: sample[name] for name in placeholders if sample.get(name, "").strip()}
        for sample in written.samples
    ]
    return [each for each in sets if each]


def _take_file(written: Written, file: UploadedFile[Any]) -> None:
    if (file.size or 0) > flex_json.BYTES_LIMIT:
        written.flex_fault = str(flex_json.too_big())
        return
    try:
        written.texts["flex"] = _one_break(flex_json.decoded(file.read()))
    except flex_json.Unreadable as refusal:
        written.flex_fault = str(refusal)


def _rows(data: QueryDict, *names: str) -> list[Row]:
    columns = [map(_one_break, data.getlist(name)[:_ROWS_READ]) for name in names]
    return [Row(*cells) for cells in zip_longest(*columns, fillvalue="")]


def _picked(given: Mapping[str, str], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _laid_out(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _one_break(text: str) -> str:
    """Return the text with line feeds alone: a browser sends CRLF for each."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
