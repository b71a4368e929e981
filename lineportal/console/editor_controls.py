"""What the editor's page shows for each field: its words, its text, its count, its faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.console import editor_faults, editor_form
from lineportal.console.editor_faults import Faults
from lineportal.console.editor_form import Row, Written
from templates_app import content as contents
from templates_app import drafting, flex_json


@dataclass(frozen=True, slots=True)
class Look:
    """How a field is labelled and limited; `lines` more than one: it may hold line breaks.

    `picks` is the kind of LINE's keys that it picks from, if it does.
    """

    label: Promise
    limit: int
    lines: int = 1
    help: Promise | str = ""
    hint: str = ""
    picks: str = ""


_LOOKS = {
    "title": Look(gettext_lazy("Title"), contents.TITLE_LIMIT, hint="พัสดุของคุณมาถึงแล้ว",
                  help=gettext_lazy("LINE fixes it at approval: no placeholders here.")),
    "company": Look(gettext_lazy("Company"), contents.LABEL_LIMIT, hint="ไทยขนส่ง"),
    "icon": Look(gettext_lazy("Icon"), contents.LABEL_LIMIT, hint="✓",
                 help=gettext_lazy("A sign or a short word above the title.")),
    "greeting": Look(gettext_lazy("Greeting"), contents.PARAGRAPH_LIMIT, lines=2,
                     hint="เรียน คุณ{{name}}"),
    "emphasis_label": Look(gettext_lazy("Label"), contents.LABEL_LIMIT, hint="เลขพัสดุ"),
    "emphasis_key": Look(gettext_lazy("Item key"), contents.CATALOGUE_KEY_LIMIT,
                         hint="number_001_ja", picks="item"),
    "emphasis_value": Look(gettext_lazy("Value"), contents.EMPHASIS_LIMIT, hint="{{tracking_no}}"),
    "explanation": Look(gettext_lazy("Explanation"), contents.PARAGRAPH_LIMIT, lines=3,
                        help=gettext_lazy("Without a button, say here how to reach you.")),
    "alt_text": Look(gettext_lazy("Alternative text"), contents.ALT_TEXT_LIMIT, lines=2,
                     help=gettext_lazy("Shown in the list of chats and in the push message.")),
    "template_key": Look(gettext_lazy("Template key"), contents.CATALOGUE_KEY_LIMIT,
                         hint="shipment_completed_ja", picks="template"),
    "image_url": Look(gettext_lazy("Address of the picture"), contents.URL_LIMIT,
                      hint="https://example.com/pictures/spring.jpg",
                      help=gettext_lazy("JPEG or PNG by https, 1,024 pixels wide at most. LINE"
                                        " fetches it when the message is opened: leave it there,"
                                        " and never put another under an approved address.")),
    "caption": Look(gettext_lazy("Words under the picture"), contents.PARAGRAPH_LIMIT, lines=3,
                    hint="สวัสดี {{name}}"),
    "text": Look(gettext_lazy("Text"), contents.TEXT_LIMIT, lines=6, hint="สวัสดี {{name}}"),
    "item_label": Look(gettext_lazy("Label"), contents.LABEL_LIMIT, hint="จาก"),
    "item_key": Look(gettext_lazy("Item key"), contents.CATALOGUE_KEY_LIMIT, hint="date_002_ja",
                     picks="item"),
    "item_value": Look(gettext_lazy("Value"), contents.ITEM_LIMIT, lines=1,
                       hint="{{parcel_from}}"),
    "button_label": Look(gettext_lazy("Label"), contents.BUTTON_LABEL_LIMIT, hint="ติดตามพัสดุ"),
    "button_key": Look(gettext_lazy("Button key"), contents.CATALOGUE_KEY_LIMIT, hint="contact_ja",
                       picks="button"),
    "button_url": Look(gettext_lazy("Address"), contents.URL_LIMIT,
                       hint="https://example.com/track/{{tracking_no}}"),
}  # fmt: skip


SHAPES = (
    ("", gettext_lazy("Wide")),
    ("square", gettext_lazy("Square")),
    ("tall", gettext_lazy("Tall")),
)


@dataclass(frozen=True, slots=True)
class Control:
    """One field of the page. `name` is what the form sends, `id` tells repeated ones apart."""

    name: str
    id: str
    value: str
    look: Look
    faults: Sequence[str] = ()

    @property
    def used(self) -> int:
        """Return what LINE counts: UTF-16 units, placeholders aside."""
        return _units(self.value)

    @property
    def is_over(self) -> bool:
        return self.used > self.look.limit

    @property
    def is_long(self) -> bool:
        return self.look.lines > 1 or "\n" in self.value or self.name == "item_value"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the form: an item or a button, its controls in order of the page."""

    n: int
    label: Control
    key: Control
    value: Control


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The values of one sample; those of placeholders that are gone are carried along, hidden."""

    n: int
    values: list[tuple[str, str, bool]]  # name, value, whether it has line breaks
    carried: list[tuple[str, str]] = field(default_factory=list)


def context(written: Written, faults: Faults) -> dict[str, Any]:
    """Return what the fields' page shows."""
    singles = {
        name: Control(name, name, written.texts[name], look, faults.get(name, ()))
        for name, look in _LOOKS.items()
        if name in editor_form.SINGLES
    }
    return {
        "c": singles,
        "flex": written.texts["flex"],
        "shape": written.texts["image_shape"],
        "shapes": SHAPES,
        "flex_faults": faults.get("flex", ()),
        "flex_bytes_limit": flex_json.BYTES_LIMIT,
        "flex_too_big": str(flex_json.too_big()),
        "lines": _lines(written.items or [Row()], "item", "item_value", faults),
        "button_lines": _lines(_two(written.buttons), "button", "button_url", faults),
        "blank_line": _lines([Row()], "item", "item_value", {}, start=-1)[0],
        "item_faults": faults.get("items", ()),
        "button_faults": faults.get("buttons", ()),
        "form_faults": faults.get("", ()),
        "is_full": len(written.items) >= contents.ITEMS_LIMIT,
        "items_limit": contents.ITEMS_LIMIT,
        **totals(written),
    }


