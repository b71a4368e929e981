"""Read a file into a temporary table of PostgreSQL: what each row says of a person, or why not.

Rows are read here, one by one, and sent by COPY while the next ones are read; everything after is
set-based. This loop runs a million times, so it calls little and keeps the words it has read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from openpyxl.utils import get_column_letter

from recipients import phones, sheets, words
from recipients.columns import Columns
from recipients.models import RecipientImport

BLOCK = 50_000  # rows of one COPY; after each, progress is told
_CHUNK = 1_000  # rows sent at once
_WORDS_KEPT = 10_000
_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_encode: Callable[[str], str] = json.encoder.encode_basestring

TABLES = """
    DROP TABLE IF EXISTS import_row, import_refusal;
    CREATE TEMP TABLE import_row (
        row integer, phone text, phone_country text, line_user_id text, consent text,
        friend_status text, attributes jsonb
    );
    CREATE TEMP TABLE import_refusal (
        row integer, "column" text, reason text, cells jsonb, phone text, line_user_id text
    );
"""
_COPY_ROWS = """COPY import_row (row, phone, phone_country, line_user_id, consent, friend_status,
    attributes) FROM STDIN"""
_COPY_REFUSALS = """COPY import_refusal (row, "column", reason, cells) FROM STDIN"""


class _Refused(Exception):
    """One cell cannot be used; holds the key of its column and why."""


def stage(
    sheet: sheets.Sheet, columns: Columns, *, country: str, progress: Callable[[int], None]
) -> None:
    """Fill `import_row` and `import_refusal`. Raises UnreadableFile.

    `progress` is told how many rows were read, at every 50,000 and at the end.
    """
    reader = _Reader(columns, country)
    records = _Records(sheet)
    read, is_over = 0, False
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        while not is_over:
            refused: list[str] = []
            with _raw(cursor).copy(_COPY_ROWS) as copy:
                lines: list[str] = []
                for _n in range(BLOCK):
                    record = records.next()
                    if record is None:
                        is_over = True
                        break
                    number, cells = record
                    read += 1
                    fault = sheet.fault(cells)
                    if fault is None:
                        try:
                            lines.append(reader.line(number, cells))
                        except _Refused as refusal:
                            key, reason = refusal.args
                            fault = (reason, columns.letter(key))
                    if fault is not None:
                        refused.append(_refusal(number, fault, sheet.header, cells))
                    if len(lines) >= _CHUNK:
                        copy.write("".join(lines))
                        lines.clear()
                copy.write("".join(lines))
            with _raw(cursor).copy(_COPY_REFUSALS) as copy:
                copy.write("".join(refused))
            records.complain()
            progress(read)


class _Records:
    """The records of a sheet; a complaint waits until COPY has ended, which it would abort."""

    def __init__(self, sheet: sheets.Sheet) -> None:
        self._rows = sheet.records()
        self._complaint: sheets.UnreadableFile | None = None

    def next(self) -> tuple[int, list[str]] | None:
        try:
            return next(self._rows, None)
        except sheets.UnreadableFile as complaint:
            self._complaint = complaint
            return None

    def complain(self) -> None:
        if self._complaint is not None:
            raise self._complaint


def give_ids(*, to_new: bool) -> None:
    """Give each row `new_id`, the id of a new person, in the order of the numbers.

    Known beforehand, people and ledger are written without looking them up again; and indexes are
    written in their own order, which is faster than at random places. Empty where nobody is new.
    """
    statement = "ALTER TABLE import_row ADD COLUMN new_id bigint"
    if to_new:
        statement = """
            CREATE TEMP TABLE import_ordered AS
            SELECT nextval('recipients_recipient_id_seq') AS new_id, line.*
            FROM (SELECT * FROM import_row ORDER BY phone, line_user_id) line;
            DROP TABLE import_row;
            ALTER TABLE import_ordered RENAME TO import_row;
            ANALYZE import_row
            """
    with connection.cursor() as cursor:
        cursor.execute(statement)


def keep_refusals(job: RecipientImport) -> None:
    """Store the refused rows, and forget the tables of this import."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO recipients_importrefusal (
                recipient_import_id, row, "column", reason, cells, phone, line_user_id
            ) SELECT %s, row, "column", reason, cells, phone, line_user_id
            FROM import_refusal ORDER BY row
            """,
            [job.pk],
        )
        cursor.execute(
            "DROP TABLE IF EXISTS import_row, import_refusal, import_held, import_inherited,"
            " import_repeat, import_several, import_elsewhere, import_linked"
        )


class _Reader:
    """Reads the rows of one file; holds what was read before, as words repeat."""

    def __init__(self, columns: Columns, country: str) -> None:
        self._columns = columns
        self._country = country
        self._mobile = phones.mobile_reader(country)
        self._width = 1 + max(
            index
            for index in (columns.phone, columns.line_user_id, columns.consent,
                          columns.friend_status, *(at for at, _name in columns.attributes))
            if index is not None
        )  # fmt: skip
        self._attributes = [(at, f"{_encode(name)}:") for at, name in columns.attributes]
        self._consents: dict[str, str] = {"": _NULL}
        self._friends: dict[str, str] = {"": _NULL}

    def line(self, number: int, cells: list[str]) -> str:
        """Return a row as COPY takes it. Raises _Refused for its first cell at fault."""
        if len(cells) < self._width:
            cells = cells + [""] * (self._width - len(cells))
        columns = self._columns
        line_user_id = consent = friend = phone = country = _NULL
        if columns.line_user_id is not None and cells[columns.line_user_id]:
            line_user_id = self._line_user_id(cells[columns.line_user_id])
        if columns.consent is not None:
            cell = cells[columns.consent]
            consent = self._consents.get(cell) or self._word("consent", cell)
        if columns.friend_status is not None:
            cell = cells[columns.friend_status]
            friend = self._friends.get(cell) or self._word("friend_status", cell)
        if columns.phone is not None and cells[columns.phone]:
            mobile = self._mobile(cells[columns.phone])
            if mobile:
                phone, country = mobile, self._country
            else:
                phone, country = self._phone(cells[columns.phone])
        if phone is _NULL and line_user_id is _NULL:
            raise _Refused(
                "line_user_id" if columns.phone is None else "phone",
                _("the row has neither a phone number nor a LINE user id"),
            )
        attributes = ",".join(
            [name + _encode(cells[at]) for at, name in self._attributes if cells[at]]
        )
        if "\\" in attributes:
            attributes = attributes.replace("\\", "\\\\")  # COPY has its own escapes
        return (
            f"{number}\t{phone}\t{country}\t{line_user_id}\t{consent}\t{friend}\t{{{attributes}}}\n"
        )

    def _phone(self, cell: str) -> tuple[str, str]:
        try:
            found = phones.read_any(cell, country=self._country)
        except phones.UnreadablePhone as error:
            raise _Refused("phone", str(error)) from error
        return found.e164, found.country

    def _line_user_id(self, cell: str) -> str:
        try:
            return words.line_user_id(cell)
        except words.UnreadableUserId as error:
            raise _Refused("line_user_id", str(error)) from error

    def _word(self, key: str, cell: str) -> str:
        is_consent = key == "consent"
        known = self._consents if is_consent else self._friends
        try:
            word = words.consent(cell) if is_consent else words.friend_status(cell)
        except words.UnknownWord as error:
            raise _Refused(key, str(error)) from error
        if len(known) < _WORDS_KEPT:
            known[cell] = word
        return word


def _refusal(number: int, fault: tuple[str, str], header: list[str], cells: list[str]) -> str:
    reason, letter = fault
    row = {
        (header[index] if index < len(header) else "") or get_column_letter(index + 1): cell
        for index, cell in enumerate(cells)
        if cell
    }
    fields = [str(number), letter, reason, json.dumps(row, ensure_ascii=False)]
    return "\t".join(field.translate(_ESCAPES) for field in fields) + "\n"


def _raw(cursor: Any) -> Any:
    """Return psycopg's own cursor, which has COPY."""
    return cursor.cursor
