"""What is kept too long is emptied, in batches, on record; nothing queued is touched."""

from __future__ import annotations

import asyncio
import importlib
import io
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from lineportal.sending import (
    campaigns,
    inbox,
    messages,
    migrations,
    reports,
    retention,
    rows,
    tasks,
)
from lineportal.sending.models import (
    Attempt,
    CampaignRow,
    Message,
    Retention,
    WebhookDelivery,
    WebhookEvent,
)
from recipients import imports, repairs
from recipients.intake import Invalid
from recipients.models import ConsentRecord, ImportPart, ImportRefusal
from tests import factories
from tests.api.client import Api
from tests.sending import placed
from tests.webhooks.test_line_webhook import body_of, event

DAY = timedelta(days=1)
OPEN = {"queued", "sending", "uncertain"}  # may still be sent, by itself or by a person
FROZEN = ("status", "verdict", "rule", "rules_version", "consent", "friend_status", "item",
          "reference", "body_template_hash", "body_sha256", "changed_at",
          "recipient_id")  # fmt: skip


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def only(account: OfficialAccount, **days: int) -> None:
    """Keep everything for good but what is named."""
    kept = {**dict.fromkeys(retention.FIELDS), **days}
    Retention.objects.filter(account=account).update(**kept)


def emptied(account: OfficialAccount, at: datetime) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for batch in retention.batches(at=at, account=account):
        counts[batch.kind] += batch.rows
    return {kind: count for kind, count in counts.items() if count}


def frozen() -> dict[int, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in Message.objects.values_list("pk", *FROZEN)}


@pytest.mark.parametrize("service", ["lon", "oa"])
def test_messages_that_are_done_lose_their_values_and_nothing_else(
    service: str, db: None, at: datetime
) -> None:
    by_status = placed.one_in_each_status(service, at=at)
    campaign = placed.row(by_status["queued"]).campaign
    assert campaign is not None
    only(campaign.account, message_values_days=10)
    before, report = frozen(), reports.report(campaign, at=at)

    assert emptied(campaign.account, at + 9 * DAY) == {}
    assert emptied(campaign.account, at + 11 * DAY) == {
        "message_values": len(by_status) - len(OPEN)
    }
    assert emptied(campaign.account, at + 11 * DAY) == {}

    for status, held in by_status.items():
        message = placed.row(held)
        assert (message.values == {}, message.address == "") == ((status not in OPEN),) * 2
        assert (message.values_dropped_at is None) is (status in OPEN)
    assert frozen() == before
    assert reports.report(campaign, at=at) == report


def test_a_message_without_its_values_is_not_sent_again(db: None, at: datetime) -> None:
    held = placed.one_in_each_status("lon", at=at)["failed"]
    account = placed.row(held).account
    only(account, message_values_days=10)
    emptied(account, at + 11 * DAY)

    with pytest.raises(messages.CannotSendAgain, match="retention"):
        messages.send_again(placed.row(held), by=factories.user("manager"), at=at + 11 * DAY)


def test_words_of_the_provider_go_where_they_are_no_code(db: None, at: datetime) -> None:
    by_status = placed.one_in_each_status("lon", at=at)
    account = placed.row(by_status["failed"]).account
    only(account, message_values_days=10)
    for status, detail in (("failed", "no such user 0812300001"), ("refused", "not_reachable")):
        Message.objects.filter(pk=by_status[status].pk).update(detail=detail)
    Attempt.objects.create(
        message_id=by_status["failed"].pk, number=1, started_at=at, detail="of 0812300001",
        reference="8c3a1d0e-5a51-4b6e-9d1c-2f6f0a4b7c11",
    )  # fmt: skip

    emptied(account, at + 11 * DAY)

    assert placed.row(by_status["failed"]).detail == ""
    assert placed.row(by_status["refused"]).detail == "not_reachable"
    assert Attempt.objects.get().detail == ""


