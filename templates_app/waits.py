"""For whom an open version waits, why, and since when: the table that the review desk reads.

| State | What its thread says | It waits for | Code |
| --- | --- | --- | --- |
| draft | a question to its writers is open | its writers | `question_to_writers` |
| draft | a question of its writers is open | who may decide on it | `question_to_reviewers` |
| draft | neither | its writers | `being_written` |
| submitted | LINE asked; no answer, no newer dossier | its writers | `line_asks` |
| submitted | a dossier is sent, or LINE is answered | LINE | `at_line` |
| submitted | a question to its writers is open | its writers | `question_to_writers` |
| submitted | none of these | who may decide on it | `in_review` |

The first row that fits is the one. Milestones count from the submission on: what LINE was sent of
words that were taken back says nothing of the new ones. Nobody decides on what they wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from templates_app.models import EntryKind, State


class Party(models.TextChoices):
    WRITERS = "writers", _("Its writers")
    REVIEWERS = "reviewers", _("Who may decide on it")
    LINE = "line", _("LINE")


class Why(models.TextChoices):
    BEING_WRITTEN = "being_written", _("Being written")
    QUESTION_TO_WRITERS = "question_to_writers", _("A question to its writers is open")
    QUESTION_TO_REVIEWERS = "question_to_reviewers", _("A question to the reviewers is open")
    IN_REVIEW = "in_review", _("Waits for the review")
    LINE_ASKS = "line_asks", _("LINE asked something")
    AT_LINE = "at_line", _("LINE has the dossier")


PARTIES = {
    Why.BEING_WRITTEN: Party.WRITERS,
    Why.QUESTION_TO_WRITERS: Party.WRITERS,
    Why.QUESTION_TO_REVIEWERS: Party.REVIEWERS,
    Why.IN_REVIEW: Party.REVIEWERS,
    Why.LINE_ASKS: Party.WRITERS,
    Why.AT_LINE: Party.LINE,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What an entry of the thread says to the table."""

    pk: int
    kind: str
    by: int
    at: datetime
    answers: int | None = None
    happened_on: date | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a version waits, since which day (of its account's zone), and who sent the dossier."""

    why: Why
    since: date
    dossier_by: frozenset[int] = frozenset()

    @property
    def party(self) -> Party:
        return PARTIES[self.why]

    @property
    def usual(self) -> int | None:
        """Up to how many business days are usual; None: nobody waits for a draft."""
        return None if self.why == Why.BEING_WRITTEN else settings.DESK_USUAL_DAYS[self.party]


def judge(
    state: str,
    *,
    begun_at: datetime,
    writers: Iterable[int],
    said: Sequence[Said],
    zone: ZoneInfo,
) -> Wait:
    """Return for whom and why an open version waits; `said` are its entries by number.

    `begun_at`: when it was submitted, or a draft was changed last.
    """
    answers = {each.answers: each for each in said if each.answers is not None}
    asked = [each for each in said if each.kind == EntryKind.QUESTION and each.pk not in answers]
    to_writers = [each for each in asked if each.by not in writers]
    if state == State.SUBMITTED:
        at_line = _at_line([each for each in said if each.at >= begun_at], answers, zone)
        if at_line:
            return at_line
    if to_writers:
        return Wait(Why.QUESTION_TO_WRITERS, _day(to_writers[0].at, zone))
    if state == State.SUBMITTED:
        return Wait(Why.IN_REVIEW, _day(begun_at, zone))
    if asked:
        return Wait(Why.QUESTION_TO_REVIEWERS, _day(asked[0].at, zone))
    return Wait(Why.BEING_WRITTEN, _day(begun_at, zone))


def _at_line(said: Sequence[Said], answers: dict[int, Said], zone: ZoneInfo) -> Wait | None:
    """Return what waits between us and LINE; a dossier recorded late counts by its own day."""

    def order(each: Said) -> tuple[date, int]:
        return each.happened_on or _day(each.at, zone), each.pk

    dossiers = sorted((e for e in said if e.kind == EntryKind.DOSSIER_SENT), key=order)
    asked = sorted((e for e in said if e.kind == EntryKind.LINE_ASKED), key=order)
    unanswered = [
        each
        for each in asked
        if each.pk not in answers and not (dossiers and order(dossiers[-1]) > order(each))
    ]
    if unanswered:
        return Wait(Why.LINE_ASKS, order(unanswered[0])[0])
    sent = [order(each)[0] for each in dossiers[-1:]]
    sent += [_day(answers[each.pk].at, zone) for each in asked if each.pk in answers]
    if not sent:
        return None
    return Wait(Why.AT_LINE, max(sent), frozenset(each.by for each in dossiers[-1:]))


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
