"""What one row of a recipients file says of a person, or why it cannot be used. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from recipients import phones, sheets, words

_KEYS = ("phone", "line_user_id", "consent", "friend_status")


class Refused(Exception):
    """One row is refused; `column` is the letter of the cell at fault, or empty."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


@dataclass(frozen=True, slots=True)
class Person:
    """What one row says, once read; two rows that say the same are equal."""

    phone: str | None
    phone_country: str
    line_user_id: str | None
    consent: str | None
    friend_status: str | None
    attributes: tuple[tuple[str, str], ...]


def read_row(row: sheets.Row, sheet: sheets.Sheet, *, country: str) -> Person:
    """Return what a row says of a person; one bad cell refuses the whole row."""
    if row.problem:
        raise Refused(row.problem_column, row.problem)
    said: dict[str, str] = {}
    phone: phones.Phone | None = None
    for name, read in (
        ("line_user_id", words.line_user_id),
        ("consent", words.consent),
        ("friend_status", words.friend_status),
    ):
        if name in row.cells:
            try:
                said[name] = read(row.cells[name])
            except (words.UnknownWord, words.UnreadableUserId) as error:
                raise Refused(sheet.letter(name), str(error)) from error
    if "phone" in row.cells:
        try:
            phone = phones.read(row.cells["phone"], country=country)
        except phones.UnreadablePhone as error:
            raise Refused(sheet.letter("phone"), str(error)) from error
    if phone is None and "line_user_id" not in said:
        column = sheet.letter("phone") or sheet.letter("line_user_id")
        raise Refused(column, _("the row has neither a phone number nor a LINE user id"))
    return Person(
        phone=phone.e164 if phone else None,
        phone_country=phone.country if phone else "",
        line_user_id=said.get("line_user_id"),
        consent=said.get("consent"),
        friend_status=said.get("friend_status"),
        attributes=tuple(
            (name, cell) for name, cell in sorted(row.cells.items()) if name not in _KEYS
        ),
    )
