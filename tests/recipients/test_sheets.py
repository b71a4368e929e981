"""Files as spreadsheets, programs and attackers write them, by section "How a file is read"."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.chart import BarChart

from recipients import sheets
from recipients.sheets import refusals

THAI = "phone,name\n0812345678,สมชาย ใจดี\n0898765432,วิภา ศรีสุข\n"
TAIWAN = "phone,name\n0912345678,陳小明\n0922345678,林美玲\n0932345678,黃志偉\n"
JAPAN = "phone,name\n09012345678,山田太郎\n08012345678,佐藤はなこ\n"
PAGE = Path(__file__).parents[2] / "docs" / "recipients-file.md"


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


# --- CSV: encodings


@pytest.mark.parametrize(
    ("text", "codec", "shown"),
    [
        (THAI, "utf-8", "UTF-8"),
        (THAI, "utf-8-sig", "UTF-8"),
        (THAI, "utf-16", "UTF-16"),
        (THAI, "cp874", "CP874"),
        (THAI, "tis-620", "CP874"),
        (TAIWAN, "big5", "Big5"),
        (TAIWAN, "utf-8", "UTF-8"),
        (JAPAN, "shift_jis", "Shift-JIS"),
        (JAPAN, "cp932", "Shift-JIS"),
        (JAPAN.replace("\n", "\r\n"), "utf-16", "UTF-16"),
        ("phone,name\n0812345678,Somchai\n", "ascii", "UTF-8"),
    ],
)
def test_a_readable_encoding_is_found_and_shown(text: str, codec: str, shown: str) -> None:
    content = text.encode(codec)

    assert opened(content).encoding == shown
    assert cells(content) == cells(text)


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_in_both_byte_orders(order: str) -> None:
    assert cells(("\ufeff" + THAI.replace(",", "\t")).encode(order)) == cells(THAI)


@pytest.mark.parametrize(
    "content",
    [
        "phone,name\n1,José Café\n".encode("latin-1"),
        "phone,name\n1,Ärger Öl\n".encode("cp1252"),
        "phone,name\n1,Иван Петров\n".encode("cp1251"),
        "phone,name\n1,陈小明\n2,林美玲\n3,张伟\n".encode("gbk"),
        "phone,name\n1,김철수\n2,이영희\n".encode("euc_kr"),
        "phone,name\n1,やまだ太郎\n2,さとう花子\n".encode("euc_jp"),
        "phone,name\n1,ﾔﾏﾀﾞ ﾀﾛｳ\n".encode("shift_jis"),  # may be Thai
        "phone,name\n1,ธนพล\n".encode("cp874"),  # may be katakana
        THAI.encode()[:-3] + b"\xff\n",  # UTF-8, damaged
        THAI.encode("utf-8-sig") + b"\xe0\xb8",
        THAI.encode("utf-16")[:-1],
        b"phone,name\n1,\x81\x8d\n",
    ],
)
def test_characters_that_are_not_certain_refuse_the_file_and_say_how_to_save_it(
    content: bytes,
) -> None:
    assert "CSV UTF-8" in refusal(content)
    assert "characters cannot be read" in refusal(content)


@pytest.mark.parametrize(
    "content",
    [b"phone,name\n1,a\x00b\n", THAI.encode("utf-16-le"), "phone\n1\x00\n".encode("utf-16"),
     THAI.encode("utf-32"), b"\x00" * 100],
)  # fmt: skip
def test_nul_bytes_refuse_the_file(content: bytes) -> None:
    assert "NUL bytes" in refusal(content)


def test_an_encoding_is_judged_by_the_whole_file_however_late_its_letters_come() -> None:
    plain = "phone,name\n" + "0812345678,Somchai\n" * 70_000
    content = plain.encode() + THAI.encode("cp874").split(b"\n", 1)[1]

    assert opened(content).encoding == "CP874"
    assert "cannot be read" in refusal(content + b"\xff\xff\n")


# --- CSV: records


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_lf_crlf_or_cr(end: str) -> None:
    content = end.join(["phone,name", "1,a", "", "2,b"])

    assert cells(content) == cells(content + end)
    assert cells(content) == [
        (2, {"phone": "1", "name": "a"}),
        (4, {"phone": "2", "name": "b"}),
    ]


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("phone,name", ","),
        ("phone;name", ";"),
        ("phone\tname", "\t"),
        ("phone,full;name", ","),  # the comma splits, so it is the comma
        ("phone", ","),
        ('"phone;x",name', ","),
        ('"phone, mobile";name', ";"),
    ],
)
def test_the_delimiter_is_the_one_that_splits_the_header(header: str, delimiter: str) -> None:
    sheet = opened(f"{header}\n{delimiter.join('12')}\n" if len(header) > 5 else f"{header}\n1\n")

    assert sheet.delimiter == delimiter
    assert next(sheet.rows()).cells[sheet.header[0]] == "1"


def test_row_numbers_are_the_spreadsheets_and_rows_without_a_filled_cell_are_passed_over() -> None:
    content = 'phone,note\n1,"two\nlines"\n\n , \u200b\n,\n2,b\n'

    assert cells(content) == [
        (2, {"phone": "1", "note": "two\nlines"}),
        (6, {"phone": "2", "note": "b"}),
    ]


def test_quoted_cells_keep_their_commas_and_quotes_and_lose_their_outer_spaces() -> None:
    assert cells('phone,note\n1, "a, ""b"" c " \n'.replace(" \n", "\n")) == [
        (2, {"phone": "1", "note": 'a, "b" c'})
    ]


@pytest.mark.parametrize(
    ("content", "row"),
    [('phone,name\n1,"a\n2,b\n', 2), ('phone,name\n1,a\n2,"b', 3), ('"phone,name\n1,a\n', 1),
     ('phone\n"' + "x" * 200_000, 2)],
)  # fmt: skip
def test_an_unclosed_quote_refuses_the_file_and_names_where_it_opened(
    content: str, row: int
) -> None:
    assert f"opened in row {row} is never closed" in refusal(content)


def test_text_after_a_closing_quote_refuses_the_file() -> None:
    assert "Row 3 has text after a closing quotation mark" in refusal('phone,n\n1,a\n2,"b"c\n')


def test_a_line_that_never_ends_is_not_read_into_memory() -> None:
    assert "2000000 characters" in refusal("phone\n" + "1" * 3_000_000)


# --- header


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The file is empty"),
        ("\ufeff", "Row 1 is empty"),
        ("\n\nphone\n1\n", "Row 1 is empty"),
        (",,\n1,2,3\n", "Row 1 is empty"),
        ("phone,name\n", "no filled row"),
        ("phone,name", "no filled row"),
        ("phone,name\n , \n\n", "no filled row"),
        ("phone,phone\n1,2\n", "Columns A and B are both named “phone”"),
        ("phone,name, Phone \n1,2,3\n", "Columns A and C are both named “Phone”"),
        ("phone,Straße,STRASSE\n1,2,3\n", "Columns B and C"),
        ("phone,,name\n1,x,a\n", "Row 2 has a value in column B, which has no name"),
        ("phone,name,\n1,a,\n2,b,c\n", "Row 3 has a value in column C, which has no name"),
        (",".join(f"c{n}" for n in range(201)) + "\n1\n", "more than 200 columns"),
        ("phone," + "n" * 101 + "\n1,2\n", "name of column B has more than 100"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "old Excel workbook"),
        (b"%PDF-1.7\n%\xe2\xe3", "not an Excel workbook"),
        (b"PK\x05\x06" + b"\x00" * 18, "not an Excel workbook"),
        (b"PK\x03\x04 and then nothing", "not an Excel workbook"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused(content: bytes | str, sentence: str) -> None:
    assert sentence in refusal(content)


def test_case_and_outer_spaces_of_the_header_do_not_count() -> None:
    sheet = opened(" PHONE ,Consent,\u3000Friend_Status,LINE_User_ID, Tracking No \n1,2,3,4,5\n")

    assert sheet.header == ["PHONE", "Consent", "Friend_Status", "LINE_User_ID", "Tracking No"]
    assert next(sheet.rows()).cells == {
        "phone": "1", "consent": "2", "friend_status": "3", "line_user_id": "4", "Tracking No": "5",
    }  # fmt: skip
    assert [sheet.letter(name) for name in ("phone", "Consent", "tracking no", "other", "")] == [
        "A", "B", "E", "", "",
    ]  # fmt: skip


def test_a_nameless_column_without_values_is_allowed() -> None:
    assert cells("phone,,name,\n1,,a,\n") == [(2, {"phone": "1", "name": "a"})]


@pytest.mark.parametrize("header", ["phone", "LINE_USER_ID", "name,Phone"])
def test_a_phone_or_a_line_user_id_is_enough(header: str) -> None:
    sheets.recipient_columns(opened(f"{header}\n1,2\n"))


@pytest.mark.parametrize("header", ["name", "phone number", "consent,friend_status", "tel"])
def test_a_file_that_says_nobody_is_refused(header: str) -> None:
    with pytest.raises(sheets.UnreadableFile, match="neither a column “phone” nor"):
        sheets.recipient_columns(opened(f"{header}\n1,2\n"))


# --- rows


def test_a_filled_cell_beyond_the_header_refuses_its_row_only() -> None:
    first, second, third = opened("phone,name\n1,a,\n2,b,,c\n3\n").rows()

    assert (first.problem, first.cells) == ("", {"phone": "1", "name": "a"})
    assert (second.number, second.problem_column, second.cells) == (3, "D", {})
    assert "beyond the header" in second.problem
    assert (third.problem, third.cells) == ("", {"phone": "3"})


def test_a_cell_past_its_limit_refuses_its_row_only() -> None:
    content = f"phone,name\n1,{'a' * 10_000}\n2,{'a' * 10_001}\n"

    first, second = opened(content).rows()

    assert first.problem == ""
    assert (second.problem_column, second.cells) == ("B", {})
    assert "10000 characters" in second.problem


def test_rows_can_be_read_again_from_the_start() -> None:
    for content in (THAI.encode(), saved(workbook(["phone"], ["1"], ["2"]))):
        sheet = opened(content)
        next(sheet.rows())

        assert list(sheet.rows()) == list(sheet.rows())
        assert [row.number for row in sheet.rows()] == [2, 3]


@given(
    table=st.lists(
        st.lists(st.text(alphabet='ab ,;"\n\rกé\t', max_size=5), min_size=3, max_size=3),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_what_a_spreadsheet_writes_is_what_is_read(table: list[list[str]]) -> None:
    def quoted(record: list[str]) -> str:
        return ",".join('"' + cell.replace('"', '""') + '"' for cell in record)

    content = "\n".join(["phone,b,c", quoted(["1", "", ""]), *map(quoted, table)])

    read = {row.number: row.cells for row in opened(content).rows()}

    for number, record in enumerate(table, start=3):
        named = zip(["phone", "b", "c"], record, strict=True)
        wanted = {name: cell.strip() for name, cell in named if cell.strip()}
        assert read.get(number, {}) == wanted


def test_memory_stays_flat_however_long_the_file_is() -> None:
    class Endless(io.RawIOBase):
        """A seekable file of a hundred thousand rows that are made as they are read."""

        def __init__(self) -> None:
            self.at, self.largest = 0, 0
            self.block = b"0812345678,Somchai\n" * 1_000

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            self.at = offset
            return offset

        def readinto(self, buffer: Any) -> int:
            self.largest = max(self.largest, len(buffer))
            content = b"phone,name\n" if self.at == 0 else self.block if self.at <= 100 else b""
            content = content[: len(buffer)] if self.at else content
            buffer[: len(content)] = content
            self.at += 1
            return len(content)

    file = Endless()

    rows = sum(1 for row in sheets.open_sheet(io.BufferedReader(file)).rows())

    assert rows > 10_000
    assert file.largest <= 1 << 20


# --- XLSX


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


def zip_of() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w"):
        pass
    return out.getvalue()


@pytest.mark.parametrize("content", archives())
def test_an_archive_that_is_no_workbook_is_refused(content: bytes) -> None:
    assert "save it as “Excel workbook (.xlsx)”" in refusal(content)


def test_the_page_tells_every_limit() -> None:
    limits = PAGE.read_text(encoding="utf-8").split("## Limits")[1]

    for limit in (
        refusals.COLUMNS_LIMIT, refusals.NAME_LIMIT, refusals.CELL_LIMIT, refusals.LINE_LIMIT,
        refusals.ROWS_LIMIT, refusals.PARTS_LIMIT, refusals.ROWS_PART_LIMIT,
        refusals.STRINGS_PART_LIMIT, refusals.PART_LIMIT, refusals.RATIO_LIMIT, refusals.RATIO_FREE,
    ):  # fmt: skip
        assert f"{limit:,}" in limits
