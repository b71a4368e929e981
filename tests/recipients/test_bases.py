"""Our own legal bases and opt-outs, per purpose and apart from LINE's setting; withdrawal."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from lineportal.audit.models import AuditEntry
from recipients import bases, consent, eligibility, intake, rebuild
from recipients.models import ConsentEvidence, LegalBasis, MarketingOptOut, Recipient, Source
from tests import factories

DAY = timedelta(days=1)


@pytest.fixture
def person(db: None) -> Recipient:
    return factories.recipient(factories.account(), 1, consent="agreed")


def said(at: datetime, observed_at: datetime | None = None, **details: Any) -> consent.Statement:
    given = {"source": Source.PERSON, "by": factories.user("sender"), **details}
    return intake.statement(at=at, observed_at=observed_at, **given)


def verdict(person: Recipient, category: str, at: datetime) -> str:
    person.refresh_from_db()
    return eligibility.verdict(person, eligibility.Asked("lon", category, at))[1]


def test_a_basis_is_held_for_its_purpose_and_leaves_lines_setting_alone(
    person: Recipient, at: datetime
) -> None:
    person.refresh_from_db()
    before = person.consent, person.consent_observed_at

    for purpose, basis in (("newsletter", "consent"), ("parcels", "contract")):
        assert bases.record(
            person, purpose=f" {purpose} ", basis=basis, statement=said(at, wording_version="v2")
        )

    held = person.legal_bases.order_by("purpose").values_list(
        "purpose", "basis", "wording_version", "given_at", "withdrawn_at"
    )
    assert list(held) == [
        ("newsletter", "consent", "v2", at, None), ("parcels", "contract", "v2", at, None),
    ]  # fmt: skip
    person.refresh_from_db()
    assert (person.consent, person.consent_observed_at) == before
    record = person.ledger.get(subject="basis", purpose="parcels")
    assert (record.value, record.previous, record.legal_basis) == ("given", "", "contract")


def test_the_same_again_is_nothing_new_but_another_basis_is(
    person: Recipient, at: datetime
) -> None:
    bases.record(person, purpose="news", basis="consent", statement=said(at))

    assert not bases.record(person, purpose="news", basis="consent", statement=said(at))
    assert bases.record(
        person, purpose="news", basis="legitimate_interest", statement=said(at + DAY)
    )

    assert LegalBasis.objects.get().basis == "legitimate_interest"
    assert person.ledger.filter(subject="basis").count() == 2


def test_an_undated_word_does_not_bring_a_withdrawn_basis_back(
    person: Recipient, at: datetime
) -> None:
    bases.record(person, purpose="news", basis="consent", statement=said(at))
    bases.withdraw(person, purpose="news", statement=said(at + DAY))

    for observed_at in (None, at):
        with pytest.raises(intake.Conflict):
            bases.record(
                person, purpose="news", basis="consent",
                statement=said(at + 2 * DAY, observed_at),
            )  # fmt: skip
    assert LegalBasis.objects.get().withdrawn_at == at + DAY

    bases.record(
        person, purpose="news", basis="consent", statement=said(at + 3 * DAY, at + 2 * DAY)
    )
    assert LegalBasis.objects.get().withdrawn_at is None
    assert not list(rebuild.differences())


def test_an_opt_out_bars_marketing_only(person: Recipient, at: datetime) -> None:
    assert bases.opt_out(person, statement=said(at))
    assert not bases.opt_out(person, statement=said(at))

    assert verdict(person, "marketing", at) == "opted_out"
    assert verdict(person, "transactional", at) == ""
    assert person.consent == "agreed"


@pytest.mark.parametrize(
    ("source", "days", "is_ended"),
    [
        (Source.PERSON, 1, True),
        (Source.API, 1, True),
        (Source.PERSON, 0, False),  # not newer
        (Source.PERSON, -1, False),
        (Source.PERSON, None, False),  # undated
        (Source.RECORDS, 1, False),  # our own records speak for nobody
        (Source.IMPORT, 1, False),
    ],
)
def test_only_the_persons_newer_dated_word_ends_an_opt_out(
    source: Source, days: int | None, is_ended: bool, person: Recipient, at: datetime
) -> None:
    bases.opt_out(person, purpose="news", statement=said(at))
    observed_at = None if days is None else at + days * DAY

    try:
        bases.end_opt_out(
            person, purpose="news", statement=said(at + 2 * DAY, observed_at, source=source)
        )
    except intake.Conflict:
        assert not is_ended

    assert (MarketingOptOut.objects.get().ended_at is not None) == is_ended
    assert not list(rebuild.differences())


def test_a_withdrawal_is_one_act_and_a_second_one_changes_nothing(
    person: Recipient, at: datetime
) -> None:
    for purpose, basis in (("news", "consent"), ("offers", "consent"), ("parcels", "contract")):
        bases.record(person, purpose=purpose, basis=basis, statement=said(at))
    statement = said(at + DAY, given=intake.read_evidence("called us: no more"))

    done = bases.withdraw(person, statement=statement)

    assert done == bases.Withdrawn(bases=2, is_opted_out=True, is_consent_rejected=True)
    still = person.legal_bases.filter(withdrawn_at__isnull=True)
    assert list(still.values_list("purpose", flat=True)) == ["parcels"]
    assert verdict(person, "transactional", at) == "consent_rejected"
    assert person.consent == "rejected"
    assert ConsentEvidence.objects.count() == 1
    records = person.ledger.exclude(evidence_sha256="")
    assert {each.subject for each in records} == {"basis", "marketing", "consent"}
    again = bases.withdraw(person, statement=said(at + 2 * DAY))
    assert again == bases.Withdrawn(0, False, False)
    assert not list(rebuild.differences())


def test_a_withdrawal_of_one_purpose_leaves_the_others_and_lines_setting(
    person: Recipient, at: datetime
) -> None:
    for purpose in ("news", "offers"):
        bases.record(person, purpose=purpose, basis="consent", statement=said(at))

    assert bases.withdraw(person, purpose="news", statement=said(at)) == bases.Withdrawn(
        1, True, False
    )

    still = person.legal_bases.filter(withdrawn_at__isnull=True)
    assert list(still.values_list("purpose", flat=True)) == ["offers"]
    person.refresh_from_db()
    assert person.consent == "agreed"


def test_a_withdrawal_holds_for_the_phone_on_every_account(person: Recipient, at: datetime) -> None:
    other = factories.recipient(factories.account("other", channel="1650000002"), 1)

    bases.withdraw(person, statement=said(at))

    other.refresh_from_db()
    assert (other.consent, other.opt_outs.count()) == ("rejected", 0)
    assert not list(rebuild.differences())


def test_the_chain_knows_that_and_not_what(person: Recipient, at: datetime) -> None:
    bases.record(
        person, purpose="secret society", basis="consent",
        statement=said(at, given=intake.read_evidence("she wrote")),
    )  # fmt: skip
    bases.withdraw(person, purpose="secret society", statement=said(at))

    facts = str([each.facts for each in AuditEntry.objects.filter(action__startswith="recipient")])
    assert "evidence_sha256" in facts
    assert "society" not in facts
    assert "she wrote" not in facts


@pytest.mark.parametrize(
    "purpose", ["", "  ", "x" * 201, "a\0b", "call 081-230 0001 back", factories.user_id(1)]
)
def test_what_stays_in_the_ledger_for_ever_names_nobody(
    purpose: str, person: Recipient, at: datetime
) -> None:
    with pytest.raises(intake.Invalid) as refused:
        bases.record(person, purpose=purpose, basis="consent", statement=said(at))

    assert refused.value.field == "purpose"
    with pytest.raises(intake.Invalid):
        said(at, wording_version="of +66812300001")


@pytest.mark.parametrize("role", ["author", "reviewer", "auditor"])
def test_who_may_not_change_people_withdraws_nothing(
    role: str, person: Recipient, at: datetime
) -> None:
    by = factories.user(role)
    with pytest.raises(PermissionDenied):
        bases.withdraw(person, statement=said(at, by=by))

    assert not MarketingOptOut.objects.exists()
