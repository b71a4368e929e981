"""For whom a version waits: the table of `waits.py`, row by row, and business days by country."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates_app import business_days, waits
from templates_app.models import State
from templates_app.waits import Party, Said, Wait, Why

BANGKOK = ZoneInfo("Asia/Bangkok")
BEGUN = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
AUTHOR, REVIEWER, OTHER = 1, 2, 3


def on(day: int) -> datetime:
    return BEGUN + timedelta(days=day)


def question(pk: int, by: int, day: int = 1) -> Said:
    return Said(pk, "question", by, on(day))


def answer(pk: int, to: int, by: int = AUTHOR, day: int = 3) -> Said:
    return Said(pk, "answer", by, on(day), answers=to)


def dossier(pk: int, day: int = 1, recorded: int | None = None) -> Said:
    at = on(day if recorded is None else recorded)
    return Said(pk, "dossier_sent", REVIEWER, at, happened_on=on(day).date())


def asked(pk: int, day: int = 2, recorded: int | None = None) -> Said:
    at = on(day if recorded is None else recorded)
    return Said(pk, "line_asked", REVIEWER, at, happened_on=on(day).date())


D, S = State.DRAFT, State.SUBMITTED
TABLE = [
    # a draft
    (D, [], Why.BEING_WRITTEN, Party.WRITERS, 0),
    (D, [question(1, REVIEWER)], Why.QUESTION_TO_WRITERS, Party.WRITERS, 1),
    (D, [question(1, AUTHOR)], Why.QUESTION_TO_REVIEWERS, Party.REVIEWERS, 1),
    (D, [question(1, AUTHOR), question(2, REVIEWER, 2)], Why.QUESTION_TO_WRITERS, Party.WRITERS, 2),
    (D, [question(1, REVIEWER), answer(2, 1)], Why.BEING_WRITTEN, Party.WRITERS, 0),
    (D, [dossier(1)], Why.BEING_WRITTEN, Party.WRITERS, 0),
    (D, [asked(1)], Why.BEING_WRITTEN, Party.WRITERS, 0),
    # submitted, not sent yet
    (S, [], Why.IN_REVIEW, Party.REVIEWERS, 0),
    (S, [question(1, REVIEWER)], Why.QUESTION_TO_WRITERS, Party.WRITERS, 1),
    (S, [question(1, OTHER)], Why.QUESTION_TO_WRITERS, Party.WRITERS, 1),
    (S, [question(1, AUTHOR)], Why.IN_REVIEW, Party.REVIEWERS, 0),
    (S, [question(1, REVIEWER), answer(2, 1)], Why.IN_REVIEW, Party.REVIEWERS, 0),
    (S, [question(1, REVIEWER), answer(3, 2)], Why.QUESTION_TO_WRITERS, Party.WRITERS, 1),
    # at LINE
    (S, [dossier(1)], Why.AT_LINE, Party.LINE, 1),
    (S, [dossier(1), question(2, REVIEWER)], Why.AT_LINE, Party.LINE, 1),
    (S, [dossier(1), asked(2)], Why.LINE_ASKS, Party.WRITERS, 2),
    (S, [dossier(1), asked(2), answer(3, 2, day=4)], Why.AT_LINE, Party.LINE, 4),
    (S, [dossier(1), asked(2), dossier(3, 5)], Why.AT_LINE, Party.LINE, 5),
    (S, [dossier(1), asked(2), asked(3, 4), answer(4, 3, day=5)], Why.LINE_ASKS, Party.WRITERS, 2),
    (S, [asked(1)], Why.LINE_ASKS, Party.WRITERS, 2),
    (S, [asked(1), answer(2, 1, day=4)], Why.AT_LINE, Party.LINE, 4),
    # recorded late: the day it happened decides
    (S, [asked(1, 5), dossier(2, 3, recorded=6)], Why.LINE_ASKS, Party.WRITERS, 5),
    # the same day: the later entry decides
    (S, [dossier(1, 2), asked(2, 2)], Why.LINE_ASKS, Party.WRITERS, 2),
    (S, [asked(1, 2), dossier(2, 2)], Why.AT_LINE, Party.LINE, 2),
    # of a submission that was taken back
    (S, [dossier(1, -4)], Why.IN_REVIEW, Party.REVIEWERS, 0),
    (S, [asked(1, -4)], Why.IN_REVIEW, Party.REVIEWERS, 0),
    (S, [dossier(1, -4), dossier(2, 1)], Why.AT_LINE, Party.LINE, 1),
]


def judge(state: str, said: list[Said], zone: ZoneInfo = BANGKOK) -> Wait:
    return waits.judge(state, begun_at=BEGUN, writers={AUTHOR}, said=said, zone=zone)


@pytest.mark.parametrize(("state", "said", "why", "party", "day"), TABLE)
def test_a_version_waits_as_the_table_says(
    state: str, said: list[Said], why: Why, party: Party, day: int
) -> None:
    wait = judge(state, said)

    assert (wait.why, wait.party, wait.since) == (why, party, on(day).date())


def test_every_reason_stands_in_the_table_and_has_a_party() -> None:
    assert {why for _state, _said, why, _party, _day in TABLE} == set(Why) == set(waits.PARTIES)


def test_who_sent_the_dossier_is_known_while_it_is_at_line() -> None:
    assert judge(S, [dossier(1)]).dossier_by == {REVIEWER}


def test_the_day_is_the_accounts_own() -> None:
    late_evening = datetime(2026, 11, 2, 18, 0, tzinfo=UTC)  # after midnight in Bangkok

    wait = waits.judge(S, begun_at=late_evening, writers=(), said=(), zone=BANGKOK)

    assert wait.since == date(2026, 11, 3)


def test_what_is_usual_is_a_setting(settings: object) -> None:
    assert judge(S, []).usual == 1
    assert judge(S, [dossier(1)]).usual == 10
    assert judge(D, []).usual is None
    settings.DESK_USUAL_DAYS = {"writers": 3, "reviewers": 4, "line": 5}  # type: ignore[attr-defined]
    assert [judge(S, said).usual for said in ([asked(1)], [], [dossier(1)])] == [3, 4, 5]


@pytest.mark.parametrize(
    ("country", "begin", "end", "days"),
    [
        ("TH", date(2026, 11, 20), date(2026, 11, 23), 1),  # Friday to Monday
        ("TH", date(2026, 11, 20), date(2026, 11, 22), 0),  # to Sunday
        ("TH", date(2026, 11, 20), date(2026, 11, 20), 0),
        ("TH", date(2026, 11, 23), date(2026, 11, 20), 0),
        ("TH", date(2026, 12, 3), date(2026, 12, 8), 2),  # over the King's birthday, substituted
        ("TH", date(2026, 4, 10), date(2026, 4, 16), 1),  # Songkran
        ("TW", date(2023, 1, 6), date(2023, 1, 9), 2),  # a working Saturday
        ("TW", date(2026, 2, 13), date(2026, 2, 23), 1),  # the lunar new year
        ("JP", date(2026, 5, 1), date(2026, 5, 7), 1),  # Golden Week
        ("JP", date(2026, 12, 31), date(2027, 1, 4), 1),
    ],
)
def test_business_days_are_those_of_the_country(
    country: str, begin: date, end: date, days: int
) -> None:
    assert business_days.since(country, begin, end) == days


@given(
    st.sampled_from(["TH", "TW", "JP"]),
    st.dates(date(2022, 1, 1), date(2028, 12, 31)),
    st.integers(-3, 500),
)
def test_business_days_are_counted_as_by_hand(country: str, begin: date, length: int) -> None:
    end = begin + timedelta(days=length)
    calendar = holidays.country_holidays(country, years=range(2022, 2031))
    days = [begin + timedelta(days=n) for n in range(1, length + 1)]

    assert business_days.since(country, begin, end) == sum(map(calendar.is_working_day, days))
    assert all(business_days.is_one(country, day) == calendar.is_working_day(day) for day in days)
