"""Files to read, made in memory; and what reading them comes to."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import openpyxl
import pytest

from recipients import sheets


def opened(content: bytes | str) -> sheets.Sheet:
    return sheets.open_sheet(io.BytesIO(content.encode() if isinstance(content, str) else content))


def cells(content: bytes | str) -> list[tuple[int, dict[str, str]]]:
    return [(row.number, row.cells) for row in opened(content).rows()]


def refusal(content: bytes | str) -> str:
    with pytest.raises(sheets.UnreadableFile) as caught:
        opened(content)
    return str(caught.value)


def workbook(*rows: list[Any]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(content: bytes, parts: dict[str, bytes]) -> bytes:
    """The same workbook with some parts replaced or added."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as before,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for name in before.namelist():
            after.writestr(name, parts.pop(name, None) or before.read(name))
        for name, data in parts.items():
            after.writestr(name, data)
    return out.getvalue()


def with_rows(xml: str) -> bytes:
    """A workbook whose sheet has these rows, written by hand."""
    content = saved(workbook(["phone"], ["x"]))
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>phone</t></is></c></row>'
        f"{xml}</sheetData></worksheet>"
    )
    return repacked(content, {"xl/worksheets/sheet1.xml": sheet.encode()})


def zip_of() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w"):
        pass
    return out.getvalue()
