"""A person's page: what is known, from whom and since when, and the acts that change it."""

from __future__ import annotations

import hashlib
from datetime import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import AccountScope, OfficialAccount
from recipients import bases, intake
from recipients.models import ConsentEvidence, LegalBasis, MarketingOptOut, Recipient, Source
from tests import factories

MAY = {"author": False, "reviewer": False, "sender": True, "auditor": False, "manager": True}
SAID = {"source": "person"}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def person(account: OfficialAccount) -> Recipient:
    return factories.recipient(account, 1, consent="agreed", friend_status="friend")


def console(role: str = "sender") -> Client:
    client = Client()
    client.force_login(factories.user(role))
    return client


def act(person: Recipient, name: str) -> str:
    return reverse("admin:recipients_recipient_act", args=[person.pk, name])


def page(person: Recipient) -> str:
    return reverse("admin:recipients_recipient_change", args=[person.pk])


@pytest.mark.parametrize("role", MAY)
def test_a_withdrawal_is_one_click_of_who_may(role: str, person: Recipient) -> None:
    client = console(role)
    shown = client.get(page(person)).text
    assert (f'action="{act(person, "withdraw")}"' in shown) is MAY[role]

    answer = client.post(act(person, "withdraw"))

    assert answer.status_code == (302 if MAY[role] else 409)
    person.refresh_from_db()
    assert (person.consent == "rejected") is MAY[role]
    assert MarketingOptOut.objects.exists() is MAY[role]


def test_one_purpose_is_withdrawn_by_its_own_button(person: Recipient, at: datetime) -> None:
    statement = intake.statement(source=Source.API, at=at, by=None)
    for purpose in ("news", "offers"):
        bases.record(person, purpose=purpose, basis="consent", statement=statement)
    client = console()
    assert client.get(page(person)).text.count(act(person, "withdraw_purpose")) == 2

    assert client.post(act(person, "withdraw_purpose"), {"purpose": "news"}).status_code == 302

    still = LegalBasis.objects.filter(withdrawn_at__isnull=True)
    assert list(still.values_list("purpose", flat=True)) == ["offers"]
    person.refresh_from_db()
    assert person.consent == "agreed"
    assert client.get(page(person)).text.count(act(person, "withdraw_purpose")) == 1


def test_a_basis_is_recorded_with_its_evidence_which_is_given_out_as_a_file(
    person: Recipient,
) -> None:
    file = SimpleUploadedFile("form.html", b"<script>alert(1)</script>", "text/html")
    form = {**SAID, "purpose": "news", "basis": "consent", "wording_version": "2026-03"}

    answer = console().post(act(person, "basis"), {**form, "evidence_file": file})

    assert answer.status_code == 302
    record = person.ledger.get(subject="basis")
    shown = console("auditor").get(page(person)).text
    digest = hashlib.sha256(b"<script>alert(1)</script>").hexdigest()
    for part in (digest, "form.html", "wording 2026-03", "“news”", "Consent given to us"):
        assert part in shown
    where = reverse("admin:recipients_recipient_evidence", args=[person.pk, record.pk])
    given = console("auditor").get(where)
    assert given.content == b"<script>alert(1)</script>"
    assert given["Content-Disposition"].startswith("attachment")
    assert (given["Content-Type"], given["X-Content-Type-Options"]) == (
        "application/octet-stream", "nosniff",
    )  # fmt: skip


def test_evidence_of_another_persons_or_accounts_record_is_not_found(
    account: OfficialAccount, person: Recipient
) -> None:
    proven = factories.recipient(
        account, 2, consent="agreed", evidence=intake.read_evidence("she wrote")
    )
    record = proven.ledger.get().pk
    name = "admin:recipients_recipient_evidence"
    assert console().get(reverse(name, args=[proven.pk, record])).content == b"she wrote"

    assert console().get(reverse(name, args=[person.pk, record])).status_code == 404
    user = factories.user("sender")
    AccountScope.objects.create(user=user).accounts.set(
        [factories.account("other", channel="1650000002")]
    )
    elsewhere = Client()
    elsewhere.force_login(user)
    assert elsewhere.get(reverse(name, args=[proven.pk, record])).status_code in (302, 404)
    ConsentEvidence.objects.all().delete()
    assert console().get(reverse(name, args=[proven.pk, record])).status_code == 404


def test_an_opt_out_is_recorded_and_ended_by_a_newer_word(person: Recipient) -> None:
    client = console()
    assert client.post(act(person, "opt_out"), SAID).status_code == 302
    assert act(person, "end_opt_out") in client.get(page(person)).text

    assert client.post(act(person, "end_opt_out"), SAID).status_code == 409
    assert MarketingOptOut.objects.get().ended_at is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"purpose": ""}, {"purpose": "call 081-230 0001"}, {"basis": "because"},
        {"observed_at": "2999-01-01T00:00"}, {"evidence": "a\0b"}, {"source": "line"},
        {"wording_version": "x" * 51},
    ],
)  # fmt: skip
def test_what_cannot_be_recorded_is_said_on_the_same_page(
    wrong: dict[str, str], person: Recipient
) -> None:
    form = {**SAID, "purpose": "news", "basis": "consent", **wrong}

    answer = console().post(act(person, "basis"), form)

    assert answer.status_code == 409
    assert not LegalBasis.objects.exists()


@pytest.mark.parametrize("role", MAY)
def test_a_number_is_another_persons_by_an_act_of_who_may(role: str, person: Recipient) -> None:
    client = console(role)
    answer = client.post(act(person, "reassign"), {"reason": "told by AIS", "everywhere": "on"})

    person.refresh_from_db()
    assert (person.phone is None) is MAY[role]
    if not MAY[role]:
        assert answer.status_code == 409
        return
    now = Recipient.objects.get(phone=factories.phone(1))
    assert answer["Location"] == page(now)
    assert page(person) in client.get(page(now)).text
    assert page(now) in client.get(page(person)).text


def test_source_and_age_stand_on_the_page(person: Recipient) -> None:
    shown = console().get(page(person)).text

    assert "agreed, an API caller, just now" in shown
    assert "friend, an API caller, just now" in shown
    assert "LINE has not reported a delivery" in shown


def test_a_page_asks_few_questions_however_long_the_ledger(
    person: Recipient, at: datetime, django_assert_max_num_queries: object
) -> None:
    for n in range(30):
        statement = intake.statement(
            source=Source.API, at=at, by=factories.user("sender"), wording_version=f"v{n}",
            given=intake.read_evidence(f"mail {n}"),
        )  # fmt: skip
        bases.record(person, purpose=f"p{n}", basis="consent", statement=statement)
    client = console("manager")
    client.get(page(person))

    with django_assert_max_num_queries(40):  # type: ignore[operator]
        assert "mail" not in client.get(page(person)).text
