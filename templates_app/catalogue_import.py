"""Take in an edition of LINE's catalogue of keys: the whole list of one country, or nothing.

The file is CSV, a table pasted from LINE's page (tabs), or XLSX. Its header names `kind`, `key`,
`title` (or `label`) and, if it likes, `description` and `country`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils.translation import gettext as _

from lineportal.accounts.models import Country
from lineportal.audit import chain
from templates_app import content as contents
from templates_app.content import CATALOGUE_KEY, CATALOGUE_KEY_LIMIT
from templates_app.models import CatalogueEdition, CatalogueEntry, CatalogueKind

IMPORT = "templates_app.import_catalogue"
KNOWN_KEYS = Path(__file__).with_name("known_keys_jp.csv")  # of Japan, from LINE's reference
BYTES_LIMIT = 5 * 1024 * 1024
ROWS_LIMIT = 20_000
_SHOWN = 20  # problems in one refusal
_COLUMNS_LIMIT = 20
_WORKBOOK = b"PK"  # how a workbook begins; its rows have numbers, the records of a text do not
NAME_LIMIT = 60  # so that a key and its edition fit into what stands as LINE's reference
_LOCK = 0x6C6E6361  # any constant of our own: editions are taken in one after the other
_COLUMNS = {"kind": "kind", "type": "kind", "key": "key", "title": "title", "label": "title",
            "description": "description", "country": "country"}  # fmt: skip
_TITLE_LIMIT = 300
_DESCRIPTION_LIMIT = 2000


class Refused(Exception):
    """The file was not taken in; `problems` has one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        shown = problems[:_SHOWN]
        if more := len(problems) - len(shown):
            shown.append(_("And %(more)d more.") % {"more": more})
        super().__init__(" ".join(shown))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Summary:
    """What an edition changed, in keys."""

    added: int
    changed: int
    retired: int
    unchanged: int

    def __str__(self) -> str:
        return _(
            "%(added)d keys are new, %(changed)d changed, %(retired)d retired, %(unchanged)d"
            " as before."
        ) % {
            "added": self.added,
            "changed": self.changed,
            "retired": self.retired,
            "unchanged": self.unchanged,
        }


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    kind: str
    key: str
    title: str
    description: str


@transaction.atomic
def load(
    file: bytes,
    *,
    country: str,
    name: str,
    source: str = "",
    by: User | None,
    at: datetime,
) -> tuple[CatalogueEdition, Summary]:
    """Take in a file as the edition `name` of a country; keys it leaves out are retired.

    `by` None is a command's. Raises PermissionDenied, Refused.
    """
    if by is not None and not by.has_perm(IMPORT):
        raise PermissionDenied
    name, source = name.strip(), source.strip()
    if country not in Country.values:
        raise Refused([_("Choose a country: TH, TW or JP.")])
    if not 0 < len(name) <= NAME_LIMIT or not contents.is_storable(name + source):
        raise Refused([_("Name the edition, in at most 60 characters, such as its date.")])
    rows = _read(file, country)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    digest = hashlib.sha256(file).hexdigest()
    if CatalogueEdition.objects.filter(country=country, name=name).exists():
        raise Refused([_("There is an edition “%(name)s” already; name this one otherwise.")
                       % {"name": name}])  # fmt: skip
    newest = CatalogueEdition.objects.filter(country=country).order_by("-pk").first()
    if newest is not None and newest.sha256 == digest:
        raise Refused([_("This file is the newest edition, “%(name)s”, already; nothing changes.")
                       % {"name": newest.name}])  # fmt: skip
    edition = CatalogueEdition.objects.create(
        country=country, name=name, sha256=digest, source=source, imported_by=by, imported_at=at
    )
    summary = _apply(rows, edition, at=at)
    chain.write(
        "catalogue.import",
        subject=edition,
        by=by,
        at=at,
        country=country,
        digest=digest,
        added=summary.added,
        changed=summary.changed,
        retired=summary.retired,
    )
    return edition, summary


def _apply(rows: list[_Row], edition: CatalogueEdition, *, at: datetime) -> Summary:
    held = {(row.kind, row.key): row for row in
            CatalogueEntry.objects.filter(country=edition.country)}  # fmt: skip
    added: list[CatalogueEntry] = []
    changed: list[CatalogueEntry] = []
    unchanged: list[int] = []
    for row in rows:
        entry = held.pop((row.kind, row.key), None)
        if entry is not None and (entry.title, entry.description, entry.retired_at) == (
            row.title, row.description, None,
        ):  # fmt: skip
            unchanged.append(entry.pk)
            continue
        (added if entry is None else changed).append(
            CatalogueEntry(country=edition.country, kind=row.kind, key=row.key,
                           title=row.title, description=row.description, edition=edition)
        )  # fmt: skip
    retired = [entry.pk for entry in held.values() if entry.retired_at is None]
    CatalogueEntry.objects.bulk_create(
        [*added, *changed],
        batch_size=2000,
        update_conflicts=True,
        unique_fields=["country", "kind", "key"],
        update_fields=["title", "description", "retired_at", "edition"],
    )
    CatalogueEntry.objects.filter(pk__in=retired).update(retired_at=at)
    CatalogueEntry.objects.filter(pk__in=unchanged).update(edition=edition)
    return Summary(len(added), len(changed), len(retired), len(unchanged))


