"""How many friends LINE itself counts, asked day by day and laid beside what we hold.

LINE counts a day of UTC+9 on the next. What did not come is asked for again an hour later, for a
few days; nothing depends on it, so that it is a line of the log and no incident.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from lineportal import jobs
from lineportal.accounts.credentials import UnreadableCredentials
from lineportal.accounts.models import OfficialAccount, Road, Service
from lineportal.providers.base import BadCredentials
from lineportal.providers.line import LineProvider
from lineportal.providers.line.told import FriendCount as Told
from lineportal.sending import clock, friend_figures, holdings, quota, worker
from lineportal.sending.models import FriendCount
from lineportal.sending.sender import InDatabase
from recipients.intake import Invalid

log = logging.getLogger(__name__)

ASK = "lineportal.ask_friend_counts"
DAYS = 3  # that are asked for, yesterday the first


@dataclass(frozen=True, slots=True)
class Beside:
    """A day as LINE counted it, and as we hold it at the end of that day in the account's zone."""

    day: date
    followers: int
    targeted_reaches: int
    blocks: int
    our_friends: int
    our_blockers: int

    @property
    def friends(self) -> int:
        """LINE's followers without those who block: what compares with our friends."""
        return max(self.followers - self.blocks, 0)

    @property
    def friends_difference(self) -> int:
        """By how many we hold more friends; negative: fewer."""
        return self.our_friends - self.friends

    @property
    def blocks_difference(self) -> int:
        """By how many more we hold as having blocked; negative: fewer."""
        return self.our_blockers - self.blocks

    @property
    def meaning(self) -> str:
        """What the difference means and what to do, in one sentence."""
        if self.friends_difference < 0:
            return _(
                "We hold fewer friends than LINE counts, by %(n)s: people from before our"
                " webhooks, whom a listing brings, people who left LINE but are still counted"
                " there, or events that did not arrive."
            ) % {"n": f"{-self.friends_difference:,}"}
        if self.friends_difference > 0:
            return _(
                "We hold more friends than LINE counts, by %(n)s: blocks that did not arrive,"
                " or people whom a file called friends."
            ) % {"n": f"{self.friends_difference:,}"}
        return _("LINE counts as many friends as we hold.")


def roads() -> list[int]:
    """Return the ids of the roads on which LINE counts friends."""
    return [
        road.pk for road in Road.objects.filter(service=Service.OA).order_by("pk")
        if quota.is_told(road)
    ]  # fmt: skip


def wake(road_id: int) -> None:
    """Have a worker ask for the days that are missing."""
    name = f"friend-counts:{road_id}"
    jobs.defer(ASK, lock=name, queueing_lock=name, road_id=road_id)


async def ask(road_id: int, roads: worker.Roads, in_database: InDatabase) -> None:
    """Ask for each missing day, the newest first, until LINE does not answer."""
    days = await in_database(_missing_now, road_id)
    if not days:
        return
    try:
        work = await roads.get(road_id, in_database)
    except (Invalid, BadCredentials, UnreadableCredentials, Road.DoesNotExist) as refusal:
        log.error("friends of road %s are not asked for: %s", road_id, refusal)
        return
    if not isinstance(work.provider, LineProvider):
        return
    for day in days:
        told = await work.provider.friend_count(work.session, day=day)
        if told.problem:
            log.warning("friends of road %s on %s: %s", road_id, day, told.problem)
            return
        await in_database(_keep_now, work.road, day, told)


def missing(road_id: int, *, at: datetime) -> list[date]:
    """Return the days of LINE's that are over and not told yet, the newest first."""
    road = Road.objects.filter(pk=road_id).first()
    if road is None:
        return []
    today = at.astimezone(holdings.zone(road)).date()
    wanted = [today - timedelta(days=back) for back in range(1, DAYS + 1)]
    held = FriendCount.objects.filter(account=road.account_id, day__in=wanted)
    return sorted(set(wanted) - set(held.values_list("day", flat=True)), reverse=True)


def keep(road: Road, day: date, told: Told, *, at: datetime) -> None:
    """Keep what LINE said of a day, once; what it has not counted yet is not kept."""
    if not told.is_final:
        return
    made = FriendCount(
        account_id=road.account_id, day=day, followers=told.followers,
        targeted_reaches=told.targeted_reaches, blocks=told.blocks, asked_at=at,
    )  # fmt: skip
    FriendCount.objects.bulk_create([made], ignore_conflicts=True)


def beside(account: OfficialAccount, figures: friend_figures.Figures) -> Sequence[Beside]:
    """Return the days of these figures that LINE counted, the newest first."""
    ours = {day.day: day for day in figures.days}
    rows = FriendCount.objects.filter(account=account, day__in=ours, followers__isnull=False)
    return [
        Beside(
            day=row.day,
            followers=row.followers or 0,
            targeted_reaches=row.targeted_reaches or 0,
            blocks=row.blocks or 0,
            our_friends=ours[row.day].friends,
            our_blockers=ours[row.day].blockers,
        )
        for row in rows.order_by("-day")
    ]


def _missing_now(road_id: int) -> list[date]:
    return missing(road_id, at=clock.now())


def _keep_now(road: Road, day: date, told: Told) -> None:
    keep(road, day, told, at=clock.now())
