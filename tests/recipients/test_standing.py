"""Consent, friendship and eligibility: the tables, and the SQL against a plain reading of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineportal.sending import audience
from recipients import consent, eligibility, friendship, intake, suppression
from recipients.models import ConsentRecord, MarketingOptOut, Recipient, Source
from tests import factories

THEN = datetime(2026, 1, 1, tzinfo=UTC)
OLDER, EQUAL, NEWER = THEN - timedelta(days=1), THEN, THEN + timedelta(days=1)
APPLY, KEEP, CONFLICT = consent.Decision.APPLY, consent.Decision.KEEP, consent.Decision.CONFLICT


def statement(at: datetime, *, is_dated: bool = True) -> consent.Statement:
    return consent.Statement(Source.IMPORT, observed_at=at, is_dated=is_dated, told_at=at)


# (held, said) -> what a dated statement does when older, equal, newer; what an undated one does.
TABLE = {
    ("agreed", "agreed"): (KEEP, KEEP, APPLY, KEEP),
    ("agreed", "rejected"): (KEEP, APPLY, APPLY, APPLY),
    ("agreed", "not_set"): (CONFLICT, CONFLICT, CONFLICT, CONFLICT),
    ("rejected", "agreed"): (CONFLICT, CONFLICT, APPLY, CONFLICT),
    ("rejected", "rejected"): (KEEP, KEEP, APPLY, KEEP),
    ("rejected", "not_set"): (CONFLICT, CONFLICT, CONFLICT, CONFLICT),
    ("not_set", "agreed"): (APPLY, APPLY, APPLY, APPLY),
    ("not_set", "rejected"): (APPLY, APPLY, APPLY, APPLY),
    ("not_set", "not_set"): (KEEP, KEEP, APPLY, KEEP),
    ("friend", "blocked"): (KEEP, APPLY, APPLY, APPLY),
    ("friend", "not_friend"): (KEEP, APPLY, APPLY, APPLY),
    ("not_friend", "friend"): (KEEP, KEEP, APPLY, APPLY),
    ("not_friend", "blocked"): (KEEP, APPLY, APPLY, APPLY),
    ("blocked", "friend"): (CONFLICT, CONFLICT, APPLY, CONFLICT),
    ("blocked", "not_friend"): (CONFLICT, CONFLICT, APPLY, CONFLICT),
    ("blocked", "blocked"): (KEEP, KEEP, APPLY, KEEP),
}


@pytest.mark.parametrize(("held", "said"), TABLE)
def test_nothing_older_or_undated_loosens(held: str, said: str) -> None:
    made = [
        consent.judge(said, held=held, held_observed_at=THEN, statement=each)
        for each in (
            statement(OLDER),
            statement(EQUAL),
            statement(NEWER),
            statement(NEWER, is_dated=False),
        )
    ]

    assert tuple(made) == TABLE[(held, said)]


def test_what_is_only_assumed_gives_way() -> None:
    each = statement(OLDER, is_dated=False)
    assert (
        consent.judge("friend", held="not_friend", held_observed_at=None, statement=each) is APPLY
    )


def test_consent_belongs_to_the_phone_on_every_account(db: None, at: datetime) -> None:
    here, there = factories.account(), factories.account("other", channel="1650000002")
    person = factories.recipient(here, 1, consent="agreed")
    other = factories.recipient(there, 1)
    other.refresh_from_db()
    assert (other.consent, other.friend_status) == ("agreed", "not_friend")

    details = intake.Details(consent="rejected", friend_status="blocked")
    intake.change(person, details, by=factories.user("sender"), at=at, source=Source.API)

    other.refresh_from_db()
    assert (other.consent, other.friend_status) == ("rejected", "not_friend")
    assert ConsentRecord.objects.filter(recipient=other, value="rejected").count() == 1


def test_every_change_stands_in_the_ledger(db: None, at: datetime) -> None:
    person = factories.recipient(factories.account(), 1, consent="agreed", friend_status="friend")
    friendship.apply(
        person.account, line_user_id=factories.user_id(1), event="unfollow",
        occurred_at=at + timedelta(minutes=1), event_id="e1", at=at,
    )  # fmt: skip

    ledger = ConsentRecord.objects.filter(recipient=person).order_by("id")
    assert [(r.subject, r.previous, r.value) for r in ledger] == [
        ("consent", "not_set", "agreed"),
        ("friend", "not_friend", "friend"),
        ("friend", "friend", "blocked"),
    ]


PERSON = st.fixed_dictionaries(
    {
        "consent": st.sampled_from(["agreed", "not_set", "rejected"]),
        "friend_status": st.sampled_from(["friend", "not_friend", "blocked"]),
        "has_phone": st.booleans(),
        "has_user_id": st.booleans(),
        "country": st.sampled_from(["TH", "TW", "JP", "US", ""]),
        "is_suppressed": st.booleans(),
        "is_erased": st.booleans(),
        "has_opted_out": st.booleans(),
    }
)


def plainly(person: dict[str, object], service: str, category: str) -> str:
    """Return the first rule that excludes, read from the table as a person would."""
    is_lon = service == "lon"
    tests = [
        ("erased", person["is_erased"]),
        ("suppressed", person["is_suppressed"] and person["has_phone"]),
        ("no_phone", is_lon and not person["has_phone"]),
        ("no_line_user_id", not is_lon and not person["has_user_id"]),
        ("country_not_served", is_lon and person["country"] not in ("TH", "TW", "JP")),
        ("blocked", person["friend_status"] == "blocked"),
        ("consent_rejected", is_lon and person["consent"] == "rejected"),
        ("not_friend", not is_lon and person["friend_status"] != "friend"),
        ("opted_out", category == "marketing" and person["has_opted_out"]),
    ]
    return next((code for code, excludes in tests if excludes), "")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(people=st.lists(PERSON, min_size=1, max_size=12))
def test_the_sql_reads_the_table_as_a_person_would(
    people: list[dict[str, object]], db: None
) -> None:
    at = datetime.now(UTC)
    slug = f"a{Recipient.objects.count()}-{at.timestamp():.6f}".replace(".", "-")
    account = factories.account(slug, channel=slug)
    by = factories.user("sender")
    ids = {}
    for n, person in enumerate(people):
        phone = f"+668{Recipient.objects.count():08d}" if person["has_phone"] else None
        row = Recipient.objects.create(
            account=account,
            phone=phone,
            phone_country=person["country"],
            line_user_id=factories.user_id(n) if person["has_user_id"] or not phone else None,
            consent=person["consent"],
            friend_status=person["friend_status"],
            created_at=at,
            updated_at=at,
            erased_at=at if person["is_erased"] else None,
        )
        person["has_user_id"] = row.line_user_id is not None
        if person["is_suppressed"] and phone:
            suppression.Suppression.objects.create(
                account=account, phone=phone, reason="r", created_at=at, created_by=by
            )
        if person["has_opted_out"]:
            MarketingOptOut.objects.create(recipient=row, opted_out_at=at, source=Source.API)
        ids[row.pk] = person

    for service, category in product(("lon", "oa"), ("transactional", "marketing")):
        found = eligibility.excluded(list(ids), eligibility.Asked(service, category, at))
        for pk, person in ids.items():
            assert found.get(pk, "") == plainly(person, service, category)


def test_explanation_preview_and_messages_agree(db: None, at: datetime) -> None:
    account = factories.account()
    template = factories.approved(account)
    for n, (said, friend) in enumerate(product(("agreed", "not_set", "rejected"),
                                               ("friend", "not_friend", "blocked"))):  # fmt: skip
        factories.recipient(account, n, consent=said, friend_status=friend)
    lacking = factories.recipient(account, 20, attributes={"name": "only"})

    explained = audience.explain(lacking, template, at=at)

    assert (explained.verdict, explained.rule) == ("excluded", "missing_values")
    for row in Recipient.objects.exclude(pk=lacking.pk):
        wanted = plainly(
            {
                "is_erased": False, "is_suppressed": False, "has_phone": True,
                "has_user_id": True, "country": "TH", "friend_status": row.friend_status,
                "consent": row.consent, "has_opted_out": False,
            },
            "lon",
            "transactional",
        )  # fmt: skip
        assert audience.explain(row, template, at=at).rule == wanted
