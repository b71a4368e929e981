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


@pytest.fixture(params=[1, 2_500], ids=["by the index", "among the newest"])
def newest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "NEWEST", request.param)


def found(words: str) -> list[str]:
    ids = searching.said(ChatMessage.objects.all(), words, limit=50).ids
    by_id = ChatMessage.objects.in_bulk(ids)
    return [by_id[pk].text for pk in ids]


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
@pytest.mark.usefixtures("newest")
def test_words_are_found_anywhere(said: str, words: str, account: OfficialAccount) -> None:
    talk.hear(account, talk.text(said), talk.text("something else"))

    assert found(words) == [said]


@pytest.mark.parametrize("words", ["", "   ", "\0", "parcel nowhere", "par_el", "%", "ab"])
@pytest.mark.usefixtures("newest")
def test_what_was_not_said_is_not_found(words: str, account: OfficialAccount) -> None:
    talk.hear(account, talk.text("my parcel, a or b"), talk.text("something else"))

    assert found(words) == []


def test_who_spoke_is_found_by_name(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("hello"))
    Conversation.objects.update(name="สมหญิง ใจดี")

    assert searching.named(Conversation.objects.all(), "ใจดี", limit=5).ids
    assert not searching.named(Conversation.objects.all(), "ใจร้าย", limit=5).ids


def test_the_newest_come_first_and_no_more_than_asked_for(
    account: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "NEWEST", 2)
    talk.hear(account, *(talk.text(f"parcel {n}") for n in range(40)))
    keys = list(ChatMessage.objects.order_by("-pk").values_list("pk", flat=True))

    for limit in (1, 2, 3, 18, 19, 39):
        assert searching.said(ChatMessage.objects.all(), "parcel", limit=limit) == searching.Found(
            keys[:limit]
        )
    assert searching.said(ChatMessage.objects.all(), "parcel", limit=99).ids == keys


def test_a_search_that_ends_early_says_so(
    account: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "NEWEST", 1)
    monkeypatch.setattr(searching, "CANDIDATES_LIMIT", 5)
    talk.hear(account, talk.text("ab bc"), talk.text("abc"))
    talk.hear(account, *(talk.text(f"ab bc {n}") for n in range(9)))
    rows = ChatMessage.objects.all()

    assert searching.said(rows, "abc", limit=5) == searching.Found([], is_cut=True)
    assert len(searching.said(rows, "bc", limit=5).ids) == 5
    assert not searching.said(rows, "bc", limit=5).is_cut
    assert not searching.said(rows, "xyz", limit=5).is_cut


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
    talk.hear(account, talk.text("seed"), talk.text("newest"))
    newest = ChatMessage.objects.latest("pk")
    ChatMessage.objects.update(text="")
    ChatMessage.objects.exclude(pk=newest.pk).update(text=said)
    folded = unicodedata.normalize("NFKC", said).upper()
    sought = [each.upper() for each in searching.words_of(words)]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(searching, "NEWEST", 1)
        is_found = bool(found(words))
    is_said = bool(sought) and all(each in folded for each in sought)

    assert is_found == is_said
