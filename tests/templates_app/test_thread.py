"""The thread under a version: who may write what, and what an entry must hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from templates_app import attachments, mentions, thread, workflow
from templates_app.models import EntryKind, MessageTemplate, ReviewEntry, ReviewFile
from tests import factories
from tests.templates_app.test_review_table import ROLES, STATES, someone, template_in

WRITERS = {"author", "reviewer", "manager", "superuser"}
KINDS = (*thread.TALK, *thread.MILESTONES)
NEEDED: dict[str, dict[str, Any]] = {
    "dossier_sent": {"party": "Khun Somying, LINE", "happened_on": date(2026, 11, 2)},
}


@pytest.fixture
def template(db: None) -> MessageTemplate:
    return template_in("draft")


def question(template: MessageTemplate, *, by: User, at: datetime) -> ReviewEntry:
    return thread.say(template, "question", "Who gets it?", by=by, at=at)


def details(kind: str, template: MessageTemplate, at: datetime) -> dict[str, Any]:
    if kind == "answer":
        asked = question(template, by=factories.user("manager"), at=at)
        return {"answers": asked.pk}
    return NEEDED.get(kind, {})


@pytest.mark.parametrize(("role", "state"), list(product(ROLES, STATES)))
def test_any_state_takes_entries_of_those_who_may(
    role: str, state: str, db: None, at: datetime
) -> None:
    template, by = template_in(state), someone(role)

    for kind in KINDS:
        more = details(kind, template, at)
        offered = kind in thread.kinds_for(template, by)
        assert offered == (role in WRITERS)
        if offered:
            entry = thread.say(template, kind, "words", by=by, at=at, **more)
            assert (entry.kind, entry.by, entry.at) == (kind, by, at)
        else:
            with pytest.raises(PermissionDenied):
                thread.say(template, kind, "words", by=by, at=at, **more)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_writes_about_an_account_that_is_not_theirs(
    kind: str, template: MessageTemplate, manager: User, at: datetime
) -> None:
    more = details(kind, template, at)
    AccountScope.objects.create(user=manager)

    with pytest.raises(PermissionDenied):
        thread.say(template, kind, "words", by=manager, at=at, **more)


@pytest.mark.parametrize("kind", ["line_decided", "approved", ""])
def test_lines_decision_is_never_written_by_hand(
    kind: str, template: MessageTemplate, manager: User, at: datetime
) -> None:
    with pytest.raises(thread.Unsayable, match="approving or rejecting"):
        thread.say(template, kind, "yes", by=manager, at=at)


@pytest.mark.parametrize(
    ("kind", "text", "more", "field"),
    [
        ("comment", " ", {}, "text"),
        ("question", "", {}, "text"),
        ("comment", "x" * 10_001, {}, "text"),
        ("comment", "a\0b", {}, "text"),
        ("comment", "x", {"party": "LINE"}, "party"),
        ("comment", "x", {"happened_on": date(2026, 1, 1)}, "happened_on"),
        ("answer", "x", {}, "answers"),
        ("answer", "x", {"answers": 10**9}, "answers"),
        ("dossier_sent", "", {"happened_on": date(2026, 1, 1)}, "party"),
        ("dossier_sent", "", {"party": "LINE"}, "happened_on"),
        ("dossier_sent", "", {"party": "x" * 201, "happened_on": date(2026, 1, 1)}, "party"),
        ("line_asked", "x", {"happened_on": date(2100, 1, 1)}, "happened_on"),
        ("line_asked", "x", {"happened_on": date(1, 1, 1)}, "happened_on"),
        ("precheck_passed", "", {"happened_on": date(2100, 1, 1)}, "happened_on"),
        ("comment", "x", {"files": [attachments.Attachment("a", b"x")] * 6}, "files"),
    ],
)
def test_an_entry_that_lacks_something_is_refused_at_its_place(
    kind: str, text: str, more: dict[str, Any], field: str, template: MessageTemplate,
    manager: User, at: datetime,
) -> None:  # fmt: skip
    with pytest.raises(thread.Unsayable) as refusal:
        thread.say(template, kind, text, by=manager, at=at, **more)

    assert refusal.value.field == field
    assert not ReviewEntry.objects.exists()


def test_the_day_of_a_milestone_is_the_accounts_own(
    template: MessageTemplate, manager: User
) -> None:
    at = datetime(2026, 11, 2, 18, 30, tzinfo=UTC)  # 01:30 on the third in Bangkok

    today = thread.say(template, "line_asked", "?", by=manager, at=at)

    assert today.happened_on == date(2026, 11, 3)
    thread.say(template, "line_asked", "?", by=manager, at=at, happened_on=date(2026, 11, 3))
    with pytest.raises(thread.Unsayable, match="future"):
        thread.say(template, "line_asked", "?", by=manager, at=at, happened_on=date(2026, 11, 4))


def test_a_question_shows_as_open_until_it_is_answered(
    template: MessageTemplate, author: User, reviewer: User, at: datetime
) -> None:
    first = question(template, by=reviewer, at=at)
    second = question(template, by=reviewer, at=at)
    asked = thread.say(template, "line_asked", "Which trigger?", by=reviewer, at=at)

    thread.say(template, "answer", "Customers", by=author, at=at, answers=first.pk)

    lines = {line.entry.pk: line.is_open for line in thread.read(template)}
    assert [lines[each.pk] for each in (first, second, asked)] == [False, True, True]
    assert len(lines) == 4


def test_an_answer_is_to_a_question_of_the_same_version(
    template: MessageTemplate, author: User, at: datetime
) -> None:
    other = factories.draft(template.account, key="other")
    elsewhere = question(other, by=author, at=at)
    comment = thread.say(template, "comment", "x", by=author, at=at)

    for pk in (elsewhere.pk, comment.pk):
        with pytest.raises(thread.Unsayable, match="which question"):
            thread.say(template, "answer", "x", by=author, at=at, answers=pk)


def test_approving_and_lines_no_write_their_own_milestone(db: None) -> None:
    approved = template_in("approved")

    [line] = thread.read(approved)

    assert (line.entry.kind, line.entry.text) == (EntryKind.LINE_DECIDED, "LINE-1")


def test_the_audit_knows_ids_and_digests_and_no_words(
    template: MessageTemplate, author: User, at: datetime
) -> None:
    file = attachments.read("secret plan.pdf", b"the plan")

    thread.say(template, "comment", "hush", by=author, at=at, files=[file], mentioned=[author])

    entry = AuditEntry.objects.order_by("-number")[0]
    assert (entry.action, entry.actor) == ("thread.comment", f"user:{author.pk}")
    assert entry.facts["files"] == [ReviewFile.objects.get().sha256]
    assert entry.facts["mentioned"] == [author.pk]
    assert "hush" not in str(entry.facts)
    assert "plan" not in str(entry.facts)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@somchai please look", ["somchai"]),
        ("ถึง @somchaiครับ ช่วยดูหน่อย", ["somchai"]),
        ("請@somchai看", ["somchai"]),
        ("@somchai2 and @SomChai.", ["somchai", "somchai2"]),
        ("@somchai-nok!", ["somchai-nok"]),
        ("@somchaixyz", []),
        ("mail me: me@somchai", []),
        ("LINE id @thaipost", []),
        ("(@somchai)", ["somchai"]),
        ("@@somchai", ["somchai"]),
        ("", []),
    ],
)
def test_a_name_behind_an_at_is_found_in_every_script(text: str, names: list[str]) -> None:
    people = [
        User(pk=n, username=name) for n, name in enumerate(["somchai", "somchai2", "somchai-nok"])
    ]

    assert sorted(who.username for who in mentions.named_in(text, people)) == names


def test_only_those_who_may_see_the_account_are_mentioned(
    template: MessageTemplate, author: User, at: datetime
) -> None:
    there = factories.user("auditor", username="there")
    elsewhere = factories.user("reviewer", username="elsewhere")
    AccountScope.objects.create(user=elsewhere)
    factories.user("reviewer", username="gone", is_active=False)
    nobody = factories.user(username="nobody")

    entry = thread.say(template, "comment", "@there @elsewhere @gone @nobody", by=author, at=at)

    assert list(entry.mentions.all()) == [there]
    for who in (elsewhere, nobody):
        with pytest.raises(thread.Unsayable, match="may see"):
            thread.say(template, "comment", "x", by=author, at=at, mentioned=[who])


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\form.docx", "form.docx"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie_ x=1.txt"),
        ("\u200b\u2066hidden\u2069.png", "hidden.png"),
        ("ใบเสร็จ.pdf", "ใบเสร็จ.pdf"),
        ("發票 2026.pdf", "發票 2026.pdf"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        (".htaccess", "htaccess"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
        ('a"b;c.html', "a_b_c.html"),
        ("name. ", "name"),
    ],
)
def test_a_hostile_file_name_is_cleaned(given_name: str, kept: str) -> None:
    assert attachments.safe_name(given_name) == kept


@given(st.text(max_size=400))
def test_any_file_name_comes_out_short_and_harmless(name: str) -> None:
    kept = attachments.safe_name(name)

    assert 0 < len(kept) <= 120
    assert kept.isprintable()
    assert not set(kept) & set('/\\<>:"|?*%;')
    assert kept.strip(" .") == kept
    kept.encode()


def test_a_file_is_handed_out_as_a_download_and_never_shown(
    template: MessageTemplate, author: User, at: datetime
) -> None:
    page = attachments.read("evil.html", b"<script>alert(1)</script>")
    thread.say(template, "comment", "see", by=author, at=at, files=[page])

    content, headers = attachments.download(ReviewFile.objects.get())

    assert content == b"<script>alert(1)</script>"
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("content", [b"", b"x" * (5 * 1024 * 1024 + 1)], ids=["empty", "large"])
def test_a_file_that_is_empty_or_too_large_is_refused(content: bytes) -> None:
    with pytest.raises(attachments.Unusable):
        attachments.read("a.pdf", content)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE templates_app_reviewentry SET text = 'other'",
        "DELETE FROM templates_app_reviewentry",
        "UPDATE templates_app_reviewfile SET content = 'x'",
        "DELETE FROM templates_app_reviewfile",
    ],
)
def test_raw_sql_cannot_rewrite_the_thread(
    statement: str, template: MessageTemplate, author: User, at: datetime
) -> None:
    file = attachments.read("a.pdf", b"x")
    thread.say(template, "comment", "see", by=author, at=at, files=[file])

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_rejected_version_is_still_discussed(db: None, at: datetime) -> None:
    template = template_in("rejected")

    thread.say(template, "comment", "Why?", by=factories.user("author"), at=at)

    assert [line.entry.text for line in thread.read(template)] == ["Why?"]


def test_an_act_that_fails_leaves_neither_entry_nor_file(
    template: MessageTemplate, author: User, at: datetime
) -> None:
    file = attachments.read("a.pdf", b"x")
    with pytest.raises(thread.Unsayable):
        thread.say(template, "dossier_sent", by=author, at=at, files=[file], party="LINE",
                   happened_on=at.date() + timedelta(days=3))  # fmt: skip

    assert not ReviewEntry.objects.exists()
    assert not ReviewFile.objects.exists()


def test_reading_a_long_thread_takes_few_queries_and_no_bytes(
    template: MessageTemplate, author: User, at: datetime,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    for n in range(12):
        file = attachments.read("a.pdf", b"x")
        thread.say(template, "question", f"{n} @{author.username}", by=author, at=at, files=[file])

    with django_assert_max_num_queries(4):
        lines = thread.read(template)
        assert all(line.mentioned == [author] for line in lines)

    assert "content" in lines[0].files[0].get_deferred_fields()
    assert workflow.available_acts(template, author)


def test_people_of_an_account_are_those_with_the_permission_there(db: None, at: datetime) -> None:
    from_list: OfficialAccount = factories.account()
    inside = factories.user("reviewer")
    AccountScope.objects.create(user=inside).accounts.set([from_list])
    outside = factories.user("reviewer")
    AccountScope.objects.create(user=outside).accounts.set([])
    everywhere = factories.superuser()
    template = factories.draft(from_list, by=everywhere)

    found = set(mentions.candidates(template))

    assert found == {inside, everywhere}
