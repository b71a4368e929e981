"""The rule of what a statement does: the table, in Python and in SQL, and the ledger it leaves."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import ProgrammingError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount
from recipients import consent, consent_sql, intake
from recipients.models import ConsentEvidence, Source
from tests import factories
from tests.recipients.test_standing import EQUAL, NEWER, OLDER, TABLE, THEN, statement

VALUES = {
    "consent": ("agreed", "not_set", "rejected"),
    "friend": ("friend", "not_friend", "blocked"),
    "basis": ("given", "withdrawn"),
    "marketing": ("opted_out", "ended"),
}


def by_sql(
    value: str,
    held: str,
    held_observed_at: datetime | None,
    each: consent.Statement,
    since: datetime | None = None,
) -> str:
    sql = consent_sql.decision_sql(
        "%(value)s::text", "%(held)s::text", "%(held_at)s::timestamptz", "%(at)s::timestamptz",
        "%(is_dated)s", "%(since)s::timestamptz",
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sql}",
            {
                "value": value, "held": held, "held_at": held_observed_at, "since": since,
                "at": each.observed_at, "is_dated": each.is_dated,
            },
        )  # fmt: skip
        [(found,)] = cursor.fetchall()
    return str(found)


@pytest.mark.parametrize(("held", "said"), TABLE)
def test_the_sql_says_what_the_table_says(held: str, said: str, db: None) -> None:
    statements = (
        statement(OLDER), statement(EQUAL), statement(NEWER), statement(NEWER, is_dated=False),
    )  # fmt: skip

    made = [by_sql(said, held, THEN, each) for each in statements]

    assert made == [decision.value for decision in TABLE[(held, said)]]


MOMENTS = st.sampled_from([OLDER, EQUAL, NEWER])
PAIRS = st.one_of(
    [st.tuples(st.sampled_from(values), st.sampled_from(values)) for values in VALUES.values()]
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pair=PAIRS,
    held_at=st.none() | MOMENTS,
    said_at=MOMENTS,
    is_dated=st.booleans(),
    since=st.none() | MOMENTS,
)
def test_python_and_sql_agree_on_everything(
    pair: tuple[str, str],
    held_at: datetime | None,
    said_at: datetime,
    is_dated: bool,
    since: datetime | None,
    db: None,
) -> None:
    held, said = pair
    each = statement(said_at, is_dated=is_dated)

    decision = consent.judge(said, held=held, held_observed_at=held_at, statement=each, since=since)

    assert by_sql(said, held, held_at, each, since) == decision.value


STATEMENTS = st.lists(
    st.tuples(
        st.sampled_from(VALUES["consent"]),
        st.sampled_from(VALUES["friend"]),
        st.integers(-5, 0),  # days; which are said at the same moment, too
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=STATEMENTS)
def test_what_is_held_is_the_last_record_and_what_folding_the_rule_says(
    said: list[tuple[str, str, int, bool]], db: None
) -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    slug = f"a{OfficialAccount.objects.count()}"
    account = factories.account(slug, channel=slug)
    person = factories.recipient(account, 1)
    by = factories.user("sender")
    for n, (value, friend, day, is_dated) in enumerate(said):
        now = at + timedelta(hours=n)
        observed_at = at + timedelta(days=day) if is_dated else None
        for details in (
            intake.Details(consent=value, observed_at=observed_at),
            intake.Details(friend_status=friend, observed_at=observed_at),
        ):
            try:
                person = intake.change(person, details, by=by, at=now, source=Source.API)
            except intake.Conflict:
                continue

    person.refresh_from_db()
    for subject, now_held, assumed in (
        ("consent", (person.consent, person.consent_observed_at), "not_set"),
        ("friend", (person.friend_status, person.friend_observed_at), "not_friend"),
    ):
        held: tuple[str, datetime | None] = (assumed, None)
        for record in person.ledger.filter(subject=subject).order_by("id"):
            decision = consent.judge(
                record.value, held=held[0], held_observed_at=held[1],
                statement=statement(record.observed_at, is_dated=record.is_dated),
            )  # fmt: skip
            assert decision is consent.Decision.APPLY
            assert record.previous == held[0]
            held = record.value, record.observed_at
        assert now_held == held


def test_evidence_is_kept_apart_and_its_digest_in_the_ledger(db: None, at: datetime) -> None:
    here, there = factories.account(), factories.account("other", channel="1650000002")
    person, other = factories.recipient(here, 1), factories.recipient(there, 1)
    given_file = intake.read_evidence("she signed", file=b"%PDF", file_name="../form.pdf")
    details = intake.Details(consent="agreed", wording_version="2026-03", evidence=given_file)

    intake.change(person, details, by=factories.user("sender"), at=at, source=Source.PERSON)

    assert given_file is not None
    record = person.ledger.get(value="agreed")
    assert (record.wording_version, record.evidence_sha256) == ("2026-03", given_file.sha256)
    assert (record.evidence.text, bytes(record.evidence.file)) == ("she signed", b"%PDF")
    assert (record.evidence.file_name, record.evidence.size) == ("form.pdf", 4)
    # Of the phone's row elsewhere only the digest: the evidence is this person's account's.
    spread = other.ledger.get(value="agreed")
    assert spread.evidence_sha256 == given_file.sha256
    assert list(ConsentEvidence.objects.values_list("record", flat=True)) == [record.pk]


def test_the_digest_is_of_the_file_or_the_text_and_of_both_of_the_two_digests() -> None:
    def digest(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    for text, file, wanted in (
        ("ตกลง", None, digest("ตกลง".encode())),
        ("", b"scan", digest(b"scan")),
        ("ok", b"scan", digest((digest(b"ok") + digest(b"scan")).encode())),
    ):
        made = intake.read_evidence(text, file=file)
        assert made is not None
        assert made.sha256 == wanted


@pytest.mark.parametrize(
    ("text", "file"), [("a\0b", None), ("x" * 10_001, None), ("", b""), ("", b"x" * 5_242_881)]
)
def test_what_cannot_be_kept_as_evidence_is_refused(text: str, file: bytes | None) -> None:
    with pytest.raises(intake.Invalid) as refused:
        intake.read_evidence(text, file=file)

    assert refused.value.field == "evidence"


def test_evidence_of_nothing_new_is_refused_rather_than_lost(db: None, at: datetime) -> None:
    person = factories.recipient(factories.account(), 1, consent="agreed")
    details = intake.Details(consent="agreed", evidence=intake.read_evidence("again"))

    with pytest.raises(intake.Invalid) as refused:
        intake.change(person, details, by=factories.user("sender"), at=at, source=Source.API)

    assert refused.value.field == "evidence"
    later = at + timedelta(hours=1)
    dated = intake.Details(consent="agreed", evidence=details.evidence, observed_at=later)
    intake.change(person, dated, by=factories.user("sender"), at=later, source=Source.API)
    assert ConsentEvidence.objects.get().text == "again"


def test_evidence_is_erased_but_never_changed(db: None, at: datetime) -> None:
    person = factories.recipient(
        factories.account(), 1, consent="agreed", evidence=intake.read_evidence("she said so")
    )
    held = ConsentEvidence.objects.get(record__recipient=person)

    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        ConsentEvidence.objects.update(text="x")

    held.delete()
    assert person.ledger.get(subject="consent").evidence_sha256
