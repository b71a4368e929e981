"""Phone numbers as people and spreadsheets write them."""

from __future__ import annotations

import operator
import time

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipients import phones

THAI_MOBILES = st.from_regex(r"(?:6[1-5]|8[0-9]|9[0-9])[0-9]{7}", fullmatch=True)
# No full stop: "666100000.00" is two numbers, see below.
NOISE = st.text(alphabet=" -()\u200b\u00a0\u200e\ufeff\u2010\u2013\u3000/'\t", max_size=3)


@pytest.mark.parametrize(
    ("text", "country", "e164"),
    [
        ("0812345678", "TH", "+66812345678"),
        ("081-234-5678", "TH", "+66812345678"),
        ("(081) 234.5678", "TH", "+66812345678"),
        ("๐๘๑-๒๓๔-๕๖๗๘", "TH", "+66812345678"),
        ("０８１２３４５６７８", "TH", "+66812345678"),
        ("٠٨١٢٣٤٥٦٧٨", "TH", "+66812345678"),
        ("+66 81 234 5678", "TH", "+66812345678"),
        ("(+66) 81 234 5678", "TH", "+66812345678"),
        ("08123456.00", "TH", "+66812345600"),  # a point between digits is punctuation
        ("\uff0b66812345678", "TH", "+66812345678"),
        ("+66 (0)81 234 5678", "TH", "+66812345678"),
        ("0066 81 234 5678", "TH", "+66812345678"),
        ("00-66-81-234-5678", "TH", "+66812345678"),
        ("\u200b\u202a081\u00a0234\u200f5678\ufeff", "TH", "+66812345678"),
        ("'0812345678", "TH", "+66812345678"),
        ("812345678", "TH", "+66812345678"),  # the zero was lost
        ("66812345678", "TH", "+66812345678"),  # the plus was lost
        ("02 123 4567", "TH", "+6621234567"),
        ("6621234567", "TH", "+6621234567"),
        ("0912-345-678", "TW", "+886912345678"),
        ("886912345678", "TW", "+886912345678"),
        ("912345678", "TW", "+886912345678"),
        ("090\u30fc1234\u30fc5678", "JP", "+819012345678"),
        ("9012345678", "JP", "+819012345678"),
        ("819012345678", "JP", "+819012345678"),
    ],
)
def test_the_notations_of_one_number_read_the_same(text: str, country: str, e164: str) -> None:
    assert phones.read(text, country=country) == phones.Phone(e164, country)


@pytest.mark.parametrize(
    ("text", "e164", "country"),
    [
        ("+1 212 555 0142", "+12125550142", "US"),
        ("+81 90-1234-5678", "+819012345678", "JP"),
        ("0081 90-1234-5678", "+819012345678", "JP"),
        ("+65 9123 4567", "+6591234567", "SG"),
        ("+800 1234 5678", "+80012345678", "001"),
    ],
)
def test_a_valid_foreign_number_keeps_its_own_country(text: str, e164: str, country: str) -> None:
    assert phones.read(text, country="TH") == phones.Phone(e164, country)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("O812345678", "no letters"),
        ("081234567a", "no letters"),
        ("081-234-5678 ext 5", "no letters"),
        ("tel:+66812345678", "no letters"),
        ("08123456²78", "no letters"),
        ("6.6812E+10", "scientific notation"),
        ("6.6812345678e10", "scientific notation"),
        ("6.68E+10", "scientific notation"),
        ("8.12345678 × 10^8", "scientific notation"),
        ("++66812345678", "at most one plus"),
        ("66+812345678", "at most one plus"),
        ("+66812345678+", "at most one plus"),
        ("812345678.0", "decimal fraction"),
        ("66812345678.00", "decimal fraction"),
        ("666100000.00", "decimal fraction"),  # 066 610 0000, or +66 61 000 0000
        ("14155550123", "not a valid"),  # a plus is restored for the own country only
        ("2125550142", "not a valid"),
        ("081234567", "not a valid"),
        ("08123456789", "not a valid"),
        ("+6681234567", "not a valid"),
        ("+0066812345678", "not a valid"),
        ("000-000-0000", "not a valid"),
        ("191", "not a valid"),
        ("081-234-5678, 089-876-5432", "too many digits"),
        ("+" + "1" * 40, "too many digits"),
        ("", "no phone number"),
        ("-", "no phone number"),
        ("+", "no phone number"),
    ],
)
def test_what_is_no_number_is_refused_in_words_that_do_not_repeat_it(
    text: str, sentence: str
) -> None:
    with pytest.raises(phones.UnreadablePhone) as refusal:
        phones.read(text, country="TH")

    assert sentence in str(refusal.value)
    assert not any(character.isdigit() for character in str(refusal.value))


