"""Mail about an entry: sent once it is committed, by a worker, however long the server is away."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from lineportal.accounts.models import AccountScope
from lineportal.sending import discussion, lanes, mails, tasks
from templates_app import thread
from templates_app.models import MessageTemplate, ReviewEntry
from tests import factories


@pytest.fixture
def template(db: None) -> MessageTemplate:
    return factories.draft(factories.account())


@pytest.fixture
def somchai(db: None) -> User:
    return factories.user("reviewer", username="somchai", email="somchai@example.com")


def jobs() -> list[dict[str, int]]:
    found = ProcrastinateJob.objects.filter(task_name=lanes.MAIL_ENTRY).order_by("id")
    return [job.args for job in found]


def say(template: MessageTemplate, text: str, at: datetime, **details: object) -> ReviewEntry:
    return discussion.say(template, "question", text, by=factories.user("author"), at=at, **details)


def test_a_mention_is_a_job_of_the_entrys_own_transaction(
    template: MessageTemplate, somchai: User, at: datetime
) -> None:
    with transaction.atomic():
        say(template, "@somchai look", at)
        transaction.set_rollback(True)
    assert (jobs(), ReviewEntry.objects.count()) == ([], 0)

    entry = say(template, "@somchai look, @somchai", at)

    assert jobs() == [{"entry_id": entry.pk, "user_id": somchai.pk}]
    assert mail.outbox == []


def test_who_has_no_address_is_kept_as_mentioned_and_not_mailed(
    template: MessageTemplate, somchai: User, at: datetime
) -> None:
    silent = factories.user("reviewer", username="silent")

    entry = say(template, "@somchai @silent", at)

    assert set(entry.mentions.all()) == {somchai, silent}
    assert [job["user_id"] for job in jobs()] == [somchai.pk]
    assert thread.without_address(list(entry.mentions.all())) == [silent]


def test_the_mail_says_who_and_what_and_where(
    template: MessageTemplate, somchai: User, at: datetime
) -> None:
    entry = say(template, "@somchai ใครได้รับข้อความนี้", at)

    message = discussion.mail(entry.pk, somchai.pk)

    assert message is not None
    mails.post(message)
    [sent] = mail.outbox
    assert sent.to == ["somchai@example.com"]
    assert sent.subject == f"{entry.by.username} mentioned you: parcel v1 (Thai-Post)"
    assert "ใครได้รับข้อความนี้" in sent.body
    assert (
        f"http://127.0.0.1:8000/templates_app/messagetemplate/{template.pk}/change/"
        f"#entry-{entry.pk}" in sent.body
    )


def test_a_name_with_a_line_break_makes_no_header(
    template: MessageTemplate, somchai: User, at: datetime
) -> None:
    template.account.name = "Bank\nBcc: everybody@example.com"
    template.account.save()

    message = discussion.mail(say(template, "@somchai", at).pk, somchai.pk)

    assert message is not None
    assert "\n" not in message.subject
    assert message.message()["Bcc"] is None


def test_who_may_not_see_it_any_more_gets_no_mail(
    template: MessageTemplate, somchai: User, at: datetime
) -> None:
    entry = say(template, "@somchai", at)
    AccountScope.objects.create(user=somchai)
    assert discussion.mail(entry.pk, somchai.pk) is None

    AccountScope.objects.all().delete()
    somchai.is_active = False
    somchai.save()
    assert discussion.mail(entry.pk, somchai.pk) is None


def test_a_dead_mail_server_neither_loses_nor_blocks_the_entry(
    template: MessageTemplate, somchai: User, at: datetime, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there

    entry = say(template, "@somchai", at)

    message = discussion.mail(entry.pk, somchai.pk)
    assert message is not None
    with pytest.raises(OSError):
        mails.post(message)
    assert jobs() == [{"entry_id": entry.pk, "user_id": somchai.pk}]
    assert tasks.mail_entry.retry_strategy is tasks.UNTIL_MAIL_GOES


def test_a_server_may_be_away_for_most_of_a_day() -> None:
    waits = []
    for attempts in range(1, 51):
        job = type("Job", (), {"attempts": attempts})()
        decision = tasks.UNTIL_MAIL_GOES.get_retry_decision(exception=OSError(), job=job)
        waits.append(decision is not None)

    assert waits == [True] * 49 + [False]
    assert sum(5 + 60 * attempts for attempts in range(1, 50)) > 20 * 3600
