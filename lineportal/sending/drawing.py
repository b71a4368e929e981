"""Draw messages: what the approved template and a message's own values make."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from lineportal.providers.base import FaultScope, Outcome, OutgoingMessage, SendResult
from lineportal.sending.due import Claimed
from templates_app import rendering, workflow
from templates_app.models import MessageTemplate

_UNIT_LIMIT = 30


@dataclass(frozen=True, slots=True)
class Drawing:
    """A template as the sender needs it; `is_intact` False: it is not what was approved."""

    stencil: rendering.Stencil
    is_catalogue: bool
    unit: str
    content_hash: str
    is_intact: bool


def draw(message: Claimed, drawing: Drawing) -> OutgoingMessage | SendResult:
    """Return what goes out, or the result of what cannot."""
    if not message.may_be_repeated:
        return SendResult(
            Outcome.UNCERTAIN,
            code="retry_key_forgotten",
            detail="The last try was over 23 hours ago; LINE would not know it as a repeat.",
        )
    if not drawing.is_intact or drawing.content_hash != message.body_template_hash:
        return SendResult(
            Outcome.FAULT,
            code="content_changed",
            detail="The template is not what was approved; nothing was sent.",
            scope=FaultScope.TEMPLATE,
        )
    try:
        body = drawing.stencil.fill(message.values)
    except rendering.MissingValues as error:
        return SendResult(Outcome.FAULT, code="missing_values", detail=str(error))
    return OutgoingMessage(
        service=message.service,
        address=message.address,
        body=body,
        reference=message.reference,
        unit=drawing.unit,
        is_catalogue=drawing.is_catalogue,
    )


def drawings(template_ids: list[int], *, as_content: bool = False) -> dict[int, Drawing]:
    """Return templates by id, ready for drawing.

    `as_content`: for a provider that draws the approved content itself.
    """
    return {
        template.pk: Drawing(
            stencil=rendering.Stencil(template.content if as_content else template.bubble),
            is_catalogue="templateKey" in (template.bubble or {}),
            unit=unit_name(template),
            content_hash=template.content_hash,
            is_intact=workflow.current_hash(template) == template.content_hash,
        )
        for template in MessageTemplate.objects.filter(pk__in=template_ids)
    }


def unit_name(template: MessageTemplate) -> str:
    """Return the stable name under which LINE counts a template: at most 30 of [A-Za-z0-9_]."""
    version = f"_v{template.version}"
    key = "".join(c if c.isascii() and c.isalnum() else "_" for c in template.key)
    if key != template.key or len(key) > _UNIT_LIMIT - len(version):
        # Another key may look the same so; LINE would count both as one.
        version = f"_{hashlib.sha256(template.key.encode()).hexdigest()[:6]}{version}"
    return key[: _UNIT_LIMIT - len(version)] + version
