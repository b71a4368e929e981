"""Raw SQL against the records of the review, and against the guards themselves.

As the application's role; `docs/guards.md` says which test stands for which guard.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from lineportal.accounts.models import OfficialAccount
from lineportal.sending.models import Campaign
from templates_app import drafting, workflow
from templates_app.models import (
    Brief,
    CatalogueEdition,
    EntryKind,
    MessageTemplate,
    ReviewEntry,
    ReviewFile,
    Waiver,
)
from tests import factories
from tests.templates_app.raw_sql import execute, refused

RECORDS = {
    "templates_app_templateevent": "note = note || 'x'",
    "templates_app_waiver": "reason = 'other'",
    "templates_app_reviewentry": "text = 'other'",
    "templates_app_reviewfile": "sha256 = repeat('b', 64)",
    "templates_app_catalogueedition": "sha256 = repeat('b', 64)",
    "audit_auditentry": "facts = '{}', action = action || 'x'",
    "recipients_consentrecord": "value = 'agreed', previous = 'x'",
}


def recorded(template: MessageTemplate, by: User, at: datetime) -> ReviewEntry:
    """Write one row into every table of a draft's records."""
    Waiver.objects.create(
        template=template,
        code="urgency",
        place="title",
        digest="d" * 64,
        reason="why",
        by=by,
        at=at,
    )
    entry = ReviewEntry.objects.create(
        template=template, kind=EntryKind.QUESTION, text="Why?", by=by, at=at
    )
    ReviewFile.objects.create(entry=entry, name="mail.pdf", content=b"x", sha256="a" * 64)
    Brief.objects.create(template=template, use_case="parcels", changed_by=by, changed_at=at)
    CatalogueEdition.objects.create(
        country="JP", name="2026-11", sha256="a" * 64, imported_by=by, imported_at=at
    )
    return entry


@pytest.fixture
def draft(account: OfficialAccount, author: User, at: datetime) -> MessageTemplate:
    made = factories.draft(account, by=author)
    recorded(made, author, at)
    return made


@pytest.fixture
def records(draft: MessageTemplate, account: OfficialAccount) -> None:
    """At least one row in every table of records."""
    factories.recipient(account, 1, consent="agreed")


@pytest.mark.parametrize("table", RECORDS)
def test_records_are_neither_changed_nor_removed(table: str, records: None) -> None:
    assert execute(f"SELECT 1 FROM {table}") > 0

    refused(f"UPDATE {table} SET {RECORDS[table]}")
    refused(f"DELETE FROM {table}")


@pytest.mark.parametrize("table", ["templateevent", "waiver", "reviewentry", "brief"])
def test_records_stay_with_their_version(
    table: str, draft: MessageTemplate, account: OfficialAccount
) -> None:
    other = factories.draft(account, key="other")

    refused(f"UPDATE templates_app_{table} SET template_id = %s WHERE template_id = %s",
            other.pk, draft.pk)  # fmt: skip


NEVER_EMPTIED = (
    *RECORDS,
    "templates_app_messagetemplate",
    "templates_app_brief",
    "sending_message",
    "sending_attempt",
)


@pytest.mark.parametrize("table", NEVER_EMPTIED)
def test_records_are_never_truncated_outside_tests(table: str, db: None) -> None:
    said = refused(f"SET LOCAL lineportal.testing = 'off'; TRUNCATE {table} CASCADE")

    assert "may not be truncated" in said


def test_the_setting_of_the_tests_opens_nothing_elsewhere(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE prosrc LIKE %s) FROM pg_proc"
            " WHERE prosrc LIKE '%%may not be truncated%%'",
            ["%starts_with(current_database(), 'test_')%"],
        )
        truncating, bound_to_the_name = cursor.fetchone()

    assert truncating == bound_to_the_name > 10


@pytest.mark.parametrize(
    "table", ["templates_app_messagetemplate", "sending_message", "sending_campaign"]
)
def test_what_was_sent_and_on_what_is_never_deleted(table: str, campaign: Campaign) -> None:
    refused(f"DELETE FROM {table}")


@pytest.mark.parametrize("state", ["submitted", "approved", "rejected"])
def test_nothing_is_waived_after_the_draft(
    state: str, draft: MessageTemplate, author: User, reviewer: User, at: datetime
) -> None:
    template = workflow.submit(draft, by=author, at=at)
    if state == "approved":
        workflow.approve(template, by=reviewer, at=at, line_reference="LINE-1")
    if state == "rejected":
        workflow.reject(template, by=reviewer, at=at, reason="no")

    said = refused(
        "INSERT INTO templates_app_waiver (template_id, code, place, digest, excerpt, reason,"
        " by_id, at) SELECT template_id, code, place, repeat('e', 64), excerpt, reason, by_id, at"
        " FROM templates_app_waiver"
    )

    assert "waived on drafts alone" in said


def test_a_waiver_without_a_reason_is_refused(draft: MessageTemplate) -> None:
    said = refused(
        "INSERT INTO templates_app_waiver (template_id, code, place, digest, excerpt, reason,"
        " by_id, at) SELECT template_id, code, place, repeat('e', 64), excerpt, '', by_id, at"
        " FROM templates_app_waiver"
    )

    assert "a_waiver_has_a_reason" in said


