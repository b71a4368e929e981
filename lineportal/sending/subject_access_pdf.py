"""A subject-access pack as PDF, set by Typst with the system's fonts for Thai, Chinese, Japanese.

Texts reach the page as data, never as markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from lineportal import typesetting

CONTENT = "evidence_file_content"  # base64, for JSON alone
_PAGE = Path(__file__).with_name("subject_access.typ")

# A word so long finds no place to break a line in.
_LONG = re.compile(r"[!-~]{32,}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def typeset(pack: Mapping[str, Any], *, at: datetime) -> bytes:
    """Return the PDF of a pack as JSON reads it back; the same pack makes the same bytes.

    Raises typesetting.MissingFont.
    """
    page = {**_page(pack), "language": (get_language() or "en").partition("-")[0]}
    country = pack["account"]["country"]
    page["region"] = country
    return typesetting.pdf(_PAGE, "pack", page, country=country, at=at)


def _page(pack: Mapping[str, Any]) -> dict[str, Any]:
    account, made_at = pack["account"]["name"], _value(pack["made_at"])
    titles = _titles()
    sections = [{"title": titles["person"], "note": "", "entries": [_entry(pack["person"])]}]
    for name, title in titles.items():
        if name in pack and isinstance(pack[name], list):
            entries = [_entry(row) for row in pack[name]]
            note = "" if entries else _("We hold nothing of this kind.")
            sections.append({"title": title, "note": note, "entries": entries})
    return {
        "title": _("What we hold about you"),
        "account": account,
        "introduction": _(
            "All personal data that %(account)s keeps in this system about you, as of %(moment)s."
            " Times are in UTC. What names other people is left out."
        )
        % {"account": account, "moment": made_at},
        "footer": f"{account} · {made_at}",
        "sections": sections,
    }


def _titles() -> dict[str, str]:
    """Return the headings in the order of the paper, by their names in the pack."""
    return {
        "person": _("You"),
        "consent_history": _("Consent and friend status, as we learned of them"),
        "legal_bases": _("What our own use of your data rests on"),
        "marketing_opt_outs": _("Marketing you asked us not to send"),
        "links": _("Your other records with us, as far as we were told"),
        "links_to_decide": _("Other records that may be yours"),
        "link_codes": _("Codes for linking your number to LINE"),
        "reachability": _("When LINE last reported a delivery to you"),
        "suppressions": _("When your number was closed to messages"),
        "imports": _("Files that you were in"),
        "refused_rows": _("Rows of files about you that were not taken over"),
        "campaign_rows": _("Rows of campaigns about you"),
        "messages": _("Messages"),
        "conversation": _("What you wrote to us and were answered"),
        "events": _("What LINE told us about you and our messages"),
        "requests": _("What you asked of us"),
        "disclosures_and_changes": _("What was done with your record, and what for"),
    }


def _entry(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return labels and values of what is known in a row."""
    pairs = [(name, _value(value)) for name, value in row.items() if name != CONTENT]
    return [(_label(name), value) for name, value in pairs if value]


def _label(name: str) -> str:
    words = name.replace("_", " ").capitalize()
    return words.replace("Line ", "LINE ")


def _value(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Mapping | list):
        return "\n".join(_lines(value))
    text = str(value)
    if _MOMENT.fullmatch(text):
        return text[:19].replace("T", " ")
    return _LONG.sub(lambda found: "\u200b".join(found.group()), text)


def _lines(value: Mapping[str, Any] | list[Any], place: str = "") -> Iterator[str]:
    """Yield one line for each value, however deep, after the names that lead to it."""
    pairs = value.items() if isinstance(value, Mapping) else (("", each) for each in value)
    for name, each in pairs:
        inner = " › ".join(part for part in (place, str(name)) if part)
        if isinstance(each, Mapping | list):
            yield from _lines(each, inner)
        elif shown := _value(each):
            yield f"{inner}: {shown}" if inner else shown
