"""Phone numbers: from what people type to E.164, and masked for every page and log.

Validity is phonenumbers' business; what is ours is which characters count and which guesses are
allowed. No sentence ever repeats a number.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import phonenumbers
from django.utils.translation import gettext as _

SERVED = ("JP", "TH", "TW")  # LINE delivers notifications to numbers issued here

_LONGEST = 18  # digits: E.164 has 15, before them "00" and a zero in brackets
# What stands between the digits of a number that is written with care.
_JOINERS = str.maketrans("", "", " -()")
_PLUS = "+\uff0b\ufe62"
_IGNORED_ASCII = dict.fromkeys(
    code for code in range(128) if not chr(code).isalnum() and chr(code) != "+"
)
# Used between digits in Japan and Taiwan, though Unicode counts them as letters and signs.
_DASHES = "\u30fc\uff70\u2212\u223c\u301c\uff5e"
# What cannot be seen, though Unicode counts it as letters, marks and signs.
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
_INVISIBLE_MARKS = re.compile("[\ufe00-\ufe0f]")  # variation selectors
_SCIENTIFIC = re.compile(r"\d\s*[eE]\s*[+-]?\s*\d|\d\s*[x×*]\s*10\s*\^?\s*[+-]?\d", re.IGNORECASE)
# "812345678.0", as programs write a column of numbers: its last zero is no digit of the phone.
_ISO_DAY = re.compile(r"\s*\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\s*")
_DECIMAL = re.compile(r"\s*(\+?\d{5,})[.,]0{1,2}\s*")


@dataclass(frozen=True, slots=True)
class Phone:
    e164: str  # "+66812345678"
    country: str  # ISO region of the number, "TH"; "001" for numbers of no country


class UnreadablePhone(Exception):
    """The text is not a phone number; the sentence says what to do and never repeats it."""


def read(text: str, *, country: str) -> Phone:
    """Return the number in a text; national notation is read as of the account's country.

    Digits of any script count; punctuation and invisible characters do not; `00` is a plus. A
    zero or a plus that a spreadsheet lost is restored where that reads as a valid number of the
    country (ISO region, "TH"). Raises UnreadablePhone.
    """
    e164 = mobile_reader(country)(text)
    return Phone(e164, country) if e164 else read_any(text, country=country)


@functools.cache
def mobile_reader(country: str) -> Callable[[str], str | None]:
    """Return a function that gives the E.164 of a text which is plainly a mobile of the country.

    Mobiles are nearly every row of a file, and a match of phonenumbers' own pattern is 20 times as
    fast as its parsing. It reads what `read_any` would read alike: `0...`, `+66...`, and both
    without what a spreadsheet loses. None where it is not sure.
    """
    code = phonenumbers.country_code_for_region(country)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
    # A country that shares its code is not told by the pattern.
    is_alone = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code) == (country,)
    if metadata is None or metadata.mobile is None or not is_alone:
        return lambda text: None
    pattern = metadata.mobile.national_number_pattern
    if not pattern or metadata.national_prefix != "0":
        return lambda text: None
    fullmatch = re.compile(rf"(?:0|\+?{code})?({pattern})", re.ASCII).fullmatch
    prefix = f"+{code}"

    def read_mobile(text: str) -> str | None:
        match = fullmatch(text.translate(_JOINERS))
        return prefix + match[1] if match else None

    return read_mobile


def read_any(text: str, *, country: str) -> Phone:
    """Return the number in a text as `read` does, without its short way."""
    number = _clean(text)
    if (whole := _DECIMAL.fullmatch(text)) and _is_readable(whole[1], country):
        raise UnreadablePhone(
            _(
                "this number ends in a decimal fraction; format the column as text and enter it"
                " again"
            )
        )
    if number.startswith("+"):
        found = {_parse(number, country)}
    else:
        # As written, and with what may have been lost: a guess must lead to the own country.
        guesses = [number]
        if not number.startswith("0"):
            guesses += [f"0{number}", f"+{number}"]
        found = {_parse(guess, country) for guess in guesses}
        found = {phone for phone in found if phone is not None and phone.country == country}
    if len(found) > 1:
        raise UnreadablePhone(
            _("this can be read as two numbers; write it with + and the country code")
        )
    phone = next(iter(found), None)
    if phone is None:
        raise UnreadablePhone(
            _(
                "this is not a valid phone number; write it with + and the country code, or as"
                " dialled in %(country)s"
            )
            % {"country": country}
        )
    return phone


def mask(e164: str | None) -> str:
    """Return a number as pages and errors show it: `+66 ** *** *125`; empty for None."""
    if not e164:
        return ""
    for end in (2, 3, 4):  # no country code begins with another one
        code = e164[1:end]
        known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
        if e164[0] == "+" and code.isdecimal() and int(code) in known:
            return f"+{code} ** *** *{e164[-3:]}"
    return "** *** ***"


def mask_whole(text: str, *, country: str) -> str:
    """Return the text, masked where all of it is a phone number as `country` writes it.

    A day of the calendar is none, though 2026-12-02 could be a number of Bangkok without its zero.
    """
    try:
        return text if _ISO_DAY.fullmatch(text) else mask(read(text, country=country).e164)
    except UnreadablePhone:
        return text


def _is_readable(text: str, country: str) -> bool:
    try:
        read(text, country=country)
    except UnreadablePhone:
        return False
    return True


def _clean(text: str) -> str:
    """Return digits, after a plus if there is one. Raises UnreadablePhone."""
    number = text.translate(_IGNORED_ASCII) if text.isascii() else _reduced(text)
    digits = number.removeprefix("+")
    if not digits:
        raise UnreadablePhone(_("there is no phone number here; enter one or empty the cell"))
    if not (digits.isascii() and digits.isdigit()):
        raise UnreadablePhone(_complaint(text, digits))
    if number.startswith("00"):
        number = f"+{number[2:]}"
    if len(digits) > _LONGEST:
        raise UnreadablePhone(_("this has too many digits for one phone number; correct it"))
    return number


def _complaint(text: str, digits: str) -> str:
    if _SCIENTIFIC.search(unicodedata.normalize("NFKC", text)):
        return _(
            "a spreadsheet has turned this number into scientific notation; format the column as"
            " text and enter the number again"
        )
    if set(digits) <= set("+0123456789"):
        return _("a phone number has at most one plus, in front; take the others out")
    return _("a phone number has no letters or signs; leave only its digits")


def _reduced(text: str) -> str:
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category == "Nd":
            kept.append(str(unicodedata.decimal(character)))
        elif character in _PLUS:
            kept.append("+")
        elif not (
            category[0] in "PZ"
            or category in ("Cc", "Cf")
            or character in _DASHES
            or character in _INVISIBLE
            or ord(character) in _IGNORED_ASCII
            or _INVISIBLE_MARKS.match(character)
        ):
            kept.append(character)  # refused by the caller
    return "".join(kept)


def _parse(text: str, country: str) -> Phone | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    region = phonenumbers.region_code_for_number(number)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Phone(e164, region) if region else None
