"""What customers said goes when it is taken back, too old, or its person is forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations import answers
from lineportal.conversations.models import ChatMessage, Conversation, MediaPart, Progress
from lineportal.sending import forgetting, inbox, retention, subject_access
from tests import factories
from tests.conversations import talk
from tests.conversations.talk import NOON

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
SECRET = "Zxqvornblat"


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def rows_with(words: str) -> set[str]:
    """Return the tables of which any column holds these words."""
    found = set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables"
                       " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")  # fmt: skip
        for (table,) in cursor.fetchall():
            cursor.execute(
                f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE ANY(%s)',
                [[f"%{words}%", f"%{words.encode().hex()}%"]],
            )
            if cursor.fetchall() != [(0,)]:
                found.add(table)
    return found


def test_nothing_names_or_quotes_who_was_forgotten(account: OfficialAccount) -> None:
    talk.hear(
        account, talk.text(SECRET), talk.message("file", fileName=f"{SECRET}.pdf", fileSize=9)
    )
    held = talk.with_(account)
    Conversation.objects.filter(pk=held.pk).update(name=SECRET)
    file = ChatMessage.objects.get(kind="file")
    MediaPart.objects.create(media=file.media, number=0, data=SECRET.encode())
    answer = answers.say(held, f"Dear {SECRET}", at=NOON, author=None, cause="rule")
    assert rows_with(SECRET)

    forgetting.erase(held.recipient, at=NOON + SECOND, by=None)

    assert rows_with(SECRET) == set()
    answer.refresh_from_db()
    assert (answer.progress, answer.detail, answer.content) == (Progress.FAILED, "erased", None)


def test_what_is_taken_back_is_nowhere_in_any_order(account: OfficialAccount) -> None:
    said = talk.text(SECRET, message_id="1")
    back = talk.unsend("1", NOON + SECOND)
    other = [talk.text(SECRET, message_id="2"), talk.unsend("2", NOON + SECOND)]

    talk.hear(account, said)
    talk.hear(account, back)
    talk.hear(account, said)  # redelivered
    talk.hear(account, other[1])
    talk.hear(account, other[0])

    assert rows_with(SECRET) == set()


def test_an_edit_leaves_the_newer_words_only(account: OfficialAccount) -> None:
    talk.hear(account, talk.text(SECRET, message_id="1"))
    talk.hear(account, talk.edit("1", "newer words", NOON + SECOND))

    assert rows_with(SECRET) == set()
    assert "conversations_chatmessage" in rows_with("newer words")


def test_nobody_empties_the_words_of_another(account: OfficialAccount) -> None:
    talk.hear(account, talk.text(SECRET, message_id="1"))
    talk.hear(account, talk.unsend("1", NOON + SECOND, user=talk.BEN))

    assert "sending_webhookevent" in rows_with(SECRET)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_words_and_names_go_after_their_period(
    batch: int, account: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", batch)
    talk.hear(account, *(talk.text(f"{SECRET} {n}") for n in range(3)))
    Conversation.objects.update(name=SECRET)
    later = NOON + 729 * DAY

    list(retention.batches(at=later))
    assert rows_with(SECRET) == {"conversations_chatmessage", "conversations_conversation"}
    list(retention.batches(at=later + 2 * DAY))
    assert rows_with(SECRET) == set()
    assert ChatMessage.objects.filter(emptied_at=later + 2 * DAY).count() == 3


@pytest.mark.parametrize("progress", ["waiting", "sending", "uncertain", "sent"])
def test_an_answer_that_may_go_out_keeps_its_words(progress: str, account: OfficialAccount) -> None:
    talk.hear(account, talk.text("hello"))
    answer = answers.say(talk.with_(account), "words", at=NOON, author=None, cause="rule")
    ChatMessage.objects.filter(pk=answer.pk).update(progress=progress)

    list(retention.batches(at=NOON + 731 * DAY))

    answer.refresh_from_db()
    assert (answer.text == "words") == (answer.content is not None) == (progress != "sent")


def test_a_word_after_the_erasure_is_a_new_contact(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("before"))
    forgetting.erase(talk.with_(account).recipient, at=NOON + SECOND, by=None)
    talk.post(account, talk.text(SECRET, NOON), talk.text("after", NOON + 2 * SECOND))
    inbox.read(at=NOON + 3 * SECOND)

    assert [each.text for each in talk.with_(account).messages.all()] == ["after"]
    assert "conversations_chatmessage" not in rows_with(SECRET)


def test_who_asks_gets_what_was_said_and_not_who_answered(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("hello"))
    held = talk.with_(account)
    author = factories.user("agent")
    answers.say(held, "good day", at=NOON + SECOND, author=author)

    pack = subject_access.gather(held.recipient, at=NOON + DAY)

    assert [(row["by"], row["text"]) for row in pack["conversation"]] == [
        ("customer", "hello"), ("person", "good day"),
    ]  # fmt: skip
    assert author.username not in str(pack["conversation"])
