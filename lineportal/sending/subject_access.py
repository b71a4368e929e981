"""Everything we hold about one person, to be handed to them: JSON for machines, PDF for people.

What names others (staff, other people's numbers and LINE user ids) and secrets are left out.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import F, Model, Q, QuerySet
from django.utils.translation import gettext as _

from lineportal import logs
from lineportal.accounts import access
from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from lineportal.conversations.models import ChatMessage
from lineportal.sending import forgetting, inbox, subject_access_pdf
from lineportal.sending.models import Attempt, CampaignRow, Message, RequestKey, WebhookEvent
from recipients import purposes
from recipients.models import (
    ImportedPerson,
    ImportRefusal,
    Link,
    LinkCode,
    LinkConflict,
    Reachability,
    Recipient,
    Suppression,
)
from templates_app import rendering
from templates_app.models import MessageTemplate

HAND_OUT = "recipients.subject_access"
VERSION = 1  # of the pack's own form
CONTENT = subject_access_pdf.CONTENT

# What people read of a message object.
_SAID = ("text", "altText", "label", "title", "value", "content")
_SECRET = re.compile(r"(?i)token|secret")


class Form(enum.StrEnum):
    JSON = "json"
    PDF = "pdf"


class Forgotten(Exception):
    """The person was erased; nothing that is left is about anybody."""


def hand_out(
    recipient: Recipient, *, form: Form, purpose: str, by: User | None, at: datetime
) -> bytes:
    """Return the pack as a file, written down with its purpose; `by` None is an operator.

    Raises PermissionDenied, MissingPurpose, Forgotten, and MissingFont for a PDF. What is unread
    of the inbox and names the person is read first.
    """
    if by is not None:
        access.require(by, HAND_OUT, recipient.account_id)
    purpose = purposes.required(purpose)
    inbox.read_naming(recipient.account_id, forgetting.names_in_bodies(recipient), at=at)
    return _hand_out(recipient, form=form, purpose=purpose, by=by, at=at)


@transaction.atomic
def _hand_out(
    recipient: Recipient, *, form: Form, purpose: str, by: User | None, at: datetime
) -> bytes:
    pack = gather(recipient, at=at)
    text = json.dumps(pack, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
    file = text.encode()
    if form is Form.PDF:
        file = subject_access_pdf.typeset(json.loads(text), at=at)
    chain.write(
        "recipient.subject_access",
        subject=recipient,
        by=by,
        at=at,
        account_id=recipient.account_id,
        purpose=purposes.without_personal_data(purpose, recipient),
        form=form.value,
        sha256=hashlib.sha256(file).hexdigest(),
        counts={name: len(rows) for name, rows in pack.items() if isinstance(rows, list)},
    )
    return file


def gather(recipient: Recipient, *, at: datetime) -> dict[str, Any]:
    """Return the pack: a word of what it is, the person, then lists, each oldest first."""
    recipient = Recipient.objects.select_related("account").get(pk=recipient.pk)
    if recipient.erased_at is not None:
        raise Forgotten(
            _("This person was forgotten on %(day)s; what is left names nobody.")
            % {"day": recipient.erased_at.date().isoformat()}
        )
    account, own = recipient.account, _Own(recipient)
    return {
        "version": VERSION,
        "made_at": at,
        "account": {"slug": account.slug, "name": account.name, "country": account.country},
        "person": _columns(
            recipient,
            ("id", "phone", "phone_country", "line_user_id", "consent", "consent_source",
             "consent_observed_at", "friend_status", "friend_source", "friend_observed_at",
             "attributes", "tags", "phone_since", "former_phone", "closed_at", "created_at",
             "updated_at"),
        ),
        "consent_history": _consent_history(recipient, own),
        "legal_bases": _rows(
            recipient.legal_bases.order_by("id"),
            "purpose", "basis", "wording_version", "source", "given_at", "withdrawn_at",
        ),
        "marketing_opt_outs": _rows(
            recipient.opt_outs.order_by("id"), "purpose", "opted_out_at", "source", "ended_at"
        ),
        "links": _links(recipient, own),
        "links_to_decide": _links_to_decide(recipient, own),
        "link_codes": _rows(
            LinkCode.objects.filter(_sides(recipient)).order_by("id"),
            "issued_at", "expires_at", "ended_at",
        ),
        "reachability": _rows(Reachability.objects.filter(recipient=recipient), "reached_at"),
        "suppressions": _suppressions(recipient, own),
        "imports": _imports(recipient, own),
        "refused_rows": _refused_rows(recipient),
        "campaign_rows": _rows(
            CampaignRow.objects.filter(recipient=recipient).order_by("id"),
            "campaign_id", "row", "item", "values",
        ),
        "messages": _messages(recipient, own),
        "conversation": _conversation(recipient, own),
        "events": _events(recipient, own),
        "requests": _rows(
            recipient.subject_requests.order_by("id"),
            "kind", "received_at", "due_at", "state", "note", "answer", "closed_at",
        ),
        "disclosures_and_changes": _audit(recipient),
    }  # fmt: skip


class _Own:
    """Tells what names the person from what names others, in texts and in what LINE told us."""

    def __init__(self, recipient: Recipient) -> None:
        spelled = [
            each
            for phone in forgetting.numbers_of(recipient)
            for each in forgetting.patterns(phone, recipient.line_user_id)
        ]
        self._names = re.compile(
            "|".join(rf"(?<![0-9])(?:{each})(?![0-9a-f])" for each in spelled) or r"(?!)",
            re.IGNORECASE,
        )

    def text(self, text: str) -> str:
        """Return the text without other people's numbers and user ids."""
        done, end = [], 0
        for found in self._names.finditer(text):
            done += [logs.masked(text[end : found.start()]), found.group()]
            end = found.end()
        return "".join([*done, logs.masked(text[end:])])

    def payload(self, value: Any) -> Any:
        """Return a provider's event without secrets and other people."""
        if isinstance(value, Mapping):
            return {
                name: self.payload(each) for name, each in value.items() if not _SECRET.search(name)
            }
        if isinstance(value, list):
            return [self.payload(each) for each in value]
        return self.text(value) if isinstance(value, str) else value