def totals(written: Written) -> dict[str, Any]:
    """Return the counts that concern the whole message."""
    structure = written.kind.structure
    texts = [] if structure == "flex" else editor_faults.typed(written)
    shown = [text for control, text in texts if "_url" not in control and "_key" not in control
             and control != "alt_text"]  # fmt: skip
    n = sum(map(_units, shown))
    return {
        "items_used": len(editor_form.filled(written.items, structure)),
        "in_all": n if structure == "bubble" else None,
        "in_all_limit": contents.ALL_TEXTS_ADVISED,
        "is_over_in_all": n > contents.ALL_TEXTS_ADVISED,
    }


def samples(written: Written, placeholders: Sequence[str]) -> dict[str, Any]:
    """Return the sample fields: a set for each sample, at least one, if anything is to be given."""
    room = max(0, editor_form.NAMES_LIMIT - len(placeholders))
    carried = [name for name in written.names if name not in placeholders][:room]
    names = [*placeholders, *carried]
    is_shown = 0 < len(names) <= editor_form.NAMES_LIMIT
    sets = [
        SampleSet(
            n,
            [
                (name, value, "\n" in value)
                for name in placeholders
                for value in [sample.get(name, "")]
            ],
            [(name, sample.get(name, "")) for name in carried],
        )
        for n, sample in enumerate(written.samples or [{}])
    ]
    return {
        "sample_sets": sets if is_shown else [],
        "sample_names": names if is_shown else [],
        "too_many_names": len(placeholders) if names and not is_shown else 0,
        "has_placeholders": bool(placeholders),
        "may_add_sample": len(sets) < drafting.SAMPLES_LIMIT,
        "samples_limit": drafting.SAMPLES_LIMIT,
    }


def said(faults: Faults) -> list[str]:
    """Return the faults as sentences, each led by the name of what it is about."""
    return [
        f"{name}: {sentence}" if (name := _name(control)) else sentence
        for control, sentences in faults.items()
        for sentence in sentences
    ]


def _name(control: str) -> str:
    base, _dash, n = control.partition("-")
    if n:
        thing = _("Item %(n)d") if base.startswith("item") else _("Button %(n)d")
        return f"{thing % {'n': int(n) + 1}}, {str(_LOOKS[base].label).lower()}"
    if base.startswith("emphasis_"):
        return _("Emphasis, %(part)s") % {"part": str(_LOOKS[base].label).lower()}
    known = {"flex": "Flex JSON", "items": _("Items"), "buttons": _("Buttons")}
    return str(_LOOKS[base].label) if base in _LOOKS else known.get(base, "")


def _lines(
    rows: Sequence[Row], thing: str, value: str, faults: Mapping[str, Sequence[str]], start: int = 0
) -> list[Line]:
    def control(name: str, n: int, text: str) -> Control:
        known = f"{name}-{n}"
        return Control(name, known, text, _LOOKS[name], faults.get(known, ()))

    return [
        Line(
            n,
            control(f"{thing}_label", n, row.label),
            control(f"{thing}_key", n, row.key),
            control(value, n, row.value),
        )
        for n, row in enumerate(rows, start)
    ]


def _two(rows: Sequence[Row]) -> list[Row]:
    return [*rows, *[Row()] * (contents.BUTTONS_LIMIT - len(rows))]


def _units(text: str) -> int:
    return contents.utf16_units(contents.PLACEHOLDER.sub("", text))
