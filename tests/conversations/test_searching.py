"""What was said is found by any words of it, in every language, and by nothing else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations import searching
from lineportal.conversations.models import ChatMessage, Conversation
from tests import factories
from tests.conversations import talk


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def found(words: str) -> list[str]:
    rows = searching.said(ChatMessage.objects.all(), words).order_by("pk")
    return list(rows.values_list("text", flat=True))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("พัสดุของฉันอยู่ที่ไหน", "ของฉัน"),
        ("我的包裹在哪里", "包裹"),
        ("我的包裹在哪里", "哪"),
        ("ＡＢＣ１２３ を注文", "abc123"),
        ("ﾊﾟｰｾﾙはどこ", "パーセル"),
        ("Where is my PARCEL?", "parcel where"),
        ("100% off_season \\o/", "% _ \\o/"),
        ("two\nlines", "lines"),
        ("👍🏽 good", "👍🏽"),
        ("x" * 9_990 + " needle", "needle"),
    ],
)
def test_words_are_found_anywhere(said: str, words: str, account: OfficialAccount) -> None:
    talk.hear(account, talk.text(said), talk.text("something else"))

    assert found(words) == [said]


@pytest.mark.parametrize("words", ["", "   ", "\0", "parcel nowhere", "par_el", "%", "ab"])
def test_what_was_not_said_is_not_found(words: str, account: OfficialAccount) -> None:
    talk.hear(account, talk.text("my parcel, a or b"))

    assert found(words) == []


def test_who_spoke_is_found_by_name(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("hello"))
    Conversation.objects.update(name="สมหญิง ใจดี")

    assert searching.named(Conversation.objects.all(), "ใจดี").exists()
    assert not searching.named(Conversation.objects.all(), "ใจร้าย").exists()


def test_what_was_taken_back_is_found_no_more(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("my secret", message_id="1"))
    talk.hear(account, talk.unsend("1", talk.NOON))

    assert found("secret") == []


LETTERS = st.text(alphabet="ab AB ก่้包裹ー％_\\é", max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(said=LETTERS, words=LETTERS)
def test_the_index_finds_what_reading_every_text_finds(
    said: str, words: str, account: OfficialAccount
) -> None:
    ChatMessage.objects.all().delete()
    talk.hear(account, talk.text("seed"))
    ChatMessage.objects.update(text=said)
    folded = unicodedata.normalize("NFKC", said).upper()
    sought = [each.upper() for each in searching.words_of(words)]

    is_said = bool(sought) and all(each in folded for each in sought)

    assert bool(found(words)) == is_said
