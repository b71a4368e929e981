"""The month's quota of a two-way account: asked for, shown, and never passed by a claim.

LINE counts late and roughly, so what we took since is counted against its last figure: what is left
may be told too low for a minute, never too high. Only LINE's own figure pauses campaigns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from lineportal import jobs
from lineportal.accounts.models import Road, Service
from lineportal.providers import PROVIDERS
from lineportal.providers.line import LineProvider
from lineportal.sending import audience, incidents
from lineportal.sending.models import Campaign, IncidentCode, Message, Quota
from lineportal.sending.statuses import Status, Verdict

ASK = "lineportal.ask_quota"
FRESH = timedelta(seconds=50)  # of a reading; sooner than so nobody asks again
OLD = timedelta(minutes=1)  # from here on it is asked for anew by who needs it
KNOWN = timedelta(minutes=10)  # what is older holds nothing back: LINE refuses by itself
_PROBLEM_LIMIT = 300


class OverQuota(Exception):
    """Fewer messages are left of the month's quota than the campaign would send."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The quota beside what a campaign needs; `left` None: any number, or not known yet."""

    limit: int | None
    used: int | None
    left: int | None
    needed: int
    asked_at: datetime | None
    problem: str = ""

    @property
    def fits(self) -> bool | None:
        """Whether all of it would go out; None: not known yet."""
        if self.asked_at is None:
            return None
        return self.left is None or self.needed <= self.left


def is_told(road: Road) -> bool:
    """Return whether this road has a quota that its provider tells."""
    return road.service == Service.OA and PROVIDERS.get(road.provider) is LineProvider


def wake(road_id: int) -> None:
    """Have a worker ask for the road's quota."""
    name = f"quota:{road_id}"
    jobs.defer(ASK, lock=name, queueing_lock=name, road_id=road_id)


def of(campaign: Campaign, *, needed: int | None = None, at: datetime) -> Figures | None:
    """Return what is known for a campaign, and have it asked anew if it is old.

    `needed` spares counting its people. None: there is no quota to speak of.
    """
    service = campaign.template.service
    road = Road.objects.filter(account=campaign.account_id, service=service).first()
    if road is None or not is_told(road):
        return None
    row = Quota.objects.filter(road=road).first()
    if row is None or row.asked_at is None or row.asked_at <= at - OLD:
        wake(road.pk)
    if needed is None:
        counts = audience.preview(campaign, at=at)
        needed = sum(n for verdict, _rule, n in counts if verdict != Verdict.EXCLUDED)
    if row is None or row.asked_at is None or row.asked_at <= at - KNOWN:
        return Figures(None, None, None, needed, None, row.problem if row else "")
    return Figures(row.limit, row.used, _left(row), needed, row.asked_at, row.problem)


def require_room(campaign: Campaign, *, at: datetime) -> None:
    """Raise OverQuota where it is known that not all of a campaign would go out."""
    found = of(campaign, at=at)
    if found is not None and found.fits is False:
        raise OverQuota(
            _(
                "The campaign would send %(needed)d messages; %(left)d are left of this month's"
                " quota. Buy more at LINE, choose fewer people, or say that it may stop there."
            )
            % {"needed": found.needed, "left": found.left}
        )


def free(road: Road, *, at: datetime) -> int | None:
    """Return how many a claim may take, the row locked until its transaction ends; None: any."""
    row = Quota.objects.select_for_update().filter(road=road).first()
    if row is None or row.asked_at is None or row.asked_at <= at - KNOWN:
        return None
    return _left(row)


def take(road: Road, n: int) -> None:
    """Count what a claim took; its row is locked by `free`, if there is one."""
    Quota.objects.filter(road=road).update(taken_now=F("taken_now") + n)


def roads() -> list[int]:
    """Return the ids of the roads with a quota on which campaigns run."""
    running = Campaign.objects.filter(
        state=Campaign.State.RUNNING, template__service=Service.OA
    ).values("account")
    found = Road.objects.filter(service=Service.OA, account__in=running).order_by("pk")
    return [road.pk for road in found if is_told(road)]


def is_wanted(road_id: int, *, at: datetime) -> bool:
    """Return whether to ask now: nobody did just before."""
    return not Quota.objects.filter(road=road_id, asked_at__gt=at - FRESH).exists()


@transaction.atomic
def keep(
    road: Road, *, limit: int | None, used: int, problem: str = "", at: datetime
) -> list[Campaign]:
    """Write a reading down; return the campaigns that cannot go on, for `breakers.stop_at_quota`.

    Of two at once the first counts. A problem leaves the figures as they were.
    """
    Quota.objects.bulk_create([Quota(road=road)], ignore_conflicts=True)
    row = Quota.objects.select_for_update().get(road=road)
    if row.asked_at is not None and row.asked_at > at - FRESH:
        return []
    row.problem = problem[:_PROBLEM_LIMIT]
    if problem:
        row.save(update_fields=["problem"])
        return []
    row.limit, row.used, row.asked_at = limit, used, at
    row.taken_before, row.taken_now = row.taken_now, 0
    row.save()
    if limit is None or used < limit:
        incidents.end(
            road.account_id, IncidentCode.QUOTA_REACHED, road=road, at=at,
            note=_("Messages are left again."),
        )  # fmt: skip
        return []
    running = Campaign.objects.filter(
        account=road.account_id, state=Campaign.State.RUNNING, template__service=road.service
    )
    waiting = Message.objects.filter(status=Status.QUEUED)
    return [each for each in running if waiting.filter(campaign=each).exists()]


def _left(row: Quota) -> int | None:
    if row.limit is None:
        return None
    return max(0, row.limit - row.used - row.taken_now - row.taken_before)
