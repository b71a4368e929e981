"""Every read-only question about a campaign. Counts come from the tallies, never from messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count, Min, Q, Sum

from lineportal.sending import waiting as waiting_for
from lineportal.sending.models import Campaign, Message, Pace, Stroke, Tally
from lineportal.sending.statuses import UNFINISHED, Status

_RATE_WINDOW = timedelta(seconds=30)
_SQUASH_FROM = 50  # rows of one campaign's tallies


@dataclass(frozen=True, slots=True)
class Report:
    state: str
    total: int
    by_status: dict[str, int]
    by_rule: dict[str, int]
    rate_per_second: float
    finishes_at: datetime | None
    waits: str = ""  # why nothing leaves now, and who may change that
    waits_until: datetime | None = None

    @property
    def unfinished(self) -> int:
        return sum(self.by_status.get(status, 0) for status in UNFINISHED)


@dataclass(frozen=True, slots=True)
class Preview:
    total: int
    by_verdict: dict[str, int]
    by_rule: dict[str, int]


def preview(counts: list[tuple[str, str, int]]) -> Preview:
    """Return the counts of `audience.preview` by verdict and by rule."""
    by_verdict: dict[str, int] = {}
    by_rule: dict[str, int] = {}
    for verdict, rule, n in counts:
        by_verdict[verdict] = by_verdict.get(verdict, 0) + n
        if rule:
            by_rule[rule] = by_rule.get(rule, 0) + n
    return Preview(sum(by_verdict.values()), by_verdict, by_rule)


def report(campaign: Campaign, *, at: datetime) -> Report:
    """Return a campaign's counts, its rate over the last half minute, and when it may be done."""
    by_status: dict[str, int] = {}
    by_rule: dict[str, int] = {}
    rows = Tally.objects.filter(campaign=campaign).values_list("status", "rule")
    for status, rule, n in rows.annotate(total=Sum("n")):
        if n:
            by_status[status] = by_status.get(status, 0) + n
            # What was skipped and then delivered after all, by an earlier try, keeps its rule.
            if rule and status == Status.SKIPPED:
                by_rule[rule] = by_rule.get(rule, 0) + n
    waiting = by_status.get(Status.QUEUED, 0)
    rate, finishes_at = 0.0, None
    wait = waiting_for.why(campaign, at=at)
    if campaign.state == Campaign.State.RUNNING and waiting and not wait.sentence:
        rate = _rate(campaign, at=at)
        if rate:
            finishes_at = at + timedelta(seconds=waiting / rate)
    return Report(
        state=campaign.state,
        total=sum(by_status.values()),
        by_status=by_status,
        by_rule=by_rule,
        rate_per_second=round(rate, 1),
        finishes_at=finishes_at,
        waits=wait.sentence,
        waits_until=wait.until,
    )


def delivered(campaign_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return (delivered, all messages) of each campaign, by one query for all of them."""
    counts = dict.fromkeys(campaign_ids, (0, 0))
    rows = Tally.objects.filter(campaign__in=list(counts)).values_list("campaign_id")
    done = Sum("n", filter=Q(status=Status.DELIVERED), default=0)
    for pk, n, total in rows.annotate(done=done, total=Sum("n")):
        counts[pk] = (n, total)
    return counts


def statuses_from_rows(campaign: Campaign) -> dict[str, int]:
    """Return the counts by status counted from the messages themselves, to check the tallies."""
    rows = Message.objects.filter(campaign=campaign).values_list("status")
    return dict(rows.annotate(n=Count("pk")))


def squash() -> None:
    """Fold the tallies of each campaign that has many into one row per status and rule."""
    many = (
        Tally.objects.values_list("campaign_id")
        .annotate(rows=Count("pk"))
        .filter(rows__gt=_SQUASH_FROM)
    )
    for campaign_id, _rows in list(many):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                """
                WITH gone AS (
                    DELETE FROM sending_tally WHERE id IN (
                        SELECT id FROM sending_tally WHERE campaign_id = %s
                        FOR UPDATE SKIP LOCKED)
                    RETURNING campaign_id, status, rule, n
                )
                INSERT INTO sending_tally (campaign_id, status, rule, n)
                SELECT campaign_id, status, rule, sum(n) FROM gone GROUP BY 1, 2, 3
                HAVING sum(n) <> 0
                """,
                [campaign_id],
            )


def _rate(campaign: Campaign, *, at: datetime) -> float:
    """Return attempts a second over the last half minute; before the first, the pace's rate."""
    strokes = Stroke.objects.filter(campaign=campaign, at__gt=at - _RATE_WINDOW)
    seen = strokes.aggregate(n=Sum("attempts"), since=Min("at"))
    if not seen["n"]:
        pace = Pace.objects.filter(
            road__account=campaign.account, road__service=campaign.template.service
        ).first()
        return pace.rate_per_second if pace else 0.0
    seconds = max(1.0, (at - seen["since"]).total_seconds())
    return float(seen["n"] / seconds)