def _read(file: bytes, country: str) -> list[_Row]:
    if len(file) > BYTES_LIMIT:
        raise Refused([_("The file is larger than 5 MB; is it the catalogue?")])
    cells = _cells(file)
    header = [_COLUMNS.get(name.strip().casefold(), "") for name in next(cells, [])]
    missing = [name for name in ("kind", "key", "title") if name not in header]
    if missing or len({*header} - {""}) != len([name for name in header if name]):
        raise Refused(
            [_("Let row 1 name the columns kind, key and title, each once; description and"
               " country may follow.")]
        )  # fmt: skip
    is_workbook = file.startswith(_WORKBOOK)
    rows: list[_Row] = []
    problems: list[str] = []
    first_of: dict[tuple[str, str], int] = {}
    for number, values in enumerate(cells, 2):
        if number > ROWS_LIMIT + 1:
            raise Refused([_("The file has more than 20,000 rows; is it the catalogue?")])
        if not any(value.strip() for value in values):
            continue
        given = {name: value.strip() for name, value in zip(header, values, strict=False) if name}
        row = _Row(number, given.get("kind", "").casefold(), given.get("key", ""),
                   given.get("title", ""), given.get("description", ""))  # fmt: skip
        found = list(_wrong(row, given.get("country", ""), country))
        if not found and (first := first_of.setdefault((row.kind, row.key), number)) != number:
            sentence = (_("“%(key)s” stands in row %(first)d already.") if is_workbook
                        else _("“%(key)s” stands in record %(first)d already."))  # fmt: skip
            found = [("key", sentence % {"key": row.key, "first": first})]
        place = (_("Row %(row)d, column %(column)s: %(problem)s") if is_workbook
                 else _("Record %(row)d, column %(column)s: %(problem)s"))  # fmt: skip
        problems += [
            place % {"row": number, "column": column, "problem": problem}
            for column, problem in found
        ]
        rows.append(row)
    if problems:
        raise Refused(problems)
    if not rows:
        raise Refused([_("The file has no key; nothing was changed.")])
    return rows


def _wrong(row: _Row, row_country: str, country: str) -> Iterator[tuple[str, str]]:
    if row.kind not in CatalogueKind.values:
        yield "kind", _("write template, item or button.")
    if not CATALOGUE_KEY.fullmatch(row.key):
        yield (
            "key",
            _("keys have at most %(limit)d letters, digits and underscores.")
            % {"limit": CATALOGUE_KEY_LIMIT},
        )
    if row_country and row_country.upper() != country:
        yield "country", _("this row is of another country.")
    if len(row.title) > _TITLE_LIMIT or not contents.is_storable(row.title):
        yield "title", _("this is longer than 300 characters, or cannot be stored.")
    if len(row.description) > _DESCRIPTION_LIMIT or not contents.is_storable(row.description):
        yield "description", _("this is longer than 2,000 characters, or cannot be stored.")


def _cells(file: bytes) -> Iterator[list[str]]:
    if file.startswith(_WORKBOOK):
        yield from _workbook(file)
        return
    try:
        text = file.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(
            [_("The text is not UTF-8; save the file as CSV UTF-8, or as XLSX.")]
        ) from None
    first = text.partition("\n")[0]
    delimiter = max(("\t", ";", ","), key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error:
        raise Refused(
            [_("A quote is not closed, or a cell is too long; save the file as CSV again.")]
        ) from None


def _workbook(file: bytes) -> Iterator[list[str]]:
    """Yield the rows of the one sheet that holds any; what a file claims of its size is not read.

    openpyxl fails in many ways on parts that are no XML of a workbook, encrypted or cut short.
    """
    unreadable = Refused([_("The workbook cannot be read; save it as XLSX again, or as CSV.")])
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            if sum(part.file_size for part in archive.infolist()) > 20 * BYTES_LIMIT:
                raise unreadable
        book = openpyxl.load_workbook(io.BytesIO(file), read_only=True, data_only=True)
        sheets = [rows for sheet in book.worksheets if any(map(any, rows := _rows_of(sheet)))]
    except Refused:
        raise
    except Exception as error:
        raise unreadable from error
    if len(sheets) > 1:
        raise Refused([_("The workbook has several filled sheets; put all keys into one.")])
    yield from sheets[0] if sheets else []


def _rows_of(sheet: Any) -> list[list[str]]:
    sheet.reset_dimensions()
    rows = sheet.iter_rows(values_only=True, max_row=ROWS_LIMIT + 2, max_col=_COLUMNS_LIMIT)
    return [["" if value is None else str(value) for value in row] for row in rows]