def test_many_go_in_batches_each_on_record(
    db: None, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = placed.campaign("lon", at=at, people=25)
    campaigns.cancel(campaign, by=factories.user("manager"), at=at)
    only(campaign.account, message_values_days=10)
    monkeypatch.setattr(retention, "BATCH", 10)

    first = next(retention.batches(at=at + 11 * DAY))
    assert Message.objects.filter(values={}).count() == first.rows == 10  # as after a kill
    assert emptied(campaign.account, at + 11 * DAY) == {"message_values": 15}

    entries = AuditEntry.objects.filter(action="retention.empty").order_by("number")
    assert [entry.facts["rows"] for entry in entries] == [10, 10, 5]
    assert {(entry.actor, entry.account_id) for entry in entries} == {
        ("system", campaign.account_id)
    }
    assert entries[0].facts == {"kind": "message_values", "days": 10, "rows": 10}
    assert chain.first_break(AuditEntry.objects.order_by("number").iterator()) is None


def test_rows_of_a_campaign_go_once_it_ended(account: OfficialAccount, at: datetime) -> None:
    only(account, message_values_days=10)
    by, template = factories.user("manager"), factories.approved(account)
    factories.recipient(account, 1, consent="agreed")
    given = [{"phone": "0812300001", "item": "1", "values": factories.VALUES}]
    made = [campaigns.create(account, template=template, name=name, by=by, at=at)
            for name in ("draft", "ended")]  # fmt: skip
    for campaign in made:
        rows.add(campaign, rows.from_json(given, account=account), at=at)
    campaigns.cancel(made[1], by=by, at=at)

    assert emptied(account, at + 11 * DAY) == {"message_values": 1}

    assert CampaignRow.objects.get().campaign == made[0]


def test_bodies_go_once_they_were_read_and_events_keep_kind_and_time(
    account: OfficialAccount, at: datetime
) -> None:
    only(account, webhook_bodies_days=5, delivery_events_days=10)
    factories.recipient(account, 1)
    told = event("follow", at, source={"type": "user", "userId": factories.user_id(1)})
    inbox.store(account.pk, provider="line", body=body_of(told), at=at)
    inbox.read(at=at)
    inbox.store(account.pk, provider="line", body=body_of(told), at=at)  # again, not read yet
    ledger = list(ConsentRecord.objects.values_list("pk", "value", "observed_at"))

    assert emptied(account, at + 6 * DAY) == {"webhook_bodies": 1}
    assert sorted(bytes(body) == b"" for body in bodies()) == [False, True]
    assert emptied(account, at + 11 * DAY) == {"delivery_events": 1}

    kept = WebhookEvent.objects.get()
    assert (kept.kind, kept.line_user_id, kept.payload) == ("follow", "", {})
    assert kept.emptied_at == at + 11 * DAY
    # A repeat that comes so late still counts once.
    inbox.read(at=at + 11 * DAY)
    assert WebhookEvent.objects.count() == 1
    assert list(ConsentRecord.objects.values_list("pk", "value", "observed_at")) == ledger


def bodies() -> list[memoryview]:
    return list(WebhookDelivery.objects.values_list("body", flat=True))


def test_files_that_nobody_applied_and_refused_rows_go(
    account: OfficialAccount, at: datetime
) -> None:
    only(account, import_files_days=5, refused_rows_days=10)
    by = factories.user("manager")
    file = b"phone,name\n0812300001,A\n12,B\n0812300001,C\n"
    job = imports.receive(
        account, name="a.csv", at=at, by=by, file=io.BytesIO(file), is_dry_run=True
    )
    waiting = imports.receive(
        account, name="b.csv", at=at, by=by, file=io.BytesIO(file + b"13,D\n"), is_dry_run=True
    )
    job = imports.run(job, at=at)
    counts = (job.rows, job.refused)

    assert emptied(account, at + 6 * DAY) == {"import_files": 1}
    assert set(ImportPart.objects.values_list("recipient_import", flat=True)) == {waiting.pk}
    assert repairs.can_be_repaired(job)
    assert emptied(account, at + 11 * DAY) == {"refused_rows": job.refused}
    assert emptied(account, at + 12 * DAY) == {}

    job.refresh_from_db()
    assert (job.rows, job.refused) == counts
    assert not repairs.can_be_repaired(job)
    assert ImportRefusal.objects.exclude(reason="").count() == job.refused


def test_each_account_has_its_own_periods(account: OfficialAccount, at: datetime) -> None:
    other = factories.account("other", channel="1650000002", secret="s" * 32)
    only(account, webhook_bodies_days=5)
    only(other, webhook_bodies_days=20)
    for each in (account, other):
        inbox.store(each.pk, provider="line", body=body_of(), at=at)
    inbox.read(at=at)

    found = [batch for batch in retention.batches(at=at + 6 * DAY) if batch.rows]

    assert [(batch.account_id, batch.kind) for batch in found] == [(account.pk, "webhook_bodies")]


def test_what_is_kept_is_found_by_its_index(db: None, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM sending_message WHERE account_id = 1 AND id > 0"
            " AND values_dropped_at IS NULL AND erased_at IS NULL ORDER BY id LIMIT 10"
        )
        plan = " ".join(line for (line,) in cursor.fetchall())
    assert "message_with_values" in plan


@pytest.mark.parametrize("role", ["author", "reviewer", "sender", "auditor", "manager"])
def test_only_who_manages_accounts_changes_periods(role: str, account: OfficialAccount) -> None:
    api = Api(factories.user(role))
    path = f"accounts/{account.slug}/retention/"
    defaults = {"message_values_days": 365, "webhook_bodies_days": 90, "import_files_days": 7,
                "refused_rows_days": 30, "delivery_events_days": 365,
                "conversation_days": 730, "media_days": 90}  # fmt: skip
    assert api.get(path).json() == defaults

    answer = api.patch(path, {"message_values_days": 30, "webhook_bodies_days": None})

    may = role == "manager"
    assert answer.status_code == (200 if may else 403)
    changed = {"message_values_days": 30, "webhook_bodies_days": None}
    assert api.get(path).json() == {**defaults, **(changed if may else {})}
    entries = AuditEntry.objects.filter(action="retention.change")
    assert [entry.facts for entry in entries] == ([changed] if may else [])


@pytest.mark.parametrize(
    "changes",
    [{"message_values_days": 2}, {"webhook_bodies_days": 0}, {"import_files_days": 3651},
     {"refused_rows_days": True}, {"delivery_events_days": -1}, {"ledger_days": 9}],
)  # fmt: skip
def test_a_period_that_would_break_what_still_works_is_refused(
    changes: dict[str, Any], account: OfficialAccount, at: datetime
) -> None:
    with pytest.raises(Invalid) as refusal:
        retention.change(account, by=factories.user("manager"), at=at, changes=changes)
    assert refusal.value.field in changes


def test_the_database_refuses_it_too(account: OfficialAccount) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        only(account, message_values_days=1)


def test_accounts_from_before_keep_everything_until_a_person_says_so(
    account: OfficialAccount, at: datetime
) -> None:
    [path] = Path(migrations.__file__ or "").parent.glob("*_retention_periods.py")
    migration = importlib.import_module(f"{migrations.__name__}.{path.stem}")
    Retention.objects.all().delete()

    migration.keep_what_is_there(apps, None)

    kept = retention.of(account.pk)
    # Conversations began with their periods.
    older = set(retention.FIELDS) - {"conversation_days", "media_days"}
    assert {getattr(kept, name) for name in older} == {None}
    assert not any(batch.rows for batch in retention.batches(at=at + 9999 * DAY))


def test_periods_of_another_account_are_not_theirs(account: OfficialAccount, at: datetime) -> None:
    user = factories.user("manager")
    elsewhere = factories.account("other", channel="1650000002", secret="s" * 32)
    AccountScope.objects.create(user=user).accounts.set([elsewhere])

    with pytest.raises(PermissionDenied):
        retention.change(account, by=user, at=at, changes={"webhook_bodies_days": 5})
    assert Api(user).get(f"accounts/{account.slug}/retention/").status_code == 404


def test_the_page_changes_what_was_changed(account: OfficialAccount) -> None:
    client = Client()
    client.force_login(factories.user("manager"))
    page = reverse("admin:sending_retention_change", args=[retention.of(account.pk).pk])
    shown = client.get(page)
    assert "kept for good" in shown.text
    fields = dict.fromkeys(retention.FIELDS, "")

    refused = client.post(page, {**fields, "message_values_days": "1"}, follow=True)
    assert "from 3 to 3650" in refused.text
    assert retention.of(account.pk).message_values_days == 365
    client.post(page, {**fields, "message_values_days": "30"})

    kept = retention.of(account.pk)
    assert (kept.message_values_days, kept.import_files_days) == (30, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_closing", [False, True])
def test_workers_do_it_by_themselves_until_they_are_told_to_stop(
    is_closing: bool, account: OfficialAccount, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(account, webhook_bodies_days=5)
    inbox.store(account.pk, provider="line", body=body_of(), at=at - 6 * DAY)
    inbox.read(at=at)

    async def here(function: Any, *given: Any) -> Any:
        try:
            return function(*given)
        finally:
            connections.close_all()  # a task has its own

    monkeypatch.setattr(tasks, "in_database", here)  # whose threads would outlive the test
    monkeypatch.setattr(tasks.places, "is_closing", is_closing)

    asyncio.run(tasks.keep_periods(timestamp=0))

    assert WebhookDelivery.objects.filter(body=b"").exists() is not is_closing


def test_the_command_empties_now_and_says_what(account: OfficialAccount, at: datetime) -> None:
    only(account, webhook_bodies_days=5)
    inbox.store(account.pk, provider="line", body=body_of(), at=at - 6 * DAY)
    inbox.read(at=at)

    assert call_command("apply_retention", account=account.slug) == "Emptied webhook_bodies: 1."
    assert call_command("apply_retention") == "There is nothing to empty."
    with pytest.raises(CommandError):
        call_command("apply_retention", account="none")
