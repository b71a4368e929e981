"""The exact words of a message: which version, which hash, approved by whom, and what LINE said.

Nothing is remembered but what is proven again: the template's hash is taken from its row as it is
now, and the body of the request is drawn again from what the message kept, and hashed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lineportal.accounts.models import Road
from lineportal.audit.models import AuditEntry
from lineportal.providers.base import OutgoingMessage
from lineportal.sending import routing
from lineportal.sending.drawing import unit_name
from lineportal.sending.models import Message
from recipients import phones
from templates_app import rendering, workflow
from templates_app.models import MessageTemplate

ERASED, DROPPED, INCOMPLETE = "erased", "dropped", "incomplete"
NOTHING_SENT = hashlib.sha256(b"").hexdigest()  # what an attempt that was not drawn has on record


@dataclass(frozen=True, slots=True)
class Proof:
    """What can be shown of one message's words; None where there is nothing to show or compare."""

    template: MessageTemplate
    content_hash: str  # of the version that the message was made on
    current_hash: str  # of the template's row, taken now
    body_sha256: str  # of the request that was sent; blank: none was
    body_sha256_now: str | None  # of the request drawn again from what is kept
    words: Any | None  # LINE's message object with the message's own values, numbers masked
    emptied: str  # why there are no words: `erased`, `dropped`, `incomplete`, or blank
    emptied_at: datetime | None
    audit_number: int | None  # the entry that recorded the approval of this hash

    @property
    def is_intact(self) -> bool:
        """Whether the row holds what was approved when the message was made."""
        return self.current_hash == self.template.content_hash == self.content_hash

    @property
    def is_same_body(self) -> bool | None:
        """Whether these words make the very bytes that were sent; None: cannot be told."""
        if not self.body_sha256 or self.body_sha256_now is None:
            return None
        return self.body_sha256 == self.body_sha256_now

    @property
    def line_decided_on(self) -> date | None:
        return self.template.line_decided_on


def of(message: Message) -> Proof:
    """Return the proof of a message's words, as far as its person's data is still held."""
    template = MessageTemplate.objects.select_related("account", "approved_by").get(
        pk=message.template_id
    )
    emptied, emptied_at = _emptied(message)
    words = None
    if not emptied:
        shown = _masked(message.values, country=template.account.country)
        try:
            words = rendering.fill(template.bubble, shown)
        except rendering.MissingValues:
            emptied = INCOMPLETE
    return Proof(
        template=template,
        content_hash=message.body_template_hash,
        current_hash=workflow.current_hash(template),
        body_sha256="" if message.body_sha256 == NOTHING_SENT else message.body_sha256,
        body_sha256_now=None if emptied else _drawn_again(message, template),
        words=words,
        emptied=emptied,
        emptied_at=emptied_at,
        audit_number=_audit_number(template, message.body_template_hash),
    )


def _emptied(message: Message) -> tuple[str, datetime | None]:
    if message.erased_at is not None:
        return ERASED, message.erased_at
    if message.values_dropped_at is not None:
        return DROPPED, message.values_dropped_at
    return "", None


def _masked(values: Mapping[str, Any], *, country: str) -> dict[str, str]:
    return {name: phones.mask_whole(str(each), country=country) for name, each in values.items()}


def _drawn_again(message: Message, template: MessageTemplate) -> str | None:
    """Return the hash of the request as it would be drawn for this message's last attempt."""
    if not message.body_sha256 or message.reference is None or not message.address:
        return None
    road = Road.objects.filter(account=message.account_id, service=message.service).first()
    if road is None:
        return None
    outgoing = OutgoingMessage(
        service=message.service,
        address=message.address,
        body=rendering.Stencil(template.bubble).fill(message.values),
        reference=message.reference,
        unit=unit_name(template),
        is_catalogue="templateKey" in (template.bubble or {}),
    )
    return hashlib.sha256(routing.build(road).wire(outgoing).body).hexdigest()


def _audit_number(template: MessageTemplate, content_hash: str) -> int | None:
    entries = AuditEntry.objects.filter(
        subject=f"{template._meta.model_name}:{template.pk}",
        action="template.approved",
        facts__content_hash=content_hash,
    )
    return entries.order_by("number").values_list("number", flat=True).first()
