"""CSV files as spreadsheets, programs and attackers write them, and the rows of any file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipients import sheets
from recipients.sheets import refusals
from tests.recipients.files import cells, opened, refusal, saved, workbook

THAI = "phone,name\n0812345678,สมชาย ใจดี\n0898765432,วิภา ศรีสุข\n"
TAIWAN = "phone,name\n0912345678,陳小明\n0922345678,林美玲\n0932345678,黃志偉\n"
JAPAN = "phone,name\n09012345678,山田太郎\n08012345678,佐藤はなこ\n"
PAGE = Path(__file__).parents[2] / "docs" / "recipients-file.md"


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
        *(
            (text, codec, "UTF-16")
            for text in (THAI, JAPAN, TAIWAN, "phone\n0812345678\n")
            for codec in ("utf-16-le", "utf-16-be")
        ),
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
    [b"phone,name\n1,a\x00b\n", THAI.encode("utf-16-le")[:-1], "phone\n1\x00\n".encode("utf-16"),
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


def test_the_page_tells_every_limit() -> None:
    limits = PAGE.read_text(encoding="utf-8").split("## Limits")[1]

    for limit in (
        refusals.COLUMNS_LIMIT, refusals.NAME_LIMIT, refusals.CELL_LIMIT, refusals.LINE_LIMIT,
        refusals.ROWS_LIMIT, refusals.PARTS_LIMIT, refusals.ROWS_PART_LIMIT,
        refusals.STRINGS_PART_LIMIT, refusals.PART_LIMIT, refusals.RATIO_LIMIT, refusals.RATIO_FREE,
    ):  # fmt: skip
        assert f"{limit:,}" in limits
