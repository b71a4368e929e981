"""Words for consent and friend status, and LINE user ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipients import words
from recipients.models import Consent, FriendStatus

PAGE = Path(__file__).parents[2] / "docs" / "recipients-file.md"
TABLES: list[tuple[Mapping[str, tuple[str, ...]], Callable[[str], str]]] = [
    (words.CONSENT, words.consent),
    (words.FRIEND_STATUS, words.friend_status),
]
EVERY = [
    (read, word, value)
    for table, read in TABLES
    for value, known in table.items()
    for word in known
]


def test_the_tables_say_the_values_that_are_stored() -> None:
    assert list(words.CONSENT) == Consent.values
    assert list(words.FRIEND_STATUS) == FriendStatus.values


@pytest.mark.parametrize(("table", "_read"), TABLES)
def test_no_word_means_two_things(
    table: Mapping[str, tuple[str, ...]], _read: Callable[[str], str]
) -> None:
    known = [words.folded(word) for same in table.values() for word in same]

    assert len(set(known)) == len(known)
    assert all(known)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (words.consent, "agreed", "agreed"),
        (words.consent, " Agreed ", "agreed"),
        (words.consent, "NOT-SET", "not_set"),
        (words.consent, "Not set", "not_set"),
        (words.consent, "not__set", "not_set"),
        (words.consent, "ｒｅｊｅｃｔｅｄ", "rejected"),
        (words.consent, "ยินยอม", "agreed"),
        (words.consent, "ไม่ยินยอม", "rejected"),
        (words.consent, "ยังไม่ได้ตั้งค่า", "not_set"),
        (words.consent, "同意", "agreed"),
        (words.consent, "不同意", "rejected"),
        (words.consent, "拒否", "rejected"),
        (words.consent, "未設定", "not_set"),
        (words.friend_status, "FRIEND", "friend"),
        (words.friend_status, "not a friend", "not_friend"),
        (words.friend_status, "ไม่ใช่เพื่อน", "not_friend"),
        (words.friend_status, "友だち", "friend"),
        (words.friend_status, "非好友", "not_friend"),
        (words.friend_status, "封鎖", "blocked"),
        (words.friend_status, "ﾌﾞﾛｯｸ", "blocked"),
        (words.friend_status, "unfollowed", "blocked"),
    ],
)
def test_usual_spellings_are_understood(read: Callable[[str], str], text: str, value: str) -> None:
    assert read(text) == value


@given(chosen=st.sampled_from(EVERY), gap=st.sampled_from(["", " ", "-", "_", " - ", "\u3000"]),
       is_upper=st.booleans())  # fmt: skip
def test_case_spaces_and_dashes_do_not_count(
    chosen: tuple[Callable[[str], str], str, str], gap: str, is_upper: bool
) -> None:
    read, word, value = chosen
    written = re.sub(r" ", gap, f" {word} ")

    assert read(written.upper() if is_upper else written) == value


@pytest.mark.parametrize(
    "text", ["agreeed", "agreed!", "I agreed", "not agreed", "agree d?", "", "-"]
)
def test_a_word_is_matched_whole(text: str) -> None:
    with pytest.raises(words.UnknownWord):
        words.consent(text)


def test_an_unknown_word_is_not_repeated_but_the_known_ones_are() -> None:
    with pytest.raises(words.UnknownWord) as refusal:
        words.consent("0812345678")
    assert str(refusal.value) == "unknown word; use one of: agreed, not_set, rejected"

    with pytest.raises(words.UnknownWord) as refusal:
        words.friend_status("agreed")
    assert str(refusal.value) == "unknown word; use one of: friend, not_friend, blocked"


@given(text=st.text(max_size=20))
def test_any_text_is_a_value_or_a_refusal(text: str) -> None:
    for table, read in TABLES:
        try:
            assert read(text) in table
        except words.UnknownWord:
            continue


def test_a_line_user_id_is_u_and_32_hexadecimal_digits() -> None:
    assert words.line_user_id(" U" + "0123456789ABCDEF" * 2 + "\u200b") == (
        "U" + "0123456789abcdef" * 2
    )


@pytest.mark.parametrize(
    "text",
    ["", "U", "U" + "a" * 31, "U" + "a" * 33, "u" + "a" * 32, "C" + "a" * 32, "U" + "g" * 32,
     "U" + "๑" * 32, "a" * 32, "U" + "a" * 16 + " " + "a" * 16],
)  # fmt: skip
def test_anything_else_is_no_line_user_id(text: str) -> None:
    with pytest.raises(words.UnreadableUserId, match="capital U and 32"):
        words.line_user_id(text)


@pytest.mark.parametrize(("title", "table"), [("consent", words.CONSENT),
                                              ("friend_status", words.FRIEND_STATUS)])  # fmt: skip
def test_the_page_lists_every_word(title: str, table: Mapping[str, tuple[str, ...]]) -> None:
    section = PAGE.read_text(encoding="utf-8").split(f"### {title}\n")[1].split("\n#")[0]

    written = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)

    assert {value: tuple(listed.split(", ")) for value, listed in written} == dict(table)