@pytest.mark.parametrize("decide", ["approve", "reject"])
def test_a_brief_is_fixed_by_the_decision(
    decide: str, draft: MessageTemplate, author: User, reviewer: User, at: datetime
) -> None:
    template = workflow.submit(draft, by=author, at=at)
    assert execute("UPDATE templates_app_brief SET use_case = 'still open'") == 1
    if decide == "approve":
        workflow.approve(template, by=reviewer, at=at, line_reference="LINE-1")
    else:
        workflow.reject(template, by=reviewer, at=at, reason="no")

    assert "never edited" in refused("UPDATE templates_app_brief SET use_case = 'other'")
    refused("DELETE FROM templates_app_brief")


EVENT = (
    "INSERT INTO templates_app_templateevent (template_id, kind, by_id, at, note, content_hash)"
    " SELECT id, {kind}, {by}, {at}, '', {hash} FROM templates_app_messagetemplate"
)


def event(kind: str, *, by: str = "created_by_id", at: str = "now()", hash: str = "content_hash",
          ) -> str:  # fmt: skip
    return EVENT.format(kind=f"'{kind}'", by=by, at=at, hash=hash)


@pytest.mark.parametrize("kind", ["approved", "rejected", "revoked", "submitted", "revised"])
def test_no_event_of_what_did_not_happen(kind: str, draft: MessageTemplate) -> None:
    assert "this did not happen" in refused(event(kind))


def test_no_event_in_the_name_of_another(
    draft: MessageTemplate, author: User, reviewer: User, at: datetime
) -> None:
    workflow.submit(draft, by=author, at=at)

    assert "this did not happen" in refused(event("submitted", by=str(reviewer.pk)))
    assert "this did not happen" in refused(event("edited", by=str(reviewer.pk)))


def test_no_event_is_dated_back_or_told_twice(draft: MessageTemplate, author: User) -> None:
    back = event("edited", at="timestamptz '2020-01-01'")

    assert "runs forward" in refused(back)
    assert "runs forward" in refused(event("created"))
    assert execute(event("edited")) == 1


def test_no_event_with_another_hash(draft: MessageTemplate) -> None:
    assert "the hash that its version has" in refused(event("edited", hash="repeat('a', 64)"))


@pytest.mark.parametrize(
    "decided",
    [
        "approved_at = now()",
        "approved_by_id = created_by_id",
        "rejected_by_id = created_by_id",
        "submitted_by_id = created_by_id",
        "bubble = '{}'",
        "content_hash = repeat('a', 64)",
        "revoked_at = now()",
        "reason = 'x'",
        "line_reference = 'LINE-1'",
    ],
)
def test_a_draft_is_not_decided(decided: str, draft: MessageTemplate) -> None:
    refused(f"UPDATE templates_app_messagetemplate SET {decided}")


@pytest.mark.parametrize(
    "decided", ["approved_at = now()", "reason = 'x'", "revoked_at = now()",
                "rejected_by_id = created_by_id", "line_reference = 'LINE-1'",
                "samples = '[]', purpose = 'x'", """samples = '[{"a": "b"}]'"""],
)  # fmt: skip
def test_a_decision_comes_only_with_its_move(decided: str, submitted: MessageTemplate) -> None:
    refused(f"UPDATE templates_app_messagetemplate SET {decided}")


def test_an_approved_version_is_not_half_revoked(approved: MessageTemplate) -> None:
    refused("UPDATE templates_app_messagetemplate SET revoked_at = now()")
    refused("UPDATE templates_app_messagetemplate SET reason = 'x'")
    refused(
        "UPDATE templates_app_messagetemplate SET state = 'rejected', reason = 'x',"
        " revoked_at = now()"  # by nobody
    )


def test_moves_name_who_made_them(draft: MessageTemplate) -> None:
    said = refused(
        "UPDATE templates_app_messagetemplate SET state = 'submitted', bubble = '{}',"
        " content_hash = repeat('a', 64)"
    )

    assert "every move names who made it" in said


@pytest.fixture
def as_application(approved: MessageTemplate) -> str:
    """A role as docs/guards.md asks for: it works on rows and owns nothing."""
    role = "lineportal_guarded"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"CREATE ROLE {role} NOLOGIN")
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        cursor.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
        )
        cursor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
        cursor.execute(f"SET LOCAL ROLE {role}")
    return role


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE templates_app_messagetemplate DISABLE TRIGGER ALL",
        "ALTER TABLE audit_auditentry DISABLE TRIGGER USER",
        "SET LOCAL session_replication_role = replica",
        "TRUNCATE audit_auditentry",
        "TRUNCATE templates_app_messagetemplate CASCADE",
        "ALTER TABLE templates_app_messagetemplate DROP CONSTRAINT a_draft_is_not_decided",
        "CREATE OR REPLACE RULE r AS ON DELETE TO audit_auditentry DO INSTEAD NOTHING",
        "DROP TABLE audit_auditentry CASCADE",
        "UPDATE pg_trigger SET tgenabled = 'D'",
    ],
)
def test_a_role_that_owns_nothing_switches_no_guard_off(
    statement: str, as_application: str
) -> None:
    said = refused(statement)

    assert "permission denied" in said or "must be owner" in said


def test_the_guards_hold_for_such_a_role_too(as_application: str) -> None:
    assert "never edited" in refused("UPDATE templates_app_messagetemplate SET purpose = 'x'")
    refused("UPDATE audit_auditentry SET action = 'x'")


def test_a_draft_beside_a_decided_version_is_free(
    approved: MessageTemplate, author: User, at: datetime
) -> None:
    made: Any = drafting.revise(approved, by=author, at=at)

    changed = execute(
        "UPDATE templates_app_messagetemplate SET purpose = 'clearer' WHERE id = %s", made.pk
    )

    assert changed == 1
