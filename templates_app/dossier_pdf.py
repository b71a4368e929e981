"""A dossier as PDF: what each part of the page says; the message itself is `dossier_phone`'s."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lineportal import typesetting
from lineportal.typesetting import breakable
from templates_app import dossier_phone
from templates_app.dossier_phone import Node
from templates_app.dossier_words import words

_PAGE = Path(__file__).with_name("dossier.typ")
# Whose shapes of shared Chinese letters a language wants; None: those of the account's country.
_SHAPES = {"zh-hant": "TW", "ja": "JP"}


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
        "account": breakable(dossier["account"]["name"]),
        "key": dossier["template"]["key"],
        "version": dossier["template"]["version"],
        "hash": dossier["template"]["content_hash"],
        "made_at": dossier["made_at"],
        "is_draft": dossier["is_draft"],
        "phones": dossier_phone.phones(dossier, said),
        "about": _about(dossier, said),
        "brief": _brief(dossier["brief"], said),
        "placeholders": [
            [breakable(name), *(breakable(sample.get(name, "")) for sample in dossier["samples"])]
            for name in dossier["placeholders"]
        ],
        "samples": len(dossier["samples"]),
        "links": [breakable(link) for link in dossier["links"]],
        "findings": [_finding(each, said) for each in dossier["findings"]],
        "milestones": [_milestone(each, said) for each in dossier["milestones"]],
        "json": breakable(_exact(dossier["message"])),
    }
    return typesetting.pdf(_PAGE, "dossier", page, country=shapes, at=at)


def _exact(message: Any) -> str:
    """Return JSON to read, with what paper cannot show as it is in JSON's own escapes."""
    text = json.dumps(message, indent=1, ensure_ascii=False)
    return typesetting.NOT_ON_PAPER.sub(lambda found: json.dumps(found.group())[1:-1], text)


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
    return [(said[name], breakable(value)) for name, value in rows if value]


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
    return [(said[name], breakable(value) or said["not_given"]) for name, value in rows]


def _finding(finding: Mapping[str, Any], said: Mapping[str, str]) -> Node:
    waiver = finding["waiver"]
    return {
        "severity": said[finding["severity"]],
        "place": breakable(finding["place"]),
        "excerpt": breakable(finding["excerpt"]),
        "sentence": breakable(finding["sentence"]),
        "source": breakable(finding["source"]),
        "waiver": breakable(waiver["reason"]) if waiver else "",
        "waived_by": f"{waiver['by']}, {waiver['at']}" if waiver else "",
    }


def _milestone(entry: Mapping[str, Any], said: Mapping[str, str]) -> list[str]:
    when = entry["on"] or entry["at"]
    party = f" ({entry['party']})" if entry["party"] else ""
    return [when, breakable(said[entry["kind"]] + party), breakable(entry["text"]),
            breakable(entry["by"])]  # fmt: skip
