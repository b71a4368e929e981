"""The encoding of a CSV file: by its byte order mark, else UTF-8, else what it can only be.

Old encodings are judged here by how their language is written. charset-normalizer was measured
on such files and takes short Thai lists for half-width katakana, which would go to people.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import BinaryIO

from recipients.sheets.refusals import not_text, undecodable

# What a person is shown, for Python's codecs (the Windows ones, which include the standards').
NAMES = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp874": "CP874",
    "cp950": "Big5",
    "cp932": "Shift-JIS",
}
_BLOCK = 1 << 20
_SAMPLE = 1 << 18  # bytes that are judged

_CONSONANT = "\u0e01-\u0e2e"
_ABOVE_BELOW = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"  # vowels and tones drawn on the letter before
_THAI = re.compile("[\u0e01-\u0e5b]")
_THAI_VOWEL = re.compile("[\u0e30-\u0e39\u0e40-\u0e45]")
_NOT_WRITTEN_SO = re.compile(
    f"(?<![{_CONSONANT}{_ABOVE_BELOW}])[{_ABOVE_BELOW}]"  # a mark on nothing
    f"|(?<![{_CONSONANT}{_ABOVE_BELOW}])[\u0e32\u0e33]"
    f"|(?<![{_CONSONANT}{_ABOVE_BELOW}\u0e32])\u0e30"
    f"|[\u0e40-\u0e44](?![{_CONSONANT}])"  # a vowel that waits for its consonant
    "|(?<=[A-Za-z])[\u0e01-\u0e5b]|[\u0e01-\u0e5b](?=[A-Za-z])"
    "|[^\x00-\x7f\u0e01-\u0e5b\xa0\u20ac\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026]"
)


def find(file: BinaryIO) -> str:
    """Return the codec of a text file: a key of NAMES. Raises UnreadableFile."""
    file.seek(0)
    start = file.read(3)
    if start == codecs.BOM_UTF8:
        return "utf-8-sig"
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    sample, is_utf8 = b"", True
    while block := file.read(_BLOCK):
        if b"\x00" in block:
            return _unmarked_utf16(file)
        if not sample and not block.isascii():
            sample = _around_first_letter(block)
        if is_utf8:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                is_utf8 = False
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        is_utf8 = False
    return "utf-8-sig" if is_utf8 else _judge(sample)


def _unmarked_utf16(file: BinaryIO) -> str:
    """Return which UTF-16 a file without a byte order mark is in. Raises UnreadableFile.

    In a list of people the digits, commas and line ends have a zero byte, nearly all on one side.
    """
    file.seek(0)
    sample = file.read(_SAMPLE)
    before, after = sample[0::2].count(0), sample[1::2].count(0)
    codec = "utf-16-le" if after > before else "utf-16-be"
    if min(before, after) * 10 > max(before, after):
        raise not_text()
    decoder = codecs.getincrementaldecoder(codec)()
    file.seek(0)
    try:
        while block := file.read(_BLOCK):
            if "\0" in decoder.decode(block):
                raise not_text()
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise not_text() from error
    return codec


def _around_first_letter(block: bytes) -> bytes:
    """Return whole lines, from the first that is not ASCII on, as far as the sample goes."""
    first = next(index for index, byte in enumerate(block) if byte > 127)
    begin = max(block.rfind(b"\n", 0, first), block.rfind(b"\r", 0, first)) + 1
    sample = block[begin : begin + _SAMPLE]
    if begin + _SAMPLE < len(block) or len(block) == _BLOCK:
        end = max(sample.rfind(b"\n"), sample.rfind(b"\r"))
        sample = sample[: end + 1] or sample
    return sample


def _judge(sample: bytes) -> str:
    found = [codec for codec, is_written in _CANDIDATES.items() if _fits(sample, codec, is_written)]
    # One candidate and one only, and it must be one that we read.
    if len(found) != 1 or found[0] not in NAMES or _is_damaged_utf8(sample):
        raise undecodable()
    return found[0]


def _fits(sample: bytes, codec: str, is_written: Callable[[str], bool]) -> bool:
    try:
        return is_written(sample.decode(codec))
    except UnicodeDecodeError:
        return False


def _is_damaged_utf8(sample: bytes) -> bool:
    letters = [letter for letter in sample.decode("utf-8", "replace") if letter > "\x7f"]
    return letters.count("\ufffd") < len(letters) / 2


def _is_thai(text: str) -> bool:
    thai = len(_THAI.findall(text))
    wrong = len(_NOT_WRITTEN_SO.findall(text))
    return wrong * 50 <= thai and len(_THAI_VOWEL.findall(text)) * 10 >= thai > 0


def _common(codec: str, letters: list[tuple[int, int]], signs: list[tuple[int, int]]) -> (
    Callable[[str], bool]
):  # fmt: skip
    """Return a test: is a text written with the letters of everyday use, as its standard sorts?"""

    def is_written(text: str) -> bool:
        seen = [letter.encode(codec) for letter in text if letter > "\x7f"]
        codes = [int.from_bytes(code, "big") for code in seen]
        everyday = sum(any(low <= code <= high for low, high in letters) for code in codes)
        others = sum(any(low <= code <= high for low, high in signs) for code in codes)
        return everyday > 0 and (everyday + others) * 20 >= len(codes) * 17 and (
            everyday * 2 >= len(codes)
        )  # fmt: skip

    return is_written


# The last three are not read; they are here so that a text which may be one of them is refused.
_CANDIDATES: dict[str, Callable[[str], bool]] = {
    "cp874": _is_thai,
    "cp950": _common("cp950", [(0xA440, 0xC67E)], [(0xA140, 0xA3BF)]),
    "cp932": _common("cp932", [(0x829F, 0x8396), (0x889F, 0x9872)], [(0x8140, 0x829A)]),
    "gbk": _common("gbk", [(0xB0A1, 0xD7F9)], [(0xA1A1, 0xA3FE)]),
    "euc_jp": _common("euc_jp", [(0xA4A1, 0xA5F6), (0xB0A1, 0xCFD3)], [(0xA1A1, 0xA3FE)]),
    "euc_kr": _common("euc_kr", [(0xB0A1, 0xC8FE)], [(0xA1A1, 0xA3FE)]),
}
