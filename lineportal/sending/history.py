"""Everything that happened to one message, in order: attempts, answers, events, ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from lineportal.sending.models import Attempt, Message, WebhookEvent
from lineportal.sending.statuses import Status


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened; `reference` tells which attempt it belongs to."""

    at: datetime
    what: str
    detail: str = ""
    reference: str = ""
    http_status: int | None = None
    request_id: str = ""


def of(message: Message) -> list[Step]:
    """Return a message's steps, oldest first."""
    steps = [Step(message.queued_at, _("Written"), str(Status(_first_status(message)).label))]
    past = list(Attempt.objects.filter(message=message).order_by("number"))
    tries: list[Attempt | Message] = [*past, message]
    for number, attempt in enumerate(tries, start=1):
        if message.attempts and _began_at(attempt) is not None:
            steps += _attempt(number, attempt)
    references = [message.reference, *(attempt.reference for attempt in past)]
    events = WebhookEvent.objects.filter(
        account_id=message.account_id, reference__in=[each for each in references if each]
    ).select_related("delivery")
    for event in events:
        steps.append(
            Step(
                event.delivery.received_at,
                _("Event “%(kind)s” of the provider") % {"kind": event.kind},
                _("happened %(moment)s, id %(id)s")
                % {"moment": event.occurred_at.isoformat(timespec="seconds"),
                   "id": event.event_id},
                reference=event.reference.hex if event.reference else "",
            )
        )  # fmt: skip
    ends = (Status.SKIPPED, Status.CANCELLED, Status.EXPIRED, Status.DELIVERED)
    if message.status in ends and message.changed_at != message.queued_at:
        steps.append(Step(message.changed_at, str(Status(message.status).label), message.detail))
    return sorted(steps, key=lambda step: step.at)


def _first_status(message: Message) -> str:
    # Only what was excluded at the start has no reference.
    return Status.SKIPPED if message.reference is None else Status.QUEUED


def _began_at(attempt: Attempt | Message) -> datetime | None:
    return attempt.started_at if isinstance(attempt, Attempt) else attempt.attempt_started_at


def _attempt(number: int, attempt: Attempt | Message) -> list[Step]:
    began_at = _began_at(attempt)
    ended_at = attempt.ended_at if isinstance(attempt, Attempt) else attempt.attempt_ended_at
    reference = attempt.reference.hex if attempt.reference else ""
    steps = []
    if began_at is not None:
        steps.append(
            Step(began_at, _("Attempt %(number)d") % {"number": number}, reference=reference)
        )
    if attempt.outcome:
        steps.append(
            Step(
                ended_at or began_at or attempt.changed_at,  # type: ignore[union-attr]
                _("Outcome: %(outcome)s") % {"outcome": attempt.outcome},
                attempt.detail,
                reference,
                attempt.http_status,
                attempt.request_id,
            )
        )
    return steps
