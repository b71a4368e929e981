"""The shared texts of a workbook, held in one piece: as a list of strings a million take 400 MB.

openpyxl's own table is that list, and it keeps an emptied XML element for each text besides.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import IO, Any, BinaryIO
from xml.etree.ElementTree import Element, iterparse  # no DOCTYPE: `xlsx_file` has looked

from openpyxl.reader.excel import ExcelReader
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

_ITEM, _TEXT, _RUN = (f"{{{SHEET_MAIN_NS}}}{tag}" for tag in ("si", "t", "r"))


class SharedTexts:
    """Texts by number, as the cells name them."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._ends = array("Q", [0])

    def append(self, text: str) -> None:
        self._content += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._content))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> str:
        """Raises IndexError."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        begin, end = self._ends[number], self._ends[number + 1]
        return self._content[begin:end].decode("utf-8", "surrogatepass")


class Reader(ExcelReader):
    """openpyxl's reader, with the shared texts in one piece."""

    def read_strings(self) -> None:
        part = self.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as source:
            self.shared_strings = read(source)  # type: ignore[assignment]


def open_workbook(file: BinaryIO) -> Any:
    """Return a workbook for reading, formulas as last shown. Raises what openpyxl raises."""
    reader = Reader(file, read_only=True, data_only=True, keep_links=False)
    reader.read()
    return reader.wb


def read(source: IO[bytes]) -> SharedTexts:
    """Return the texts of the part; of formatted ones the runs, of Japanese ones no readings."""
    texts = SharedTexts()
    for item in _items(source):
        found = [
            item.findtext(_TEXT) or "",
            *(run.findtext(_TEXT) or "" for run in item.iter(_RUN)),
        ]
        texts.append("".join(found).replace("x005F_", ""))  # as openpyxl reads an escaped “_”
    return texts


def _items(source: IO[bytes]) -> Iterator[Element]:
    parsed = iterparse(source, events=("start", "end"))  # noqa: S314  # as above
    _event, root = next(parsed)
    for event, element in parsed:
        if event == "end" and element.tag == _ITEM:
            yield element
            root.clear()  # the element with its place in the tree
