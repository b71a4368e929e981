"""A campaign's own rows: whom, and with which values, so that two parcels make two messages."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import linked, own_history, policies
from lineportal.sending.models import Campaign, CampaignRow
from recipients import eligibility, erasure, intake, linking, phones, sheets, siblings, words
from recipients.intake import Invalid
from recipients.models import Recipient

_BATCH = 2_000
_ADDRESSES = ("phone", "line_user_id")
_KEYS = (*_ADDRESSES, "consent", "friend_status")  # columns that are no values
ITEM_LIMIT = 100  # characters


@dataclass(frozen=True, slots=True)
class Line:
    """One row: exactly one address, the item that tells it from others, and its values."""

    number: int
    phone: phones.Phone | None
    line_user_id: str | None
    item: str
    values: Mapping[str, str]

    @property
    def address(self) -> str:
        """The number (E.164) or LINE user id that the row names its person by."""
        return self.phone.e164 if self.phone else str(self.line_user_id)


def from_file(content: bytes, *, account: OfficialAccount, item_column: str) -> list[Line]:
    """Return the rows of a CSV or XLSX file. Any row that cannot be read refuses the whole file.

    Raises Invalid, whose sentence names the first rows at fault in the spreadsheet's words.
    """
    try:
        sheet = sheets.open_sheet(io.BytesIO(content))
        sheets.recipient_columns(sheet)
    except sheets.UnreadableFile as error:
        raise Invalid("file", str(error)) from error
    item_name = _as_in_header(item_column, sheet)
    if item_column and not item_name:
        raise Invalid(
            "item",
            _("The file has no column “%(name)s” for the item.") % {"name": item_column},
        )
    lines: list[Line] = []
    problems: list[tuple[int, str, str]] = []  # row, column, reason
    column = sheet.letter("phone") or sheet.letter("line_user_id")
    for row in sheet.rows():
        if row.problem:
            problems.append((row.number, row.problem_column, row.problem))
            continue
        try:
            item = row.cells.get(item_name, "")
            lines.append(_line(row.number, row.cells, account=account, item=item))
        except Invalid as error:
            problems.append((row.number, column, str(error)))
    problems += [(line.number, column, _forgotten()) for line in _of_forgotten(account, lines)]
    if problems:
        first = [
            _("row %(row)d, column %(column)s: %(reason)s")
            % {"row": number, "column": letter, "reason": reason}
            for number, letter, reason in sorted(problems)[:5]
        ]
        raise Invalid(
            "file",
            _("Nothing was started: %(count)d rows cannot be read. %(first)s")
            % {"count": len(problems), "first": "; ".join(first)},
        )
    return lines


def from_json(given: Any, *, account: OfficialAccount) -> list[Line]:
    """Return rows given by an API caller: `[{phone or line_user_id, item?, values?}]`."""
    if not isinstance(given, list) or not given:
        raise Invalid("audience", _("“rows” is a list with at least one row."))
    lines: list[Line] = []
    for number, row in enumerate(given, start=1):
        known = {*_ADDRESSES, "item", "values"}
        is_row = isinstance(row, dict) and set(row) <= known
        values: Any = row.get("values", {}) if is_row else None
        if not _are_texts(values) or not _are_texts({**row, "values": None}):
            raise Invalid(
                "audience",
                _("Row %(row)d is not {phone or line_user_id, item?, values?}.") % {"row": number},
            )
        cells = {name: _text(value) for name, value in values.items()}
        cells |= {name: _text(row.get(name)) for name in _ADDRESSES}
        try:
            lines.append(_line(number, cells, account=account, item=_text(row.get("item"))))
        except Invalid as error:
            raise Invalid(
                "audience", _("Row %(row)d: %(reason)s") % {"row": number, "reason": error}
            ) from error
    for line in _of_forgotten(account, lines):
        raise Invalid(
            "audience", _("Row %(row)d: %(reason)s") % {"row": line.number, "reason": _forgotten()}
        )
    return lines


@transaction.atomic
def add(campaign: Campaign, lines: Sequence[Line], *, at: datetime) -> None:
    """Store the rows of a draft campaign; an unknown person is recorded as not set, not friend."""
    for begin in range(0, len(lines), _BATCH):
        batch = lines[begin : begin + _BATCH]
        found = _recipients(campaign.account, batch, at=at)
        rows = [
            CampaignRow(
                campaign=campaign,
                row=line.number,
                recipient_id=found[line.address],
                item=line.item,
                values=dict(line.values),
            )
            for line in batch
        ]
        if campaign.template.service == eligibility.OA:
            _send_to_linked(campaign, rows, at=at)
        CampaignRow.objects.bulk_create(rows)


def _send_to_linked(campaign: Campaign, rows: Sequence[CampaignRow], *, at: datetime) -> None:
    """Have two-way messages to numbers go to the LINE users linked to them.

    What the user's own row has no value for is taken from the number's.
    """
    days = policies.of(campaign.account_id).link_days
    users = linking.users_of({row.recipient_id for row in rows}, at=at, days=days)
    if not users:
        return
    pks = {pk for phone, (user, _link) in users.items() for pk in (phone, user)}
    known = dict(Recipient.objects.filter(pk__in=pks).values_list("pk", "attributes"))
    for row in rows:
        if row.recipient_id not in users:
            continue
        phone_pk = row.recipient_id
        row.recipient_id, row.link_id = users[phone_pk]
        row.values = linked.filled(
            campaign.template.placeholders,
            row.values,
            campaign.values,
            known[row.recipient_id],
            number=known[phone_pk],
        )


def _line(number: int, cells: Mapping[str, str], *, account: OfficialAccount, item: str) -> Line:
    phone = intake.read_phone(account, cells["phone"]) if cells.get("phone") else None
    line_user_id = None
    if phone is None:
        try:
            line_user_id = words.line_user_id(cells.get("line_user_id", ""))
        except words.UnreadableUserId as error:
            raise Invalid("file", str(error)) from error
    if len(item) > ITEM_LIMIT:
        raise Invalid("item", _("the item has more than 100 characters"))
    values = {name: cell for name, cell in cells.items() if name not in _KEYS}
    if values.get(own_history.TRIGGER):
        values[own_history.TRIGGER] = own_history.read_moment(
            values[own_history.TRIGGER]
        ).isoformat()
    return Line(number, phone, line_user_id, item, values)


def _of_forgotten(account: OfficialAccount, lines: Sequence[Line]) -> list[Line]:
    """Return the rows about people who asked to be forgotten."""
    gone = erasure.erased_among(
        account,
        phones=[line.phone.e164 for line in lines if line.phone],
        line_user_ids=[line.line_user_id for line in lines if line.line_user_id],
    )
    return [line for line in lines if line.address in gone]


def _forgotten() -> str:
    return _("this person asked to be forgotten; take the row out")


def _as_in_header(column: str, sheet: sheets.Sheet) -> str:
    """Return a column's name as the rows use it; letter case and outer spaces do not count."""
    letter = sheet.letter(column)
    names = (*_KEYS, *sheet.header)
    return next((name for name in names if letter and sheet.letter(name) == letter), "")


