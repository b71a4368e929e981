"""Where a template version is used: its campaigns, what is queued and what went out on it.

Counts of campaigns come from the tallies; one-off messages are counted no further than `COUNTED`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, F, Max, Q, QuerySet, Sum

from lineportal.sending.models import Campaign, Message, Tally
from lineportal.sending.statuses import Status
from templates_app.models import MessageTemplate

COUNTED = 10_000
SHOWN = 20  # campaigns that are named
# LINE had it, or may have had it.
WENT_OUT = (Status.ACCEPTED, Status.DELIVERED, Status.EXPIRED, Status.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Used:
    """One campaign on the version, with its counts."""

    id: int
    name: str
    state: str
    started_at: datetime | None
    queued: int
    sent: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Everything on one version; `is_capped`: there are at least so many one-off messages."""

    by_state: dict[str, int]  # campaigns
    queued: int  # messages that a revocation would cancel
    sent: int
    is_capped: bool
    last_sent_at: datetime | None
    campaigns: list[Used] = field(default_factory=list)  # what runs or waits first, then the newest

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def running(self) -> int:
        return self.by_state.get(Campaign.State.RUNNING, 0)

    @property
    def scheduled(self) -> int:
        return self.by_state.get(Campaign.State.SCHEDULED, 0)

    @property
    def is_used(self) -> bool:
        return bool(self.by_state or self.queued or self.sent)


def of(template: MessageTemplate, *, counted: int = COUNTED) -> Usage:
    """Return where a version is used now; costs the same with a million messages."""
    by_state = dict(
        Campaign.objects.filter(template=template).values_list("state").annotate(n=Count("pk"))
    )
    counts = Tally.objects.filter(campaign__template=template).aggregate(**_sums())
    one_off = Message.objects.filter(template=template, campaign=None).order_by()
    queued, queued_more = _bounded(one_off.filter(status=Status.QUEUED), counted)
    sent, sent_more = _bounded(one_off.filter(status__in=WENT_OUT), counted)
    return Usage(
        by_state=by_state,
        queued=counts["queued"] + queued,
        sent=counts["sent"] + sent,
        is_capped=queued_more or sent_more,
        last_sent_at=_last_sent_at(template),
        campaigns=_campaigns(template),
    )


def campaigns_of(template_ids: list[int]) -> dict[int, int]:
    """Return how many campaigns there are on each of these versions."""
    rows = Campaign.objects.filter(template__in=template_ids).values_list("template")
    return dict(rows.annotate(n=Count("pk")))


def _sums() -> dict[str, Sum]:
    return {
        "queued": Sum("n", filter=Q(status=Status.QUEUED), default=0),
        "sent": Sum("n", filter=Q(status__in=WENT_OUT), default=0),
    }


def _bounded(rows: QuerySet[Message], most: int) -> tuple[int, bool]:
    found = rows[: most + 1].count()
    return min(found, most), found > most


def _campaigns(template: MessageTemplate) -> list[Used]:
    alive = Q(state__in=[Campaign.State.RUNNING, Campaign.State.SCHEDULED, Campaign.State.PAUSED])
    rows = Campaign.objects.filter(template=template).annotate(is_alive=alive)
    shown = list(rows.order_by("-is_alive", "-pk")[:SHOWN])
    sums = Tally.objects.filter(campaign__in=shown).values_list("campaign").annotate(**_sums())
    counts = {pk: (queued, sent) for pk, queued, sent in sums}
    return [
        Used(
            id=each.pk,
            name=each.name,
            state=each.state,
            started_at=each.started_at,
            queued=counts.get(each.pk, (0, 0))[0],
            sent=counts.get(each.pk, (0, 0))[1],
        )
        for each in shown
    ]


def _last_sent_at(template: MessageTemplate) -> datetime | None:
    """Return when the newest message went out: of the campaign started last, or a one-off one.

    Ids rise with the time, so the newest of each status is enough; no campaign is read through.
    """
    last = (
        Campaign.objects.filter(template=template, started_at__isnull=False)
        .order_by("-started_at")
        .values_list("pk", flat=True)
        .first()
    )
    sources = [Message.objects.filter(template=template, campaign=None)]
    if last is not None:
        sources.append(Message.objects.filter(campaign=last))
    newest = [
        source.filter(status=status).order_by("-pk").values("pk")[:1]
        for source in sources
        for status in WENT_OUT
    ]
    found: dict[str, datetime | None] = Message.objects.filter(
        pk__in=newest[0].union(*newest[1:], all=True)
    ).aggregate(at=Max(F("attempt_started_at")))
    return found["at"]
