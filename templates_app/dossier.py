"""Everything LINE's account manager needs to decide on a version, in one file, as it stands now.

A PDF to read, and a ZIP with the PDF, the exact Flex JSON, each sample filled in, and digests.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.audit import chain
from templates_app import briefs, catalogue, dossier_pdf, rendering, waivers
from templates_app import content as contents
from templates_app.dossier_words import LANGUAGES
from templates_app.models import EntryKind, MessageTemplate, State

BUILD = "templates_app.build_dossier"
MILESTONES = (
    EntryKind.PRECHECK_PASSED,
    EntryKind.DOSSIER_SENT,
    EntryKind.LINE_ASKED,
    EntryKind.LINE_DECIDED,
)
# What LINE's people in the account's country read.
_LANGUAGE_OF = {"TH": "th", "TW": "zh-hant", "JP": "ja"}


class Form(StrEnum):
    """The file that a dossier is handed over as."""

    PDF = "pdf"
    ZIP = "zip"

    @property
    def content_type(self) -> str:
        return f"application/{self.value}"


@transaction.atomic
def build(
    template: MessageTemplate,
    *,
    by: User | None,
    at: datetime,
    language: str = "",
    form: str = Form.ZIP,
) -> tuple[str, bytes]:
    """Return (file name, file); the audit keeps the file's digest.

    `language` is one of dossier_words.LANGUAGES, by default what LINE's people in the account's
    country read; `by` None is a command's. Raises PermissionDenied, content.InvalidContent,
    typesetting.MissingFont.
    """
    if by is not None:
        access.require(by, BUILD, template.account_id)
    language = (language or _LANGUAGE_OF[template.account.country]).lower()
    if language not in LANGUAGES:
        raise contents.InvalidContent(
            {"language": _("Choose one of: %(codes)s.") % {"codes": ", ".join(LANGUAGES)}}
        )
    if form not in list(Form):
        raise contents.InvalidContent({"format": _("Choose pdf or zip.")})
    held = collect(template, language=language, at=at)
    pdf = dossier_pdf.typeset(held, language=language, at=at)
    file = _packed(held, pdf, at=at) if form == Form.ZIP else pdf
    chain.write(
        "template.dossier",
        subject=template,
        by=by,
        at=at,
        account_id=template.account_id,
        version=template.version,
        content_hash=template.content_hash,
        language=language,
        form=str(form),
        digest=hashlib.sha256(file).hexdigest(),
        pdf_digest=hashlib.sha256(pdf).hexdigest(),
    )
    return f"dossier-{template.key}-v{template.version}-{language}.{form}", file


def collect(template: MessageTemplate, *, language: str, at: datetime) -> dict[str, Any]:
    """Return all that a dossier tells, as JSON holds it; sentences are in `language`."""
    brief = briefs.of(template)
    drawing = rendering.drawing_of(template)
    account = template.account
    with translation.override(language):
        judged = waivers.judged(template)
    milestones = template.entries.filter(kind__in=MILESTONES).select_related("by").order_by("pk")
    found = {
        "made_at": at,
        "account": {"slug": account.slug, "name": account.name, "country": account.country},
        "template": {
            "key": template.key,
            "version": template.version,
            "state": "revoked" if template.revoked_at else template.state,
            "service": template.service,
            "category": template.category,
            "language": template.language,
            "purpose": template.purpose,
            "content_hash": template.content_hash,  # a draft has none yet
            "created_by": str(template.created_by),
            "created_at": template.created_at,
            "submitted_by": str(template.submitted_by or ""),
            "submitted_at": template.submitted_at,
            "line_reference": template.line_reference,
            "line_decided_on": template.line_decided_on,
            "reason": template.reason,
        },
        "is_draft": template.state == State.DRAFT,
        "brief": briefs.as_dict(brief),
        "missing": briefs.missing(brief),
        "placeholders": template.placeholders,
        "samples": template.samples,
        "links": list(dict.fromkeys(contents.addresses(template.content))),
        "findings": [_finding(each) for each in judged],
        "milestones": [
            {
                "kind": entry.kind,
                "party": entry.party,
                "on": entry.happened_on,
                "text": entry.text,
                "by": str(entry.by),
                "at": entry.at,
            }
            for entry in milestones
        ],
        "titles": [
            {"kind": kind, "key": key, "title": title}
            for (kind, key), title in _titles_in(template).items()
        ],
        "content": template.content,
        "message": drawing,
    }
    return dict(json.loads(json.dumps(found, default=_as_text)))


def _titles_in(template: MessageTemplate) -> dict[tuple[str, str], str]:
    """Return what readers see for the keys of LINE's catalogue that this version holds."""
    if contents.kind(template.content, service=template.service) != "catalogue":
        return {}
    held = {(kind, key) for _place, kind, key in catalogue.keys(template.content)}
    known = catalogue.titles(template.account.country)
    return {each: known[each] for each in sorted(held & known.keys())}


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return str(value)


def _finding(judged: waivers.Judged) -> dict[str, Any]:
    names = ("code", "severity", "place", "excerpt", "sentence", "source")
    waiver = judged.waiver
    return {
        **{name: judged.finding[name] for name in names},
        "waiver": waiver and {"reason": waiver.reason, "by": str(waiver.by), "at": waiver.at},
    }


def _packed(held: dict[str, Any], pdf: bytes, *, at: datetime) -> bytes:
    files = {
        "dossier.pdf": pdf,
        "dossier.json": _pretty(held),
        "content.json": _pretty(held["content"]),
        "message.json": _pretty(held["message"]),
    }
    for n, sample in enumerate(held["samples"], 1):
        filled = {**{name: f"{{{{{name}}}}}" for name in held["placeholders"]}, **_given(sample)}
        files[f"message-sample-{n}.json"] = _pretty(rendering.fill(held["message"], filled))
    sums = [f"{hashlib.sha256(file).hexdigest()}  {name}\n" for name, file in files.items()]
    files["SHA256SUMS"] = "".join(sums).encode()
    moment = at.astimezone(UTC)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files.items():
            entry = zipfile.ZipInfo(name, moment.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file)
    return packed.getvalue()


def _given(sample: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in sample.items() if value.strip()}


def _pretty(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
