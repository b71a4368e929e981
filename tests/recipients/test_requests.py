"""Requests of people: due by the law of the country, marked when overdue, closed on record."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from lineportal.sending import forgetting, subject_access
from recipients import purposes, requests
from recipients.intake import Invalid
from recipients.models import Recipient, SubjectRequest
from tests import factories
from tests.api.client import Api

DAY = timedelta(days=1)
ROLES = {"author": False, "reviewer": False, "sender": False, "auditor": False, "manager": True}
DAYS = {
    ("TH", "access"): 30, ("TH", "erasure"): 30, ("TH", "correction"): 30, ("TH", "objection"): 30,
    ("TW", "access"): 15, ("TW", "erasure"): 30, ("TW", "correction"): 30, ("TW", "objection"): 30,
    ("JP", "access"): 14, ("JP", "erasure"): 14, ("JP", "correction"): 14, ("JP", "objection"): 14,
}  # fmt: skip
ZONES = {"TH": "Asia/Bangkok", "TW": "Asia/Taipei", "JP": "Asia/Tokyo"}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def person(account: OfficialAccount) -> Recipient:
    return factories.recipient(account, 1)


def opened(person: Recipient, manager: User, at: datetime, **details: Any) -> SubjectRequest:
    return requests.open_for(person, **{"kind": "access", "at": at, "by": manager, **details})


@pytest.mark.parametrize(("country", "kind"), DAYS)
def test_the_law_of_the_country_gives_the_days(country: str, kind: str) -> None:
    assert requests.days(country, kind) == DAYS[country, kind]


def test_japans_days_are_a_setting(settings: Any) -> None:
    settings.JAPAN_REQUEST_DAYS = 5

    assert requests.days("JP", "erasure") == 5
    assert requests.days("TH", "erasure") == 30


@pytest.mark.parametrize(
    ("country", "kind", "received", "due"),
    [
        ("TH", "access", "2026-11-01T10:00:00+07:00", "2026-12-02T00:00:00+07:00"),
        ("TH", "access", "2026-11-01T23:59:59+07:00", "2026-12-02T00:00:00+07:00"),
        # The next day in Bangkok, though not in London
        ("TH", "access", "2026-11-01T17:00:00+00:00", "2026-12-03T00:00:00+07:00"),
        ("TW", "access", "2026-11-01T10:00:00+08:00", "2026-11-17T00:00:00+08:00"),
        ("TW", "correction", "2026-11-01T10:00:00+08:00", "2026-12-02T00:00:00+08:00"),
        ("JP", "erasure", "2026-11-01T10:00:00+09:00", "2026-11-16T00:00:00+09:00"),
    ],
)
def test_it_is_due_at_the_end_of_the_last_day_there(
    country: str, kind: str, received: str, due: str
) -> None:
    account = OfficialAccount(country=country, timezone=ZONES[country])

    found = requests.due_at(account, kind, received_at=datetime.fromisoformat(received))

    assert found == datetime.fromisoformat(due)


@given(
    st.sampled_from(sorted(DAYS)),
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
)
def test_nobody_has_less_than_the_days_nor_a_day_more(of: tuple[str, str], naive: datetime) -> None:
    country, kind = of
    received = naive.replace(tzinfo=UTC)
    account = OfficialAccount(country=country, timezone=ZONES[country])

    left = requests.due_at(account, kind, received_at=received) - received

    assert DAYS[of] * DAY < left <= (DAYS[of] + 1) * DAY


def test_one_person_asks_the_same_once_at_a_time(
    person: Recipient, manager: User, at: datetime
) -> None:
    first = opened(person, manager, at)
    with pytest.raises(requests.AlreadyOpen), transaction.atomic():
        opened(person, manager, at)
    opened(person, manager, at, kind="erasure")

    requests.close(first, is_done=True, answer="handed out by post", at=at, by=manager)

    assert opened(person, manager, at).pk != first.pk


def test_opening_and_closing_are_on_record_without_personal_data(
    person: Recipient, manager: User, at: datetime
) -> None:
    made = opened(
        person, manager, at, received_at=at - 20 * DAY, note="letter of สมชาย ใจดี, 0812300001"
    )
    closed = requests.close(
        made, is_done=False, answer="not them: 081 230 0001", at=at + 20 * DAY, by=manager
    )

    assert made.note == "letter of ***, ***"
    assert (closed.state, closed.answer) == ("declined", "not them: ***")
    assert (closed.closed_by, closed.closed_at) == (manager, at + 20 * DAY)
    entries = AuditEntry.objects.filter(action__startswith="request.").order_by("number")
    assert [entry.action for entry in entries] == ["request.open", "request.close"]
    assert {entry.actor for entry in entries} == {f"user:{manager.pk}"}
    assert entries[1].facts == {
        "kind": "access", "recipient": person.pk, "state": "declined", "was_overdue": True,
        "answer": "not them: ***",
    }  # fmt: skip
    assert chain.first_break(AuditEntry.objects.order_by("number").iterator()) is None


def test_a_closed_request_stays_as_it_is(person: Recipient, manager: User, at: datetime) -> None:
    made = opened(person, manager, at)
    with pytest.raises(purposes.MissingPurpose):
        requests.close(made, is_done=True, answer=" ", at=at, by=manager)
    requests.close(made, is_done=True, answer="handed out", at=at, by=manager)

    with pytest.raises(requests.NotOpen):
        requests.close(made, is_done=False, answer="no", at=at, by=manager)
    for change in ({"state": "open", "closed_at": None}, {"due_at": at + DAY}):
        with pytest.raises(DatabaseError, match="stays closed"), transaction.atomic():
            SubjectRequest.objects.filter(pk=made.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        made.delete()


def test_an_erasure_is_done_only_once_it_happened(
    person: Recipient, manager: User, at: datetime
) -> None:
    made = opened(person, manager, at, kind="erasure", note="by mail")
    with pytest.raises(requests.NotDone):
        requests.close(made, is_done=True, answer="forgotten", at=at, by=manager)

    forgetting.erase(person, at=at, by=manager, reason="asked")

    closed = requests.close(made, is_done=True, answer="forgotten", at=at, by=manager)
    assert (closed.state, closed.note) == ("done", "by mail")


def test_forgetting_takes_the_person_out_of_what_was_noted(
    person: Recipient, manager: User, at: datetime
) -> None:
    made = opened(person, manager, at, note="by Zxqv")
    requests.close(made, is_done=True, answer="told Zxqv", at=at, by=manager)
    Recipient.objects.filter(pk=person.pk).update(attributes={"name": "Zxqv"})

    forgetting.erase(person, at=at, by=manager, reason="asked")

    made.refresh_from_db()
    assert (made.note, made.answer) == ("by ***", "told ***")


@pytest.mark.parametrize("days", [-1, 367])
def test_when_it_was_received_lies_in_the_last_year(
    days: int, person: Recipient, manager: User, at: datetime
) -> None:
    with pytest.raises(Invalid):
        opened(person, manager, at, received_at=at - days * DAY)


def test_the_pack_tells_what_they_asked(person: Recipient, manager: User, at: datetime) -> None:
    opened(person, manager, at, kind="correction", note="new address")

    [asked] = subject_access.gather(person, at=at)["requests"]

    assert (asked["kind"], asked["note"], asked["state"]) == ("correction", "new address", "open")


@pytest.mark.parametrize("role", ROLES)
def test_all_roles_see_them_and_only_some_handle_them(role: str, person: Recipient) -> None:
    api, may = Api(factories.user(role)), ROLES[role]
    made = Api(factories.user("manager")).post(
        "subject-requests/", {"recipient": person.pk, "kind": "access"}
    )
    assert made.status_code == 201, made.json()
    path = f"subject-requests/{made.json()['id']}/"

    assert [row["id"] for row in api.get("subject-requests/").json()["results"]] == [
        made.json()["id"]
    ]
    another = api.post("subject-requests/", {"recipient": person.pk, "kind": "erasure"})
    assert another.status_code == (201 if may else 403)
    closed = api.post(f"{path}close/", {"outcome": "done", "answer": "sent by post"})
    assert closed.status_code == (200 if may else 403)
    assert api.get(path).json()["state"] == ("done" if may else "open")


def test_the_api_says_what_is_wrong(person: Recipient, account: OfficialAccount) -> None:
    api = Api(factories.user("manager"))
    body = {"recipient": person.pk, "kind": "access"}
    pk = api.post("subject-requests/", body).json()["id"]

    for given_, status in (
        (body, 409),
        ({**body, "kind": "wish"}, 400),
        ({**body, "recipient": 10**9}, 400),
        ({**body, "kind": "erasure", "received_at": "2026-01-01T00:00:00"}, 400),
        ({**body, "kind": "erasure", "received_at": "2096-01-01T00:00:00Z"}, 400),
    ):
        assert api.post("subject-requests/", given_).status_code == status
    path = f"subject-requests/{pk}/close/"
    assert api.post(path, {"outcome": "done", "answer": "-"}).status_code == 400
    assert api.post(path, {"outcome": "declined", "answer": "not them"}).status_code == 200
    assert api.post(path, {"outcome": "done", "answer": "yes"}).status_code == 409


def test_requests_of_another_account_are_not_theirs(
    person: Recipient, manager: User, at: datetime
) -> None:
    made = opened(person, manager, at)
    user = factories.user("manager")
    elsewhere = factories.account("other", channel="1650000002", secret="s" * 32)
    AccountScope.objects.create(user=user).accounts.set([elsewhere])
    api = Api(user)

    assert api.get("subject-requests/").json()["results"] == []
    assert api.get(f"subject-requests/{made.pk}/").status_code == 404
    assert (
        api.post("subject-requests/", {"recipient": person.pk, "kind": "erasure"}).status_code
        == 400
    )
    with pytest.raises(PermissionDenied):
        requests.close(made, is_done=True, answer="sent", at=at, by=user)


def test_the_desk_marks_what_is_overdue_and_shows_it_first(
    account: OfficialAccount, manager: User, at: datetime
) -> None:
    late = opened(factories.recipient(account, 1), manager, at, received_at=at - 40 * DAY)
    due = opened(factories.recipient(account, 2), manager, at)
    closed = opened(factories.recipient(account, 3), manager, at, received_at=at - 40 * DAY)
    requests.close(closed, is_done=True, answer="sent", at=at, by=manager)
    client = Client()
    client.force_login(manager)
    listed = reverse("admin:recipients_subjectrequest_changelist")

    shown = client.get(listed)

    assert [row.pk for row in shown.context["cl"].result_list] == [late.pk, due.pk, closed.pk]
    assert shown.text.count("days overdue") == 1
    only = client.get(f"{listed}?due=overdue").context["cl"].result_list
    assert [row.pk for row in only] == [late.pk]
    assert "1 request of a person is overdue" in client.get(reverse("admin:index")).text
    assert [row["id"] for row in Api(manager).get("subject-requests/?overdue=true").json()[
        "results"]] == [late.pk]  # fmt: skip


def test_the_command_lists_what_is_open_and_fails_when_any_is_overdue(
    account: OfficialAccount, manager: User, at: datetime
) -> None:
    due = opened(factories.recipient(account, 1), manager, at)
    out = io.StringIO()
    call_command("list_requests", account=account.slug, stdout=out)
    assert out.getvalue().startswith(f"{due.pk}: access of recipient {due.recipient_id}, thai-post")
    late = opened(factories.recipient(account, 2), manager, at, received_at=at - 40 * DAY)

    with pytest.raises(CommandError, match=r"^1 overdue"):
        call_command("list_requests", stdout=out)

    lines = out.getvalue().splitlines()[1:]
    assert [line.split(":")[0] for line in lines] == [str(late.pk), str(due.pk)]
    assert [line.endswith("OVERDUE") for line in lines] == [True, False]
    with pytest.raises(CommandError):
        call_command("list_requests", account="none")


def test_it_is_entered_and_closed_on_pages(person: Recipient, manager: User, at: datetime) -> None:
    client = Client()
    client.force_login(manager)
    page = reverse("admin:recipients_recipient_act", args=[person.pk, "request"])

    answer = client.post(page, {"kind": "objection", "note": "by phone"}, follow=True)

    made = SubjectRequest.objects.get()
    own = reverse("admin:recipients_subjectrequest_change", args=[made.pk])
    assert answer.redirect_chain[-1][0] == own
    assert own in client.get(reverse("admin:recipients_recipient_change", args=[person.pk])).text
    close = reverse("admin:recipients_subjectrequest_act", args=[made.pk, "close"])
    client.post(close, {"outcome": "done", "answer": "suppressed"})
    made.refresh_from_db()
    assert (made.state, made.closed_by) == ("done", manager)
    assert close not in client.get(own).text
