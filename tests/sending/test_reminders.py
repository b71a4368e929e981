"""Reminders: on working mornings, once per version and day, of what waits longer than usual."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import DatabaseError, connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.sending import lanes, mails, reminders
from templates_app import thread, workflow
from templates_app.models import MessageTemplate, ReviewReminder
from tests import factories

MONDAY = date(2026, 11, 2)


def bangkok(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - timedelta(hours=7)


SUBMITTED = bangkok(MONDAY, 10)
WEDNESDAY = MONDAY + timedelta(days=2)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def writer(db: None) -> User:
    return factories.user("author", username="writer", email="writer@example.com")


@pytest.fixture
def judge(db: None) -> User:
    return factories.user("reviewer", username="judge", email="judge@example.com")


@pytest.fixture
def template(account: OfficialAccount, writer: User, judge: User) -> MessageTemplate:
    return workflow.submit(factories.draft(account, by=writer), by=writer, at=SUBMITTED)


def jobs() -> list[dict[str, object]]:
    found = ProcrastinateJob.objects.filter(task_name=lanes.MAIL_REMINDER).order_by("id")
    return [job.args for job in found]


def post_all(at: datetime) -> list[mail.EmailMessage]:
    """Post what the jobs are to mail, as a worker does; return it."""
    mail.outbox.clear()
    for job in jobs():
        message = reminders.mail(job["user_id"], job["reminder_ids"], at=at)  # type: ignore[arg-type]
        if message is not None:
            mails.post(message)
    return list(mail.outbox)


@pytest.mark.parametrize(
    ("at", "made"),
    [
        (bangkok(MONDAY + timedelta(days=1), 9), 0),  # one business day is usual
        (bangkok(WEDNESDAY, 9), 1),
        (bangkok(WEDNESDAY, 11, 59), 1),
        (bangkok(WEDNESDAY, 8, 59), 0),  # not yet morning
        (bangkok(WEDNESDAY, 12), 0),
        (bangkok(WEDNESDAY, 23), 0),
        (bangkok(date(2026, 11, 7), 9), 0),  # Saturday
        (bangkok(date(2026, 12, 7), 9), 0),  # the day given for the King's birthday
        (bangkok(date(2026, 12, 8), 9), 1),
    ],
)
def test_a_late_version_is_reminded_of_on_working_mornings_of_its_country(
    at: datetime, made: int, template: MessageTemplate
) -> None:
    assert reminders.remind(at=at) == made
    assert len(jobs()) == made


def test_once_per_version_and_day_however_often_it_is_looked(template: MessageTemplate) -> None:
    counts = [reminders.remind(at=bangkok(WEDNESDAY, 9, minute)) for minute in (0, 15, 30)]
    again = reminders.remind(at=bangkok(WEDNESDAY, 9))
    next_day = reminders.remind(at=bangkok(WEDNESDAY + timedelta(days=1), 9))

    assert (counts, again, next_day) == ([1, 0, 0], 0, 1)
    assert len(jobs()) == 2
    assert list(ReviewReminder.objects.order_by("day").values_list("day", "why")) == [
        (WEDNESDAY, "in_review"), (WEDNESDAY + timedelta(days=1), "in_review"),
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_moment_remind_once(template: MessageTemplate) -> None:
    at, together, made = bangkok(WEDNESDAY, 9), threading.Barrier(4), []

    def work() -> None:
        try:
            together.wait()
            made.append(reminders.remind(at=at))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sorted(made) == [0, 0, 0, 1]
    assert len(jobs()) == ReviewReminder.objects.count() == 1


def test_the_reviewers_who_may_decide_are_mailed_and_not_the_writers(
    template: MessageTemplate, writer: User, judge: User, account: OfficialAccount
) -> None:
    at = bangkok(WEDNESDAY, 9)
    factories.user("reviewer", username="silent")  # has no address
    elsewhere = factories.user("reviewer", email="elsewhere@example.com")
    AccountScope.objects.create(user=elsewhere)
    reminders.remind(at=at)

    [sent] = post_all(at)

    assert sent.to == ["judge@example.com"]
    assert sent.subject == "1 template waits for you (Thai-Post)"
    assert "parcel v1: Waits for the review since 2026-11-02, 2 business days" in sent.body
    assert f"/templates_app/messagetemplate/{template.pk}/change/" in sent.body


def test_one_mail_tells_of_everything_that_waits(
    template: MessageTemplate, account: OfficialAccount, writer: User
) -> None:
    second = factories.draft(account, key="second", by=writer)
    workflow.submit(second, by=writer, at=SUBMITTED)
    at = bangkok(WEDNESDAY, 9)
    assert reminders.remind(at=at) == 2

    [sent] = post_all(at)

    assert sent.subject == "2 templates wait for you (Thai-Post)"
    assert "parcel v1" in sent.body
    assert "second v1" in sent.body


def test_at_line_too_long_reminds_the_author_and_who_sent_the_dossier(
    template: MessageTemplate, judge: User, account: OfficialAccount
) -> None:
    sender = factories.user("manager", username="sender", email="sender@example.com")
    thread.say(template, "dossier_sent", by=sender, at=SUBMITTED, party="LINE", happened_on=MONDAY)
    assert reminders.remind(at=bangkok(date(2026, 11, 16), 9)) == 0  # ten business days
    at = bangkok(date(2026, 11, 17), 9)
    assert reminders.remind(at=at) == 1

    sent = post_all(at)

    assert sorted(to for each in sent for to in each.to) == [
        "sender@example.com", "writer@example.com",
    ]  # fmt: skip
    assert "Ask the account manager how it stands." in sent[0].body


def test_a_question_reminds_its_writers(template: MessageTemplate, judge: User) -> None:
    thread.say(template, "question", "Who gets it?", by=judge, at=SUBMITTED)
    assert reminders.remind(at=bangkok(WEDNESDAY, 9)) == 0  # two business days are usual
    at = bangkok(WEDNESDAY + timedelta(days=1), 9)
    reminders.remind(at=at)

    assert [sent.to for sent in post_all(at)] == [["writer@example.com"]]


def test_what_moved_on_since_is_not_mailed(template: MessageTemplate, judge: User) -> None:
    at = bangkok(WEDNESDAY, 9)
    reminders.remind(at=at)
    workflow.reject(template, by=judge, at=at, reason="too long")

    assert post_all(at) == []


def test_who_lost_the_account_is_not_mailed(template: MessageTemplate, judge: User) -> None:
    at = bangkok(WEDNESDAY, 9)
    reminders.remind(at=at)
    AccountScope.objects.create(user=judge)

    assert post_all(at) == []


def test_an_account_that_is_switched_off_reminds_nobody(
    template: MessageTemplate, account: OfficialAccount
) -> None:
    OfficialAccount.objects.update(is_active=False)

    assert reminders.remind(at=bangkok(WEDNESDAY, 9)) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE templates_app_reviewreminder SET day = '2000-01-01'",
        "DELETE FROM templates_app_reviewreminder",
        "INSERT INTO templates_app_reviewreminder (template_id, day, why, people, at)"
        " SELECT template_id, day, why, people, at FROM templates_app_reviewreminder",
    ],
)
def test_raw_sql_cannot_make_room_for_a_second_reminder(
    statement: str, template: MessageTemplate
) -> None:
    reminders.remind(at=bangkok(WEDNESDAY, 9))

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
