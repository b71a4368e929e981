"""The sample file says what the demo expects of it."""

from __future__ import annotations

import io
from collections import Counter
from datetime import datetime
from pathlib import Path

import phonenumbers
import pytest

from lineportal.demo import people
from recipients import imports, phones, sheets, words
from recipients.models import Recipient
from tests import factories

SAMPLE = Path(__file__).parents[2] / "docs" / "samples" / "recipients-th.csv"


def sample() -> sheets.Sheet:
    sheet = sheets.open_sheet(io.BytesIO(SAMPLE.read_bytes()))
    sheets.recipient_columns(sheet)
    return sheet


def test_the_sample_in_the_documents_is_what_the_generator_writes() -> None:
    assert SAMPLE.read_bytes() == people.text().encode()


def test_every_combination_of_consent_and_friend_status_is_well_covered() -> None:
    told = people.expected()

    covered = Counter((person.consent, person.friend_status) for person in told.people)

    assert set(covered) == {
        (consent, friend) for consent in words.CONSENT for friend in words.FRIEND_STATUS
    }
    assert min(covered.values()) >= 20
    assert covered.most_common(1)[0][0] == ("agreed", "not_friend")
    assert len(told.people) >= 1_000


def test_the_counts_add_up() -> None:
    told = people.expected()

    assert told.rows == told.created + told.unchanged + told.refused
    assert (told.created, told.unchanged, told.refused) == (len(told.people), 10, 20)
    assert len(set(told.refused_rows)) == 20
    assert told.rows == sum(1 for _row in sample().rows())


def test_people_are_distinct_and_their_numbers_are_valid() -> None:
    told = people.expected().people

    assert len({person.phone for person in told}) == len(told)
    assert len({person.line_user_id for person in told}) == len(told)
    for person in told:
        number = phonenumbers.parse(person.phone)
        assert phonenumbers.is_valid_number(number)
        assert phonenumbers.region_code_for_number(number) == person.country
        assert words.line_user_id(person.line_user_id) == person.line_user_id
    assert sum(person.country not in phones.SERVED for person in told) == 3


def test_rows_read_as_the_people_they_were_made_of() -> None:
    rows = {row.number: row for row in sample().rows()}

    for person in people.expected().people:
        row = rows[person.row]
        phone = phones.read(row.cells["phone"], country="TH")
        assert (phone.e164, phone.country) == (person.phone, person.country)
        assert words.line_user_id(row.cells["line_user_id"]) == person.line_user_id
        assert words.consent(row.cells["consent"]) == person.consent
        assert words.friend_status(row.cells["friend_status"]) == person.friend_status
        assert {"name", "tracking_no", "parcel_from", "pickup_date"} < set(row.cells)


def test_an_import_of_the_sample_comes_to_what_is_expected(db: None, at: datetime) -> None:
    account = factories.account()
    job = imports.receive(
        account, name="a.csv", file=io.BytesIO(SAMPLE.read_bytes()), at=at, by=None
    )

    job = imports.run(job, at=at)

    told = people.expected()
    assert (job.rows, job.created, job.updated) == (told.rows, told.created, 0)
    assert (job.unchanged, job.refused) == (told.unchanged, told.refused)
    refusals = list(job.refusals.order_by("row"))
    assert tuple(refusal.row for refusal in refusals) == told.refused_rows
    assert len({refusal.reason for refusal in refusals}) >= 12
    held = Recipient.objects.filter(account=account).values_list(
        "phone", "phone_country", "line_user_id", "consent", "friend_status"
    )
    assert set(held) == {
        (one.phone, one.country, one.line_user_id, one.consent, one.friend_status)
        for one in told.people
    }


def test_half_of_the_numbers_are_written_as_dialled_at_home() -> None:
    written = [row.cells.get("phone", "") for row in sample().rows()]

    national = sum(number.startswith("0") for number in written)

    assert 0.4 < national / len(written) < 0.6
    assert sum(number.startswith("+66 ") for number in written) > 100


@pytest.mark.parametrize("acts", ["agree", "silent"])
def test_of_those_never_asked_some_agree_and_some_stay_silent(acts: str) -> None:
    asked = [
        person
        for person in people.expected().people
        if person.consent == "not_set" and person.friend_status != "blocked"
    ]

    assert sum(person.when_asked == acts for person in asked) > 50


def test_who_rejected_stays_silent() -> None:
    assert {p.when_asked for p in people.expected().people if p.consent == "rejected"} == {"silent"}
