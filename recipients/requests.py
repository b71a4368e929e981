"""Requests of people about their own data: opened with the law's due date, closed on record."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import Country, OfficialAccount
from lineportal.audit import chain
from recipients import purposes
from recipients.intake import Invalid
from recipients.models import Recipient, SubjectRequest

HANDLE = "recipients.handle_request"
Kind, State = SubjectRequest.Kind, SubjectRequest.State
_LONGEST = timedelta(days=366)  # that a request may have lain before somebody enters it


class AlreadyOpen(Exception):
    """The same person asked the same before, and it is not closed yet."""


class NotOpen(Exception):
    """The request was closed before."""


class NotDone(Exception):
    """What was asked has not happened yet."""


def days(country: str, kind: str) -> int:
    """Return how many days the law gives; where it says “without delay”, the setting's."""
    if country == Country.JP:
        return int(settings.JAPAN_REQUEST_DAYS)
    if country == Country.TW and kind == Kind.ACCESS:
        return 15
    return 30


def due_at(account: OfficialAccount, kind: str, *, received_at: datetime) -> datetime:
    """Return the end of the last day, in the account's own time zone."""
    zone = ZoneInfo(account.timezone)
    last = received_at.astimezone(zone).date() + timedelta(days=days(account.country, kind))
    return datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)


def open_for(
    recipient: Recipient,
    *,
    kind: str,
    at: datetime,
    by: User,
    received_at: datetime | None = None,
    note: str = "",
) -> SubjectRequest:
    """Open a request of a person, received now or before.

    Raises PermissionDenied, Invalid, AlreadyOpen.
    """
    access.require(by, HANDLE, recipient.account_id)
    if kind not in Kind:
        raise Invalid("kind", _("Known are: %(names)s.") % {"names": ", ".join(Kind)})
    received_at = received_at or at
    if not at - _LONGEST <= received_at <= at:
        raise Invalid("received_at", _("Give when it was received, within the last year."))
    try:
        return _open(recipient, kind=kind, at=at, by=by, received_at=received_at, note=note)
    except IntegrityError as error:
        if "one_open_request_per_person_and_kind" not in str(error):
            raise
        raise AlreadyOpen(
            _("This person has asked the same before; close that request first.")
        ) from error


@transaction.atomic
def _open(
    recipient: Recipient, *, kind: str, at: datetime, by: User, received_at: datetime, note: str
) -> SubjectRequest:
    # The account's own row: a request is due by its country and its midnight.
    account = OfficialAccount.objects.get(pk=recipient.account_id)
    made = SubjectRequest.objects.create(
        account=account,
        recipient=recipient,
        kind=kind,
        note=purposes.without_personal_data(note, recipient),
        received_at=received_at,
        due_at=due_at(account, kind, received_at=received_at),
        opened_by=by,
        opened_at=at,
    )
    chain.write(
        "request.open",
        subject=made,
        by=by,
        at=at,
        account_id=account.pk,
        kind=kind,
        recipient=recipient.pk,
        due_at=made.due_at.isoformat(),
    )
    return made


@transaction.atomic
def close(
    request: SubjectRequest, *, is_done: bool, answer: str, at: datetime, by: User
) -> SubjectRequest:
    """Close a request: what was done, or why it is declined.

    Raises PermissionDenied, MissingPurpose, NotOpen; NotDone where an erasure has not happened.
    """
    access.require(by, HANDLE, request.account_id)
    answer = purposes.required(answer, "answer")
    request = SubjectRequest.objects.select_for_update().get(pk=request.pk)
    recipient = Recipient.objects.get(pk=request.recipient_id)
    if request.state != State.OPEN:
        raise NotOpen(_("This request is closed already."))
    if is_done and request.kind == Kind.ERASURE and recipient.erased_at is None:
        raise NotDone(_("The person is not forgotten yet; do that on their page first."))
    request.state = State.DONE if is_done else State.DECLINED
    request.answer = purposes.without_personal_data(answer, recipient)
    request.closed_by, request.closed_at = by, at
    request.save()
    chain.write(
        "request.close",
        subject=request,
        by=by,
        at=at,
        account_id=request.account_id,
        state=request.state,
        kind=request.kind,
        recipient=recipient.pk,
        was_overdue=at >= request.due_at,
        answer=request.answer,
    )
    return request


def overdue(rows: QuerySet[SubjectRequest], *, at: datetime) -> QuerySet[SubjectRequest]:
    """Return those that are open after their due date."""
    return rows.filter(state=State.OPEN, due_at__lte=at)


def forget_words(recipient: Recipient) -> None:
    """Take what we hold of a person out of the words of their requests, before it is emptied."""
    for request in SubjectRequest.objects.filter(recipient=recipient):
        request.note = purposes.without_personal_data(request.note, recipient)
        request.answer = purposes.without_personal_data(request.answer, recipient)
        request.save(update_fields=["note", "answer"])
