"""A file of links: whose number is which LINE user's. All of it is taken, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from recipients import erasure, intake, linking, sheets, siblings, words
from recipients.intake import Invalid
from recipients.models import Recipient, Source

_COLUMNS = ("phone", "line_user_id", "linked_at")
_SHOWN = 5  # rows at fault that are named


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file did: links that are new, and links that were confirmed or known."""

    made: int
    known: int


class _DryRun(Exception):
    """Undoes what was tried."""


def take(
    account: OfficialAccount,
    file: BinaryIO,
    *,
    at: datetime,
    by: User | None,
    reference: str = "",
    is_dry_run: bool = False,
    most: int | None = None,
) -> Taken:
    """Link every row's number and LINE user; people who are new are recorded.

    Columns: phone, line_user_id and, if known, linked_at with its zone. `by` None is an operator
    at the shell. More than `most` rows are refused. Raises PermissionDenied, and Invalid whose
    sentence names the rows at fault.
    """
    if by is not None:
        access.require(by, linking.KEEP, account)
    try:
        with transaction.atomic():
            found = _take(account, file, at=at, by=by, reference=reference, most=most)
            if is_dry_run:
                raise _DryRun
    except _DryRun:
        pass
    return found


def pair(
    account: OfficialAccount, phone: str, line_user_id: str, *, at: datetime
) -> tuple[Recipient, Recipient]:
    """Return a number's and a LINE user's people, recorded where new. Raises Invalid."""
    number = intake.read_phone(account, phone)
    try:
        user_id = words.line_user_id(line_user_id)
    except words.UnreadableUserId as error:
        raise Invalid("line_user_id", str(error)) from error
    if not user_id:
        raise Invalid("line_user_id", _("Give the LINE user id: U and 32 hexadecimal digits."))
    for name, text in (("phone", number.e164), ("line_user_id", user_id)):
        if erasure.is_erased(account, text):
            raise Invalid(name, _("this person asked to be forgotten"))
    siblings.hold(number.e164)
    moment = {"created_at": at, "updated_at": at}
    person, is_new = Recipient.objects.get_or_create(
        account=account,
        phone=number.e164,
        defaults={"phone_country": number.country, **moment},
    )
    if is_new:
        intake.inherit_consent(person, at=at)
    user, _is_new = Recipient.objects.get_or_create(
        account=account, line_user_id=user_id, defaults=moment
    )
    return person, user


def _take(
    account: OfficialAccount,
    file: BinaryIO,
    *,
    at: datetime,
    by: User | None,
    reference: str,
    most: int | None,
) -> Taken:
    try:
        sheet = sheets.open_sheet(file)
    except sheets.UnreadableFile as error:
        raise Invalid("file", str(error)) from error
    letters = {name: sheet.letter(name) for name in _COLUMNS}
    for name in ("phone", "line_user_id"):
        if not letters[name]:
            raise Invalid("file", _("Row 1 has no column “%(name)s”.") % {"name": name})
    header = {name.strip().casefold(): name for name in sheet.header}
    made = known = 0
    faults: list[str] = []
    count = 0
    for n, row in enumerate(sheet.rows(), start=1):
        if most is not None and n > most:
            raise Invalid(
                "file",
                _("Nothing was linked: the file has more than %(most)d rows. Split it, or have it"
                  " read by the command import_links.") % {"most": most},
            )  # fmt: skip
        column, problem = row.problem_column, row.problem
        if not problem:
            cells = row.cells
            try:
                with transaction.atomic():
                    since = _moment(cells.get(header.get("linked_at", ""), ""))
                    person, user = pair(
                        account, cells.get("phone", ""), cells.get("line_user_id", ""), at=at
                    )
                    before = linking.of(person)
                    linking.link(
                        person, user, at=at, by=by, source=Source.IMPORT, linked_at=since,
                        evidence=f"{reference} row {row.number}".strip(),
                    )  # fmt: skip
                made, known = made + (before is None), known + (before is not None)
                continue
            except Invalid as error:
                column = letters.get(error.field) or letters["phone"]
                problem = str(error)
            except linking.StandsAgainst as error:
                column, problem = letters["line_user_id"], str(error)
        count += 1
        if len(faults) < _SHOWN:
            faults.append(
                _("row %(row)d, column %(column)s: %(reason)s")
                % {"row": row.number, "column": column, "reason": problem}
            )
    if count:
        raise Invalid(
            "file",
            _("Nothing was linked: %(count)d rows cannot be used. %(first)s")
            % {"count": count, "first": "; ".join(faults)},
        )
    return Taken(made, known)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or is_naive(moment):
        raise Invalid("linked_at", _("write the time as 2026-11-24T09:00:00+07:00"))
    return moment
