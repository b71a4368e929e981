"""What is wrong with the fields as typed, each sentence at the control that can mend it.

The rules are `contents.validate`'s; here they are asked so that one missing part does not hide
what is too long elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from lineportal.console import editor_form
from lineportal.console.editor_form import Written
from templates_app import content as contents

Faults = dict[str, list[str]]  # sentences by control; "" is the form itself

_WITH_BUTTONS = ("bubble", "catalogue", "picture")
_ROW = re.compile(r"(item|button)s\[(\d+)\]\.(\w+)")
# What stands in for a missing half, so that the rest can be judged.
_WORD, _ADDRESS = "-", "https://example.com/"
_BUBBLE = {"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": []}}
# By which content is known to be of this kind.
_FORMS: dict[str, dict[str, Any]] = {
    "flex": {"flex": _BUBBLE},
    "picture": {"image": {"url": _ADDRESS}},
}


def find(written: Written, *, category: str = "", language: str = "") -> Faults:
    """Return every fault of what is typed; empty if it can be saved as it stands."""
    details = {"category": category, "language": language}
    faults: Faults = {}

    def add(control: str, sentence: str) -> None:
        sentences = faults.setdefault(control, [])
        if sentence not in sentences:
            sentences.append(sentence)

    for control, text in typed(written):
        for sentence in _of_text(text):
            add(control, sentence)
    is_located = bool(faults)
    needed = editor_form.NEEDED[written.kind.structure]
    content = {needed: "", **editor_form.to_content(written)}
    if written.flex_fault:
        add("flex", written.flex_fault)
        content["flex"] = _BUBBLE
    for control, sentence in _halves(written):
        add(control, sentence)
    problems = _problems(_completed(content, written), written, **details)
    if not content[needed].strip():
        bare = {needed: "", **_FORMS.get(written.kind.structure, {})}
        problems[needed] = _problems(bare, written)[needed]
    for place, sentence in problems.items():
        if place in ("content", "placeholders") and is_located:
            continue
        for control in _controls(place, written):
            add(control, _with_place(place, sentence))
    return faults


def typed(written: Written) -> Iterator[tuple[str, str]]:
    """Yield every control that this kind of message uses, with its text; JSON is no text."""
    structure, texts = written.kind.structure, written.texts
    names = {
        "bubble": (
            "title", "company", "icon", "greeting", "emphasis_label", "emphasis_value",
            "explanation", "alt_text",
        ),
        "catalogue": ("template_key", "emphasis_key", "emphasis_value"),
        "text": ("text",),
        "picture": ("image_url", "caption", "alt_text"),
        "flex": ("alt_text",),
    }[structure]  # fmt: skip
    for name in names:
        yield name, texts[name]
    first = "key" if structure == "catalogue" else "label"
    if structure in ("bubble", "catalogue"):
        for n, named, row in editor_form.filled(written.items, structure):
            yield f"item_{first}-{n}", named
            yield f"item_value-{n}", row.value
    if structure in _WITH_BUTTONS:
        for n, named, row in editor_form.filled(written.buttons, structure):
            yield f"button_{first}-{n}", named
            yield f"button_url-{n}", row.value


def _of_text(text: str) -> list[str]:
    """Return what is wrong with a text wherever it stands: its placeholders, its characters."""
    problems = _refused({"text": text}, service="oa")
    return [problems[place] for place in ("content", "placeholders") if place in problems]


def _halves(written: Written) -> Iterator[tuple[str, str]]:
    """Yield a sentence for each half of a row, of the emphasis or of a picture that is missing."""
    structure, texts = written.kind.structure, written.texts
    if structure not in _WITH_BUTTONS:
        return
    if structure == "picture" and not texts["image_url"].strip():
        yield "image_url", _("Give the address of the picture.")
    is_by_key = structure == "catalogue"
    first = "key" if is_by_key else "label"
    label = _("Give the key of LINE's catalogue.") if is_by_key else _("Write a label.")
    value = _("Write what is shown here, or empty the label too.")
    address = _("Give the address that the button opens.")
    emphasis = (texts[f"emphasis_{first}"], texts["emphasis_value"])
    pairs = [
        (f"emphasis_{first}", "emphasis_value", value, *emphasis),
        *(
            (f"item_{first}-{n}", f"item_value-{n}", value, named, row.value)
            for n, named, row in editor_form.filled(written.items, structure)
        ),
        *(
            (f"button_{first}-{n}", f"button_url-{n}", address, named, row.value)
            for n, named, row in editor_form.filled(written.buttons, structure)
        ),
    ]
    for first_control, second_control, sentence, named, shown in pairs:
        if named.strip() and not shown.strip():
            yield second_control, sentence
        if shown.strip() and not named.strip():
            yield first_control, label


def _completed(content: dict[str, Any], written: Written) -> dict[str, Any]:
    """Return the content with something harmless wherever a text is missing."""
    needed = editor_form.NEEDED[written.kind.structure]
    whole = {**content, needed: content[needed] if content[needed].strip() else _WORD}
    if "image" in whole:
        whole["image"] = _stood_in(whole["image"], 0)
    if "emphasis" in whole:
        whole["emphasis"] = _stood_in(whole["emphasis"], 0)
    for place in ("items", "buttons"):
        if place in whole:
            whole[place] = [_stood_in(row, n + 1) for n, row in enumerate(whole[place])]
    return whole


def _stood_in(row: dict[str, str], n: int) -> dict[str, str]:
    # Numbered, since LINE takes each key once.
    blank = {"url": _ADDRESS, "value": _WORD, "label": _WORD}
    return {
        name: text if text.strip() else blank.get(name, f"{_WORD}{n}") for name, text in row.items()
    }


def _controls(place: str, written: Written) -> list[str]:
    """Return the controls that can mend what is wrong at a place of the content."""
    structure = written.kind.structure
    if match := _ROW.fullmatch(place):
        rows = written.items if match[1] == "item" else written.buttons
        n = editor_form.filled(rows, structure)[int(match[2])][0]
        return [f"{match[1]}_{match[3]}-{n}"]
    if place.startswith("emphasis.") or place == "image.url":
        return [place.replace(".", "_")]
    if place == "template_key" and (wrong := _wrong_keys(written)):
        return wrong
    if structure == "flex" and place != "alt_text":
        return ["flex"]
    known = {"title", "company", "icon", "greeting", "explanation", "alt_text", "template_key",
             "text", "caption", "items", "buttons"}  # fmt: skip
    return [place if place in known else ""]


def _wrong_keys(written: Written) -> list[str]:
    """Return the controls whose key LINE's catalogue cannot have."""
    return [
        control
        for control, key in typed(written)
        if ("_key" in control and key.strip())
        and "template_key" in _refused({"template_key": key}, service="lon")
    ]


def _with_place(place: str, sentence: str) -> str:
    """Return the sentence, led by the place where it lies inside of Flex JSON."""
    return f"{place.removeprefix('flex.')}: {sentence}" if place.startswith("flex.") else sentence


def _problems(content: dict[str, Any], written: Written, **details: str) -> dict[str, str]:
    return _refused(content, service=written.kind.service, **details)


def _refused(content: dict[str, Any], *, service: str, **details: str) -> dict[str, str]:
    try:
        contents.validate(content, service=service, **details)
    except contents.InvalidContent as refusal:
        return refusal.problems
    return {}
