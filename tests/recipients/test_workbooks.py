"""XLSX files as spreadsheets, programs and attackers write them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from openpyxl.chart import BarChart
from openpyxl.reader.strings import read_string_table

from recipients.sheets import refusals, shared_texts
from tests.recipients.files import (
    cells,
    opened,
    refusal,
    repacked,
    saved,
    with_rows,
    workbook,
    zip_of,
)


def test_values_of_a_workbook_become_text() -> None:
    book = workbook(
        ["phone", "whole", "part", "date", "moment", "hour", "yes", "text", "blank"],
        [66812345678, 12.0, 0.1 + 0.2, date(2026, 12, 31), datetime(2026, 12, 31, 9, 30),
         time(9, 30), True, "  สมชาย ", None],
        [812345678.0, 10**15, 1e-7, datetime(2026, 12, 31, tzinfo=UTC).replace(tzinfo=None),
         None, None, False, "a\nb", " "],
    )  # fmt: skip

    assert [row for _number, row in cells(saved(book))] == [
        {"phone": "66812345678", "whole": "12", "part": "0.3", "date": "2026-12-31",
         "moment": "2026-12-31T09:30:00", "hour": "09:30:00", "yes": "TRUE", "text": "สมชาย"},
        {"phone": "812345678", "whole": "1000000000000000", "part": "0.0000001",
         "date": "2026-12-31", "yes": "FALSE", "text": "a\nb"},
    ]  # fmt: skip


def test_numbers_in_scientific_notation_inside_a_workbook_are_whole_again() -> None:
    content = with_rows(
        '<row r="2"><c r="A2"><v>6.6812345678E10</v></c></row>'
        '<row r="3"><c r="A3"><v>812345678</v></c></row>'
    )

    assert cells(content) == [(2, {"phone": "66812345678"}), (3, {"phone": "812345678"})]


def test_formulas_count_as_last_shown_and_errors_refuse_their_row() -> None:
    content = with_rows(
        '<row r="2"><c r="A2" t="str"><f>"08"&amp;"1"</f><v>0812345678</v></c></row>'
        '<row r="3"><c r="A3"><f>1+1</f><v>2</v></c></row>'
        '<row r="4"><c r="A4" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
    )

    first, second, third = opened(content).rows()

    assert (first.cells["phone"], second.cells["phone"]) == ("0812345678", "2")
    assert (third.number, third.problem_column, third.cells) == (4, "A", {})
    assert "spreadsheet error" in third.problem


def test_hidden_rows_are_read_and_blank_rows_keep_their_number() -> None:
    book = workbook(["phone"], ["1"], [None], ["2"], ["3"])
    book.active.row_dimensions[2].hidden = True
    book.active.auto_filter.ref = "A1:A5"

    assert [number for number, _cells in cells(saved(book))] == [2, 4, 5]


def test_a_merged_value_belongs_to_its_first_row() -> None:
    book = workbook(["phone", "name"], ["1", "a"], ["2", None], ["3", "c"])
    book.active.merge_cells("B2:B3")

    assert cells(saved(book)) == [
        (2, {"phone": "1", "name": "a"}), (3, {"phone": "2"}), (4, {"phone": "3", "name": "c"}),
    ]  # fmt: skip


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_the_first_visible_sheet_with_data_is_read(state: str) -> None:
    book = workbook(["phone"], ["hidden"])
    book.active.sheet_state = state
    book.create_sheet("empty")
    book.create_chartsheet("chart").add_chart(BarChart())
    people = book.create_sheet("people")
    people.append(["phone"])
    people.append(["1"])
    book.create_sheet("later").append(["phone"])
    book.active = 1

    assert cells(saved(book)) == [(2, {"phone": "1"})]


def test_a_workbook_is_known_by_its_content_and_a_value_beyond_its_header_refuses_the_row() -> None:
    book = workbook(["phone", "name"], ["1", "a", None, "x"], ["2", "b"])

    sheet = opened(saved(book))
    first, second = sheet.rows()

    assert (sheet.kind, sheet.encoding, sheet.delimiter) == ("xlsx", "", "")
    assert (first.number, first.problem_column) == (2, "D")
    assert second.cells == {"phone": "2", "name": "b"}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "No visible sheet"),
        ([["phone"]], "no filled row"),
        ([[None], ["phone"], ["1"]], "Row 1 is empty"),
        ([["phone", "PHONE"], ["1", "2"]], "Columns A and B are both named"),
        ([["phone", None, "name"], ["1", "x", "a"]], "column B, which has no name"),
    ],
)
def test_a_workbook_is_held_to_the_same_header(rows: list[list[Any]], sentence: str) -> None:
    assert sentence in refusal(saved(workbook(*rows)))


@pytest.mark.parametrize(
    "part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml",
             "xl/styles.xml", "docProps/app.xml", "xl/_rels/workbook.xml.rels"],
)  # fmt: skip
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_a_doctype_in_any_part_refuses_the_workbook(part: str, codec: str) -> None:
    content = saved(workbook(["phone"], ["1"]))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        xml = archive.read(part).decode()
    body = xml.split("?>", 1)[1] if xml.startswith("<?xml") else xml
    hostile = (
        f'<?xml version="1.0" encoding="{codec}"?><!-- {"x" * 70_000} -->'
        f'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>{body}'
    ).encode(codec)

    assert "DOCTYPE" in refusal(repacked(content, {part: hostile}))


def test_a_doctype_without_entities_refuses_the_workbook_too() -> None:
    content = saved(workbook(["phone"], ["1"]))

    assert "DOCTYPE" in refusal(repacked(content, {"xl/more.xml": b"<!DOCTYPE a><a/>"}))


@pytest.mark.parametrize(
    ("part", "size"),
    [("xl/worksheets/sheet1.xml", refusals.ROWS_PART_LIMIT // 20), ("xl/media/a.png", 20_000_000),
     ("xl/sharedStrings.xml", 20_000_000), ("xl/theme/more.xml", refusals.PART_LIMIT + 1)],
)  # fmt: skip
def test_a_part_that_unpacks_past_its_limit_refuses_the_workbook(part: str, size: int) -> None:
    content = repacked(saved(workbook(["phone"], ["1"])), {part: b" " * size})

    assert f"unpacks to {size // 1_000_000} MB" in refusal(content)


def test_a_part_that_is_longer_than_its_directory_says_refuses_the_workbook() -> None:
    xml = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(2, 5_000))
    content = bytearray(with_rows(xml))
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    told = size.to_bytes(4, "little")
    while (found := content.find(told)) >= 0:
        content[found : found + 4] = (600).to_bytes(4, "little")

    assert "not an Excel workbook" in refusal(bytes(content))


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="999999999999"><c><v>1</v></c></row>',
        '<row r="3"><c r="A3"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>',
        '<row r="2"><c r="A2"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>',
        '<row r="2"><c r="ZZZZ2"><v>1</v></c></row>',
        '<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>',
        '<row r="2"><c r="A2" t="s"><v>99</v></c></row>',
        '<row r="2"><c r="A2"><v>one</v></c></row>',
        '<row r="2"><c r="A2"><v>1</v></c>',
        '<row r="two"><c><v>1</v></c></row>',
    ],
)
def test_a_damaged_sheet_refuses_the_workbook(rows: str) -> None:
    assert "not an Excel workbook that can be read" in refusal(with_rows(rows))


def archives() -> Iterator[bytes]:
    """Archives that are no workbook: nothing in it, another program's, a damaged one."""
    yield repacked(zip_of(), {"a.txt": b"phone\n1\n"})
    yield repacked(zip_of(), {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"})
    whole = saved(workbook(["phone"], ["1"]))
    yield whole[: len(whole) // 2]
    yield repacked(whole, {"xl/workbook.xml": b"<nothing"})


# Named, as an archive holds the time when it was made: processes would not find the same tests.
@pytest.mark.parametrize(
    "content", archives(), ids=["nothing in it", "another program's", "half", "damaged"]
)
def test_an_archive_that_is_no_workbook_is_refused(content: bytes) -> None:
    assert "save it as “Excel workbook (.xlsx)”" in refusal(content)


def test_shared_texts_are_read_as_openpyxl_reads_them() -> None:
    """Plain, formatted in runs, with a reading in katakana, empty, with an escaped underscore."""
    part = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="5">'
        "<si><t>สมชาย</t></si><si><r><rPr><b/></rPr><t>山</t></r><r><t>田 &amp;</t></r></si>"
        '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/></si>'
        '<si/><si><t xml:space="preserve"> a_x005F_b </t></si></sst>'
    ).encode()

    found = shared_texts.read(io.BytesIO(part))

    expected = read_string_table(io.BytesIO(part))
    assert [found[n] for n in range(len(found))] == expected
    assert expected[:3] == ["สมชาย", "山田 &", "東京"]
    for beyond in (-1, 5):
        with pytest.raises(IndexError):
            found[beyond]