def _columns(row: Model, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _rows(rows: QuerySet[Any], *names: str, **renamed: Any) -> list[dict[str, Any]]:
    return list(rows.values(*names, **renamed))


def _consent_history(recipient: Recipient, own: _Own) -> list[dict[str, Any]]:
    records = _rows(
        recipient.ledger.order_by("recorded_at", "id"),
        "subject", "value", "previous", "observed_at", "is_dated", "recorded_at", "source",
        "source_reference", "purpose", "legal_basis", "wording_version", "evidence_sha256",
        said=F("evidence__text"), file_name=F("evidence__file_name"), file=F("evidence__file"),
    )  # fmt: skip
    for record in records:
        record["evidence"] = own.text(record.pop("said") or "")
        record["evidence_file"] = own.text(record.pop("file_name") or "")
        file = record.pop("file")
        record[CONTENT] = base64.b64encode(file).decode() if file else ""
    return records


def _sides(recipient: Recipient) -> Q:
    return Q(phone_recipient=recipient) | Q(user_recipient=recipient)


def _links(recipient: Recipient, own: _Own) -> list[dict[str, Any]]:
    """Return with which other records the person's was linked; what those hold is not in it.

    A link is what we were told, and numbers get new owners: who owns this record has not shown
    that the other one is theirs too.
    """
    return [
        {
            **_columns(link, ("linked_at", "confirmed_at")),
            "told_by": link.get_source_display(),
            "how_it_is_known": own.text(link.evidence),
            "ended_at": link.ended_at,
            "ended_because": link.get_end_reason_display(),
            "other_record": _other_record(link, recipient),
        }
        for link in Link.objects.filter(_sides(recipient)).order_by("id")
    ]


def _links_to_decide(recipient: Recipient, own: _Own) -> list[dict[str, Any]]:
    return [
        {
            **_columns(conflict, ("arose_at", "settled_at", "is_linked")),
            "told_by": conflict.get_source_display(),
            "how_it_is_known": own.text(conflict.evidence),
            "other_record": _other_record(conflict, recipient),
        }
        for conflict in LinkConflict.objects.filter(_sides(recipient)).order_by("id")
    ]


def _other_record(link: Link | LinkConflict, recipient: Recipient) -> str:
    if link.phone_recipient_id == recipient.pk:
        return _(
            "Our record %(number)d is of a LINE user. To have what it holds, ask us for it in the"
            " chat of that LINE user."
        ) % {"number": link.user_recipient_id}
    return _(
        "Our record %(number)d is of a phone number. To have what it holds, ask us for it and show"
        " that the number is yours."
    ) % {"number": link.phone_recipient_id}


def _suppressions(recipient: Recipient, own: _Own) -> list[dict[str, Any]]:
    of_number = Suppression.objects.filter(
        account_id=recipient.account_id, phone=recipient.phone or ""
    )
    found = _rows(of_number.order_by("id"), "reason", "until", "created_at", "lifted_at")
    return [{**each, "reason": own.text(each["reason"])} for each in found]


def _imports(recipient: Recipient, own: _Own) -> list[dict[str, Any]]:
    files = ImportedPerson.objects.filter(recipient=recipient).order_by("recipient_import_id")
    return [
        {
            "id": job.pk,
            "file_name": own.text(job.file_name),
            "source": own.text(job.source_text),
            **_columns(job, ("as_of", "created_at", "finished_at")),
        }
        for job in (each.recipient_import for each in files.select_related("recipient_import"))
    ]


def _refused_rows(recipient: Recipient) -> list[dict[str, Any]]:
    about = Q(phone=recipient.phone) if recipient.phone else Q(pk=None)
    if recipient.line_user_id:
        about |= Q(line_user_id=recipient.line_user_id)
    refused = ImportRefusal.objects.filter(
        about, recipient_import__account_id=recipient.account_id
    ).order_by("id")
    return _rows(refused, "row", "column", "reason", "cells", file=F("recipient_import_id"))


def _messages(recipient: Recipient, own: _Own) -> list[dict[str, Any]]:
    found = list(
        Message.objects.filter(recipient=recipient).select_related("campaign").order_by("id")
    )
    templates = MessageTemplate.objects.in_bulk({each.template_id for each in found})
    attempts: dict[int, list[dict[str, Any]]] = {}
    for attempt in Attempt.objects.filter(message__recipient=recipient).order_by("number"):
        attempts.setdefault(attempt.message_id, []).append(
            {
                **_columns(attempt, ("number", "reference", "started_at", "ended_at", "outcome")),
                "detail": own.text(attempt.detail),
            }
        )
    keys: dict[int, list[str]] = {}
    for message_id, key in RequestKey.objects.filter(message__recipient=recipient).values_list(
        "message_id", "key"
    ):
        keys.setdefault(message_id, []).append(key)
    return [
        {
            "id": message.pk,
            "campaign": own.text(message.campaign.name) if message.campaign else None,
            "template": str(templates[message.template_id]),
            **_columns(
                message,
                ("service", "address", "item", "values", "status", "verdict", "rule",
                 "rules_version", "consent", "friend_status", "queued_at", "accepted_at",
                 "delivered_at", "values_dropped_at", "reference", "outcome"),
            ),
            "detail": own.text(message.detail),
            "text": _said(templates[message.template_id], message.values),
            "earlier_attempts": attempts.get(message.pk, []),
            "request_keys": keys.get(message.pk, []),
        }
        for message in found
    ]  # fmt: skip


def _said(template: MessageTemplate, values: Mapping[str, str]) -> list[str]:
    """Return the words of a message, top to bottom; none where its values are gone."""
    try:
        body = rendering.fill(template.bubble, values) if template.bubble else None
    except rendering.MissingValues:
        return []
    return list(dict.fromkeys(_words(body)))


def _words(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if isinstance(each, str):
                if name in _SAID and each:
                    yield each
            else:
                yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)


def _conversation(recipient: Recipient, own: _Own) -> list[dict[str, Any]]:
    """Return what was said; of ours, that a person or the machine said it, never who."""
    said = _rows(
        ChatMessage.objects.filter(conversation__recipient=recipient).order_by("occurred_at", "id"),
        "id", "kind", "text", "facts", "occurred_at", "edited_at", "unsent_at", "emptied_at",
        "progress", by=F("speaker"), file_name=F("media__name"), file_size=F("media__size"),
        file_sha256=F("media__sha256"), file_state=F("media__state"),
    )  # fmt: skip
    return [
        {
            **each,
            "text": own.text(each["text"]),
            "facts": own.payload(each["facts"]),
            "file_name": own.text(each["file_name"] or ""),
        }
        for each in said
    ]


def _events(recipient: Recipient, own: _Own) -> list[dict[str, Any]]:
    mine = Message.objects.filter(recipient=recipient, reference__isnull=False)
    references = [
        *mine.values_list("reference", flat=True),
        *Attempt.objects.filter(message__recipient=recipient).values_list("reference", flat=True),
    ]
    about = Q(reference__in=references)
    if recipient.line_user_id:
        about |= Q(line_user_id=recipient.line_user_id)
    events = WebhookEvent.objects.filter(about, account_id=recipient.account_id).order_by("id")
    found = _rows(events, "event_id", "kind", "occurred_at", "effect", "reference", "payload")
    return [{**each, "payload": own.payload(each["payload"])} for each in found]


def _audit(recipient: Recipient) -> list[dict[str, Any]]:
    """Return what was done with the person's record and what for; by whom is not theirs."""
    entries = AuditEntry.objects.filter(subject=f"recipient:{recipient.pk}").order_by("number")
    return [
        {
            "at": entry.at,
            "action": entry.action,
            "purpose": str(entry.facts.get("purpose") or entry.facts.get("reason") or ""),
        }
        for entry in entries
    ]