def _are_texts(given: Any) -> bool:
    """Return whether this is an object of texts and numbers, as a row of a file would hold."""
    return isinstance(given, dict) and all(
        isinstance(value, str | int | float | None) for value in given.values()
    )


def _text(value: str | float | None) -> str:
    return "" if value is None else str(value)


def _recipients(account: OfficialAccount, lines: Sequence[Line], *, at: datetime) -> dict[str, int]:
    siblings.hold_all(besides=account)
    Recipient.objects.bulk_create(
        [
            Recipient(
                account=account,
                phone=line.phone.e164 if line.phone else None,
                phone_country=line.phone.country if line.phone else "",
                line_user_id=line.line_user_id,
                created_at=at,
                updated_at=at,
            )
            for line in lines
        ],
        ignore_conflicts=True,
    )
    rows = Recipient.objects.filter(account=account)
    by_phone = rows.filter(phone__in=[line.phone.e164 for line in lines if line.phone])
    by_user_id = rows.filter(
        line_user_id__in=[line.line_user_id for line in lines if line.line_user_id]
    )
    found = {str(phone): pk for phone, pk in by_phone.values_list("phone", "pk")}
    found |= {str(user): pk for user, pk in by_user_id.values_list("line_user_id", "pk")}
    _inherit(by_phone, at=at)
    return found


def _inherit(rows: Any, *, at: datetime) -> None:
    """Somebody new here may have chosen already on another account."""
    for recipient in rows.filter(created_at=at, consent_observed_at__isnull=True):
        intake.inherit_consent(recipient, at=at)
