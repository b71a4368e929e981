"""A person's ledger over the API: bases, opt-outs, withdrawal, evidence, re-issued numbers."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lineportal.accounts.models import AccountScope, OfficialAccount
from recipients.models import ConsentEvidence, ConsentRecord, Recipient
from tests import factories
from tests.api.client import Api
from tests.api.test_hostile_requests import refused

MAY = {"author": 403, "reviewer": 403, "sender": 200, "auditor": 403, "manager": 200}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def person(account: OfficialAccount) -> Recipient:
    return factories.recipient(account, 1, consent="agreed")


@pytest.fixture
def api(account: OfficialAccount) -> Api:
    return Api(factories.user("manager"))


@pytest.mark.parametrize("role", MAY)
def test_a_withdrawal_is_one_call_of_who_may(role: str, person: Recipient) -> None:
    answer = Api(factories.user(role)).post(f"recipients/{person.pk}/withdraw/")

    assert answer.status_code == MAY[role]
    person.refresh_from_db()
    assert (person.consent == "rejected") == (MAY[role] == 200)
    if MAY[role] == 200:
        assert answer.json()["consent"] == "rejected"
        [opt_out] = answer.json()["opt_outs"]
        assert (opt_out["purpose"], opt_out["source"], opt_out["ended_at"]) == ("", "api", None)


def test_bases_and_opt_outs_are_told_with_their_purpose(api: Api, person: Recipient) -> None:
    path = f"recipients/{person.pk}"
    body = {"purpose": "news", "basis": "consent", "wording_version": "2026-03"}
    made = api.post(f"{path}/basis/", body)
    assert made.status_code == 200
    [held] = made.json()["legal_bases"]
    assert (held["purpose"], held["basis"], held["wording_version"]) == (
        "news", "consent", "2026-03",
    )  # fmt: skip

    out = api.post(f"{path}/marketing/", {"value": "opted_out", "purpose": "news"})
    assert out.json()["opt_outs"][0]["purpose"] == "news"
    ended = {"value": "ended", "purpose": "news"}
    refused(api.post(f"{path}/marketing/", ended), 409, "wrong_state")
    ended["observed_at"] = datetime.now(UTC).isoformat()
    assert api.post(f"{path}/marketing/", ended).json()["opt_outs"][0]["ended_at"]

    done = api.post(f"{path}/withdraw/", {"purpose": "news"})
    assert done.json()["legal_bases"][0]["withdrawn_at"]
    assert done.json()["consent"] == "agreed"


def test_the_ledger_says_how_we_know(api: Api, person: Recipient) -> None:
    scan = b"%PDF-1.7 signed"
    body = {
        "consent": "rejected", "wording_version": "v3", "evidence": "she wrote",
        "evidence_file": {"name": "scan.pdf", "content": base64.b64encode(scan).decode()},
    }  # fmt: skip
    assert api.patch(f"recipients/{person.pk}/", body).status_code == 200

    page = api.get(f"recipients/{person.pk}/ledger/").json()

    newest = page["results"][0]
    text, file = (hashlib.sha256(each).hexdigest() for each in (b"she wrote", scan))
    assert {name: newest[name] for name in (
        "subject", "value", "previous", "source", "wording_version", "evidence",
        "evidence_file", "evidence_sha256", "is_dated",
    )} == {
        "subject": "consent", "value": "rejected", "previous": "agreed", "source": "api",
        "wording_version": "v3", "evidence": "she wrote", "evidence_file": "scan.pdf",
        "evidence_sha256": hashlib.sha256((text + file).encode()).hexdigest(), "is_dated": False,
    }  # fmt: skip
    path = f"recipients/{person.pk}/ledger/{newest['id']}/evidence/"
    assert api.get(path).content == scan
    ConsentEvidence.objects.all().delete()
    refused(api.get(path), 404, "not_found")
    assert api.get(f"recipients/{person.pk}/ledger/").json()["results"][0]["evidence"] is None


@pytest.mark.parametrize(
    ("act", "body", "field"),
    [
        ("basis", {"basis": "consent"}, "purpose"),
        ("basis", {"purpose": "news", "basis": "because"}, "basis"),
        ("basis", {"purpose": "tel. 0812300001", "basis": "consent"}, "purpose"),
        ("basis", {"purpose": "a", "basis": "consent", "observed_at": "2999-01-01T00:00:00Z"},
         "observed_at"),
        ("basis", {"purpose": "a", "basis": "consent", "observed_at": "x"}, "observed_at"),
        ("withdraw", {"evidence_file": {"name": "x", "content": "%%%"}}, "evidence_file"),
        ("withdraw", {"evidence_file": {"name": "x", "content": ""}}, "evidence_file"),
        ("withdraw", {"evidence_file": "x"}, "evidence_file"),
        ("withdraw", {"purpose": ["a"]}, "purpose"),
        ("marketing", {"value": "maybe"}, "value"),
        ("reassign", {}, "reason"),
        ("reassign", {"reason": " "}, "reason"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_its_field(
    act: str, body: dict[str, Any], field: str, api: Api, person: Recipient
) -> None:
    before = ConsentRecord.objects.count()

    found = refused(api.post(f"recipients/{person.pk}/{act}/", body), 400, "invalid")

    assert {name.partition(".")[0] for name in found["fields"]} == {field}
    assert ConsentRecord.objects.count() == before


def test_evidence_over_the_limit_is_refused(api: Api, person: Recipient) -> None:
    content = base64.b64encode(b"x" * (5 * 1024 * 1024 + 1)).decode()
    body = {"evidence_file": {"name": "x", "content": content}}

    answer = api.post(f"recipients/{person.pk}/withdraw/", body)

    assert answer.status_code in (400, 413)
    assert not ConsentEvidence.objects.exists()


@pytest.mark.parametrize("role", MAY)
def test_a_reissued_number_is_told_by_who_may(role: str, person: Recipient) -> None:
    path = f"recipients/{person.pk}/reassign/"

    answer = Api(factories.user(role)).post(path, {"reason": "the operator told us"})

    assert answer.status_code == MAY[role]
    person.refresh_from_db()
    assert (person.phone is None) == (MAY[role] == 200)
    if MAY[role] == 200:
        [made] = answer.json()
        now = Recipient.objects.get(pk=made["now"])
        assert (made["account"], made["former"], now.phone) == (
            "thai-post", person.pk, factories.phone(1),
        )  # fmt: skip


ACTS = ("withdraw", "basis", "marketing", "reassign")
READS = ("ledger/", "ledger/1/evidence/")


def test_nobody_elses_people_are_reached(account: OfficialAccount, person: Recipient) -> None:
    user = factories.user("manager")
    AccountScope.objects.create(user=user).accounts.set(
        [factories.account("other", channel="1650000002")]
    )
    scoped, unscoped = Api(user), Api(factories.user("manager"), "templates", "messages")

    body = {"purpose": "a", "basis": "consent", "value": "opted_out", "reason": "x"}
    for act in ACTS:
        path = f"recipients/{person.pk}/{act}/"
        refused(scoped.post(path, body), 404, "not_found")
        refused(unscoped.post(path, body), 403, "forbidden")
    for read in READS:
        refused(scoped.get(f"recipients/{person.pk}/{read}"), 404, "not_found")
        refused(unscoped.get(f"recipients/{person.pk}/{read}"), 403, "forbidden")


def test_eligibility_tells_source_and_age(api: Api, account: OfficialAccount) -> None:
    observed_at = datetime.now(UTC) - timedelta(days=3)
    person = factories.recipient(account, 2, consent="agreed", observed_at=observed_at)

    found = api.get(f"recipients/{person.pk}/eligibility/").json()

    facts = {fact["name"]: fact for fact in found["inputs"]}
    assert facts["consent"]["source"].startswith("an API caller")
    assert 3 * 86_400 <= facts["consent"]["age_seconds"] < 3 * 86_400 + 60
    assert facts["friend_status"]["age_seconds"] is None  # only assumed