@given(national=THAI_MOBILES, noise=st.lists(NOISE, min_size=13, max_size=13))
def test_every_notation_of_a_thai_mobile_is_the_same_number(
    national: str, noise: list[str]
) -> None:
    thai = str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙")
    for number in (f"0{national}", f"+66{national}", f"0066{national}", f"66{national}", national):
        sprinkled = "".join(map(operator.add, noise, number))

        assert phones.read(sprinkled, country="TH").e164 == f"+66{national}"
        assert phones.read(sprinkled.translate(thai), country="TH").e164 == f"+66{national}"


@given(text=st.text(max_size=30), country=st.sampled_from(phones.SERVED))
def test_any_text_is_a_valid_number_or_a_refusal(text: str, country: str) -> None:
    try:
        phone = phones.read(text, country=country)
    except phones.UnreadablePhone:
        return

    assert phonenumbers.is_valid_number(phonenumbers.parse(phone.e164))


@given(digits=st.from_regex(r"(?:0|\+66|\+886|\+81)[0-9]{7,11}", fullmatch=True),
       country=st.sampled_from(phones.SERVED))  # fmt: skip
def test_the_short_way_for_mobiles_says_what_the_library_says(digits: str, country: str) -> None:
    try:
        parsed = phonenumbers.parse(
            "+" + digits[2:] if digits.startswith("00") else digits, country
        )
        is_valid = phonenumbers.is_valid_number(parsed)
    except phonenumbers.NumberParseException:
        is_valid = False
    try:
        read = phones.read(digits, country=country)
    except phones.UnreadablePhone:
        assert not is_valid
        return

    assert is_valid
    assert read.e164 == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    assert read.country == phonenumbers.region_code_for_number(parsed)


def test_a_number_is_shown_by_its_country_code_and_its_last_three_digits() -> None:
    assert phones.mask("+66855538125") == "+66 ** *** *125"
    assert phones.mask("+886912345678") == "+886 ** *** *678"
    assert phones.mask("+12125550142") == "+1 ** *** *142"
    assert phones.mask(None) == ""
    assert phones.mask("0855538125") == "** *** ***"


def test_thai_mobiles_are_read_by_the_ten_thousand_a_second() -> None:
    numbers = [f"08{index % 10}-{index % 1000:03d}-{index:04d}" for index in range(10_000)]

    begun = time.process_time()
    for number in numbers:
        phones.read(number, country="TH")

    assert time.process_time() - begun < 1  # measured: 0.05 s


@st.composite
def nearly_mobiles(draw: st.DrawFn) -> tuple[str, str]:
    """A country, and digits that begin as its mobiles do, written in the common ways."""
    country, code, begin, length = draw(
        st.sampled_from(
            [("TH", "66", "8", 9), ("TH", "66", "66", 9), ("TW", "886", "9", 9),
             ("TW", "886", "4", 9), ("JP", "81", "90", 10), ("JP", "81", "80", 10),
             ("JP", "81", "70", 10)]
        )
    )  # fmt: skip
    n = length + draw(st.sampled_from([-1, 0, 0, 0, 0, 1])) - len(begin)
    digits = begin + "".join(draw(st.lists(st.sampled_from("0123456789"), min_size=n, max_size=n)))
    prefix = draw(st.sampled_from(["0", f"+{code}", code, "", f"+{code}0", "00", f"({code})", "+"]))
    text = prefix + digits
    for _n in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(["-", " ", "(", ")", ".", "๑"])) + text[place:]
    return country, text


@settings(max_examples=1_000, deadline=None)
@given(nearly_mobiles())
def test_the_short_way_to_a_mobile_reads_what_the_long_one_reads(case: tuple[str, str]) -> None:
    country, text = case
    short = phones.mobile_reader(country)(text)

    if short is not None:
        assert phones.read_any(text, country=country) == phones.Phone(short, country)


@pytest.mark.parametrize("text", ["081 234 5678", "+66812345678", "812345678", "02-612-0212"])
def test_a_value_that_is_a_number_is_masked(text: str) -> None:
    assert "***" in phones.mask_whole(text, country="TH")


@pytest.mark.parametrize("text", ["2026-12-02", " 2026-12-02 ", "TH581061791319", "ร้าน", "2 Dec"])
def test_a_value_that_is_a_day_or_no_number_is_shown(text: str) -> None:
    assert phones.mask_whole(text, country="TH") == text
