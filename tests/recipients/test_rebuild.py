"""What is held follows from the ledger, whatever wrote it; what does not is found and mended."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount
from lineportal.audit.models import AuditEntry
from recipients import bases, friendship, imports, intake, reassign, rebuild
from recipients.models import Consent, FriendStatus, LegalBasis, MarketingOptOut, Recipient, Source
from tests import factories

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def here(db: None) -> OfficialAccount:
    return factories.account()


def found() -> set[tuple[str, str, str]]:
    return {(each.field, each.held, each.ledger_says) for each in rebuild.differences()}


def run(*words: str) -> tuple[int, str]:
    """Return the exit status of `rebuild_consent` and what it printed."""
    out = io.StringIO()
    try:
        call_command("rebuild_consent", *words, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def load(account: OfficialAccount, text: str, as_of: datetime | None, at: datetime) -> None:
    job = imports.receive(
        account, name="f", file=io.BytesIO(text.encode()), at=at, by=None, as_of=as_of
    )
    assert imports.run(job, at=at).state == "finished"


ACT = st.tuples(
    st.sampled_from(
        ["change", "import", "event", "basis", "opt_out", "end", "withdraw", "reassign"]
    ),
    st.integers(0, 1),  # account
    st.integers(0, 1),  # person
    st.sampled_from(Consent.values),
    st.sampled_from(FriendStatus.values),
    st.none() | st.integers(-8, 0),  # when it was observed, in hours before it is told
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=st.lists(ACT, min_size=1, max_size=10))
def test_whatever_happens_in_whatever_order_what_is_held_follows(
    acts: list[tuple[str, int, int, str, str, int | None]], db: None
) -> None:
    slugs = [f"a{Recipient.objects.count()}-{OfficialAccount.objects.count() + n}" for n in (0, 1)]
    accounts = [factories.account(slug, channel=slug) for slug in slugs]
    base = Recipient.objects.count()
    by = factories.user("sender")
    for n, (act, of, number, said, friend, hours) in enumerate(acts):
        account, at = accounts[of], AT + n * timedelta(hours=1)
        observed_at = None if hours is None else at + timedelta(hours=hours)
        phone, user_id = factories.phone(base * 4 + number), factories.user_id(base * 4 + number)
        if act == "import":
            load(account, f"phone,consent,friend_status\n{phone},{said},{friend}\n",
                 observed_at, at)  # fmt: skip
            continue
        if act == "event":
            kind = "follow" if friend == "friend" else "unfollow"
            friendship.apply(
                account, line_user_id=user_id, event=kind, occurred_at=observed_at or at,
                event_id=f"e{n}", at=at,
            )  # fmt: skip
            continue
        person = Recipient.objects.filter(account=account, phone=phone).first()
        if person is None:
            continue
        statement = intake.statement(source=Source.PERSON, at=at, by=by, observed_at=observed_at)
        try:
            if act == "change":
                intake.change(
                    person, intake.Details(consent=said, friend_status=friend,
                                           observed_at=observed_at),
                    by=by, at=at, source=Source.API,
                )  # fmt: skip
            elif act == "basis":
                bases.record(person, purpose="news", basis="consent", statement=statement)
            elif act == "opt_out":
                bases.opt_out(person, purpose="news", statement=statement)
            elif act == "end":
                bases.end_opt_out(person, purpose="news", statement=statement)
            elif act == "withdraw":
                bases.withdraw(person, statement=statement)
            else:
                reassign.reassign(person, at=at, by=by, reason="told by the operator")
        except intake.Conflict:
            continue

    assert list(rebuild.differences()) == []


def test_every_value_that_differs_is_found_and_mended(here: OfficialAccount) -> None:
    person = factories.recipient(here, 1, consent="rejected", friend_status="friend")
    other = factories.recipient(here, 2)
    statement = intake.statement(source=Source.API, at=AT, by=None)
    for purpose in ("a", "b"):
        bases.record(person, purpose=purpose, basis="consent", statement=statement)
        bases.opt_out(person, purpose=purpose, statement=statement)
    assert run("--check") == (0, "What is held follows from the ledger.\n")
    Recipient.objects.filter(pk=person.pk).update(consent="agreed", friend_source="import")
    Recipient.objects.filter(pk=other.pk).update(friend_status="blocked")
    LegalBasis.objects.filter(purpose="a").update(withdrawn_at=AT)
    LegalBasis.objects.filter(purpose="b").delete()
    MarketingOptOut.objects.filter(purpose="a").delete()
    MarketingOptOut.objects.create(recipient=other, opted_out_at=AT, source=Source.API)

    status, told = run("--check")

    assert status == 1
    assert f"recipient {person.pk}: consent: held agreed, the ledger says rejected" in told
    assert {field.partition(":")[0] for field, _held, _says in found()} >= {
        "consent", "friend_source", "friend_status", "legal_basis.withdrawn_at",
        "legal_basis.basis", "opt_out.source",
    }  # fmt: skip
    assert told.endswith(f"{len(list(rebuild.differences()))} differences.\n")
    assert Recipient.objects.get(pk=person.pk).consent == "agreed"

    status, told = run()

    assert (status, found()) == (0, set())
    assert "differences were mended." in told
    assert [*Recipient.objects.order_by("pk").values_list("consent", "friend_status")] == [
        ("rejected", "friend"), ("not_set", "not_friend"),
    ]  # fmt: skip
    assert LegalBasis.objects.filter(withdrawn_at__isnull=True).count() == 2
    assert set(MarketingOptOut.objects.values_list("recipient", "purpose")) == {
        (person.pk, "a"), (person.pk, "b"),
    }  # fmt: skip
    assert AuditEntry.objects.filter(action="consent.rebuild").count() == 1
    assert run() == (0, "What is held follows from the ledger.\n")
    assert AuditEntry.objects.filter(action="consent.rebuild").count() == 1


def test_one_account_is_looked_at_alone(here: OfficialAccount) -> None:
    there = factories.account("other", channel="1650000002")
    for n, account in enumerate((here, there)):
        person = factories.recipient(account, n)
        Recipient.objects.filter(pk=person.pk).update(friend_status="blocked")

    assert run("--account", "other")[0] == 0

    assert {each.recipient_id for each in rebuild.differences()} == set(
        Recipient.objects.filter(account=here).values_list("pk", flat=True)
    )


def test_a_record_that_does_not_continue_the_one_before_is_told(here: OfficialAccount) -> None:
    person = factories.recipient(here, 1, consent="agreed")
    person.ledger.create(
        subject="consent", value="rejected", previous="not_set", observed_at=AT + 500 * DAY,
        is_dated=True, recorded_at=AT, source="api",
    )  # fmt: skip

    status, told = run()

    assert status == 1
    assert "held not_set, the ledger says agreed" in told
    assert "Records that do not continue the one before: 1." in told
    person.refresh_from_db()
    assert person.consent == "rejected"


def test_it_asks_the_same_few_questions_of_many_people(here: OfficialAccount) -> None:
    rows = "\n".join(f"{factories.phone(n)},agreed,friend" for n in range(500))
    load(here, f"phone,consent,friend_status\n{rows}\n", AT, AT)
    Recipient.objects.update(friend_status="blocked")

    with connection.execute_wrapper(counting := _Counting()):
        assert rebuild.mend(at=AT, by=None) == 500

    assert counting.statements < 30
    assert found() == set()


class _Counting:
    statements = 0

    def __call__(self, execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        self.statements += 1
        return execute(sql, params, many, context)
