"""How what was said goes again: past the account's period, or as its person is forgotten.

Rows stay, with who spoke, when, and what became of it; words, names and files go.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from lineportal.conversations import fetching
from lineportal.conversations.models import ChatMessage, Conversation, LinkOffer, Media, Progress
from recipients.models import Recipient

# An answer that may still go out, or that a person may send again, keeps what it says.
_OPEN = [Progress.WAITING.value, Progress.SENDING.value, Progress.UNCERTAIN.value]
ERASED = "erased"  # why an answer that waited was not sent
_EMPTY = """
    text = '', facts = '{}', content = NULL, quote_token = '', request_id = '',
    detail = CASE WHEN detail ~ '^[a-z_]{0,40}$' THEN detail ELSE '' END
"""


def forget(recipient: Recipient, *, at: datetime) -> None:
    """Empty all that the person and the account said; what waits is not sent any more.

    The caller has the recipient locked, as who brings new words locks it first too.
    """
    talk = Conversation.objects.select_for_update().filter(recipient=recipient).first()
    if talk is None:
        return
    fetching.drop(talk.messages.all())
    Media.objects.filter(message__conversation=talk).update(claimed_size=None, content_type="")
    # What is on its way may have arrived; nobody sends it again.
    talk.messages.filter(progress=Progress.SENDING).update(
        progress=Progress.UNCERTAIN, detail=ERASED, ended_at=at, next_at=None, leased_until=None
    )
    talk.messages.filter(progress=Progress.WAITING).update(
        progress=Progress.FAILED, detail=ERASED, ended_at=at, next_at=None, leased_until=None
    )
    talk.link_offers.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE conversations_chatmessage SET {_EMPTY}, provider_message_id = NULL,
                emptied_at = coalesce(emptied_at, %s)
            WHERE conversation_id = %s
            """,
            [at, talk.pk],
        )
    Conversation.objects.filter(pk=talk.pk).update(
        name="", language="", profile_at=None, last_text="", reply_token="", reply_token_at=None,
        unread=0, state=Conversation.State.DONE, assignee=None, handed_over_at=None,
    )  # fmt: skip


def empty_words(
    account_id: int, after: int, until: datetime, at: datetime, *, batch: int
) -> tuple[int, int | None]:
    """Empty a page of messages older than `until`; return how many, and where the next begins.

    Walks by the index `talk_with_words`. An event may be told late, so that the walk ends only
    where a whole page is too young.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, occurred_at < %s FROM conversations_chatmessage
            WHERE account_id = %s AND id > %s AND emptied_at IS NULL ORDER BY id LIMIT %s
            """,
            [until, account_id, after, batch],
        )
        page = cursor.fetchall()
        # Asked again under the lock of the row: it may just be sent once more.
        cursor.execute(
            f"""
            UPDATE conversations_chatmessage SET {_EMPTY}, emptied_at = %s
            WHERE id = ANY(%s) AND progress <> ALL(%s) AND emptied_at IS NULL RETURNING id
            """,
            [at, [pk for pk, is_old in page if is_old], _OPEN],
        )
        emptied = [pk for (pk,) in cursor.fetchall()]
    fetching.drop(ChatMessage.objects.filter(pk__in=emptied))
    is_last = len(page) < batch or not any(is_old for _pk, is_old in page)
    return len(emptied), None if is_last else page[-1][0]


def empty_names(
    account_id: int, after: int, until: datetime, _at: datetime, *, batch: int
) -> tuple[int, int | None]:
    """Empty names and last words of a page of conversations in which nothing younger is left."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE conversations_conversation SET name = '', language = '', profile_at = NULL,
                last_text = '', reply_token = '', reply_token_at = NULL
            WHERE id IN (
                SELECT id FROM conversations_conversation talk
                WHERE account_id = %s AND id > %s AND last_message_at < %s
                  AND (name <> '' OR last_text <> '' OR reply_token <> '')
                  AND NOT EXISTS (SELECT FROM conversations_chatmessage message
                                  WHERE message.conversation_id = talk.id AND emptied_at IS NULL)
                ORDER BY id LIMIT %s FOR UPDATE)
              AND last_message_at < %s
            RETURNING id
            """,
            [account_id, after, until, batch, until],
        )
        ids = [pk for (pk,) in cursor.fetchall()]
    return len(ids), max(ids) if len(ids) == batch else None


def drop_offers(account_id: int, *, until: datetime, most: int) -> int:
    """Delete addresses for linking that were asked for before `until`; return how many.

    One that waits for its token may still be given.
    """
    old = LinkOffer.objects.filter(conversation__account=account_id, asked_at__lt=until)
    page = old.exclude(state=LinkOffer.State.WAITING).order_by("pk")[:most]
    return LinkOffer.objects.filter(pk__in=list(page.values_list("pk", flat=True))).delete()[0]


def drop_files(
    account_id: int, after: int, until: datetime, _at: datetime, *, batch: int
) -> tuple[int, int | None]:
    """Delete a page of kept files of messages older than `until`; that there was one stays."""
    kept = Media.objects.filter(
        message__account=account_id, message__occurred_at__lt=until, state=Media.State.KEPT
    )
    page = list(kept.filter(pk__gt=after).order_by("pk").values_list("pk", "message_id")[:batch])
    fetching.drop(ChatMessage.objects.filter(pk__in=[message for _pk, message in page]))
    return len(page), page[-1][0] if len(page) == batch else None
