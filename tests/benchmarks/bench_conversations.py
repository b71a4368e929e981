"""Inbox, chat and search over a million messages: `make bench-conversations`.

Whole pages by the test client: median, longest, queries, and how many times as long as a bare read
of as many rows by their primary key in the same run. Printed, not judged, but for what is found.
`LINEPORTAL_BENCH_MESSAGES` sets how many messages; a tenth as many conversations hold them.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.conversations.models import ChatMessage, Conversation
from tests import factories
from tests.api.client import Api
from tests.benchmarks import crowd
from tests.benchmarks.bench_recipients import bare, best

MESSAGES = int(os.environ.get("LINEPORTAL_BENCH_MESSAGES", 1_000_000))
LONG = MESSAGES // 100  # messages of the longest conversation
TURNS = 5
RARE = "鶴亀算"  # said in the oldest messages only
SEARCHES = {
    "common word": "พัสดุ", "common word, Chinese": "包裹", "two common words": "parcel 包裹",
    "rare word": RARE, "rare and common word": f"{RARE} parcel", "nothing": "nowhere-at-all",
    "pairs but no word": "rceipt", "one Thai letter": "ก", "one Latin letter": "e",
    "a name": "ลูกค้า 77",
}  # fmt: skip
_TABLES = ("recipients_recipient", "conversations_conversation", "conversations_chatmessage")
_WORDS = [
    "พัสดุ", "ของฉัน", "อยู่ที่ไหน", "ขอบคุณครับ", "ใบเสร็จ", "包裹", "在哪里", "谢谢", "订单", "发票",
    "荷物は", "どこですか", "ありがとう", "領収書", "注文", "parcel", "where is", "thank you",
    "receipt", "order",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Talks:
    """What was made, for those who measure."""

    everybody: User
    agent: User  # of the smallest account
    accounts: list[OfficialAccount]  # the largest first


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[Talks]:
    with django_db_blocker.unblock():
        begin = time.perf_counter()
        made = fill(MESSAGES, at=datetime.now(UTC))
        print(
            f"\n{ChatMessage.objects.count():,} messages in {Conversation.objects.count():,}"
            f" conversations made in {time.perf_counter() - begin:.0f} s"
        )
    yield made
    with django_db_blocker.unblock():
        call_command("flush", verbosity=0, interactive=False)


def fill(messages: int, *, at: datetime) -> Talks:
    """Write the talks of three accounts into an empty database, a message every twenty seconds."""
    everybody, agent = factories.superuser(), factories.superuser()
    accounts = [factories.account(f"talk-{n}", channel=f"17701{n:05d}") for n in range(3)]
    AccountScope.objects.create(user=agent).accounts.set([accounts[-1]])
    given = {
        "pks": [account.pk for account in accounts], "user": everybody.pk, "at": at,
        "count": messages, "talks": messages // 10, "long": LONG, "words": _WORDS,
        "all": len(_WORDS), "rare": RARE,
    }  # fmt: skip
    with transaction.atomic(), crowd.resting(_TABLES), connection.cursor() as cursor:
        for sql in (_PEOPLE, _TALKS, _MESSAGES, _LAST):
            cursor.execute(sql, given)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Talks(everybody, agent, accounts)


_ACCOUNT = "(%(pks)s::bigint[])[CASE WHEN n %% 10 < 7 THEN 1 WHEN n %% 10 < 9 THEN 2 ELSE 3 END]"
_PEOPLE = f"""
    INSERT INTO recipients_recipient (id, account_id, phone_country, line_user_id, consent,
        consent_source, friend_status, friend_source, friend_observed_at, attributes, tags,
        created_at, updated_at)
    SELECT n, {_ACCOUNT}, '', 'U' || md5(n::text), 'not_set', 'assumed', 'friend', 'line',
           %(at)s, jsonb_build_object('name', 'ลูกค้า ' || n), '{{}}', %(at)s, %(at)s
    FROM generate_series(1, %(talks)s) AS n
"""
_TALKS = f"""
    INSERT INTO conversations_conversation (id, account_id, recipient_id, name, language, state,
        assignee_id, unread, reply_token, profile_at, last_message_at, last_text, created_at)
    SELECT n, {_ACCOUNT}, n, 'ลูกค้า ' || n, 'th',
           CASE WHEN n %% 4 = 3 THEN 'done' ELSE 'open' END,
           CASE WHEN n %% 51 = 0 THEN %(user)s END, CASE WHEN n %% 41 = 1 THEN 2 ELSE 0 END, '',
           %(at)s, %(at)s, '', %(at)s
    FROM generate_series(1, %(talks)s) AS n
"""
# Five words of the list to a message, by a hash; the oldest thousandth part says the rare one too.
_MESSAGES = f"""
    INSERT INTO conversations_chatmessage (id, conversation_id, account_id, speaker, kind, text,
        facts, provider_message_id, quote_token, occurred_at, author_id, cause, progress, way,
        reference, attempts, request_id, detail)
    SELECT place, n, {_ACCOUNT}, CASE WHEN is_ours THEN 'person' ELSE 'customer' END, 'text',
           words, '{{}}', CASE WHEN is_ours THEN NULL ELSE place::text END, '',
           %(at)s::timestamptz - make_interval(secs => 20.0 * (%(count)s - place)),
           CASE WHEN is_ours THEN %(user)s END, '', CASE WHEN is_ours THEN 'sent' ELSE '' END,
           CASE WHEN is_ours THEN 'push' ELSE '' END,
           CASE WHEN is_ours THEN gen_random_uuid() END, 1, '', ''
    FROM (
        SELECT place, place %% 3 = 0 AS is_ours,
               CASE WHEN place %% (%(count)s / %(long)s) = 0 THEN 1
                    ELSE 1 + (place::bigint * 7919) %% %(talks)s END AS n,
               concat_ws(' ', w[1 + h %% %(all)s], w[1 + h / 32 %% %(all)s],
                         w[1 + h / 1024 %% %(all)s], w[1 + h / 32768 %% %(all)s], place,
                         CASE WHEN place < %(count)s / 1000 THEN %(rare)s END) AS words
        FROM generate_series(1, %(count)s) AS place,
             LATERAL (SELECT hashint4(place) & 2147483647 AS h, %(words)s::text[] AS w) AS dice
    ) AS said
"""
_LAST = """
    UPDATE conversations_conversation AS talk
    SET last_message_at = newest.occurred_at, last_text = left(newest.text, 100),
        last_heard_at = newest.occurred_at
    FROM (SELECT DISTINCT ON (conversation_id) conversation_id, occurred_at, text
          FROM conversations_chatmessage ORDER BY conversation_id, id DESC) AS newest
    WHERE talk.id = newest.conversation_id
"""


def test_the_inbox_and_a_chat(filled: Talks, db: None) -> None:
    client, account = signed_in(filled.everybody), filled.accounts[-1].pk
    deep = Conversation.objects.filter(state="open").order_by("-last_message_at", "-id")
    place = deep[deep.count() // 2]
    before = quote(f"{place.last_message_at.isoformat()}_{place.pk}")
    inbox, rows = "/conversations/", "/conversations/rows/"
    talk = "/conversations/1/"
    middle = ChatMessage.objects.filter(conversation=1).order_by("id")[LONG // 2].pk
    for what, url in {
        "as it opens": inbox, "rows alone": rows,
        "a page in the middle": f"{inbox}?before={before}",
        "an account": f"{inbox}?account={account}", "mine": f"{inbox}?whose=mine",
        "nobody's": f"{inbox}?whose=nobody", "unread": f"{inbox}?unread=1",
        "an account's unread": f"{inbox}?account={account}&unread=1",
        "done": f"{inbox}?state=done", f"chat of {LONG:,}": talk,
        "chat, before the middle": f"{talk}?before={middle}",
        "chat, around the middle": f"{talk}?around={middle}",
        "chat, refreshed": f"{talk}messages/",
    }.items():  # fmt: skip
        show(what, lambda url=url: client.get(url))  # type: ignore[misc]


@pytest.mark.parametrize("who", ["everybody", "agent"])
def test_a_search(who: str, filled: Talks, db: None) -> None:
    client = signed_in(getattr(filled, who))
    for what, words in SEARCHES.items():
        url = f"/conversations/?q={quote(words)}"
        show(f"{who}: {what}", lambda url=url: client.get(url))  # type: ignore[misc]


def test_the_api(filled: Talks, db: None) -> None:
    api, base = Api(filled.everybody), "conversations/"
    for what, url in {
        "api": base,
        "api, an account's unread": f"{base}?account=talk-2&unread=true",
        "api, messages": f"{base}1/messages/",
        **{f"api: {what}": f"{base}?q={quote(words)}" for what, words in SEARCHES.items()},
    }.items():
        show(what, lambda url=url: api.get(url), rows=100)  # type: ignore[misc]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def show(what: str, act: Callable[[], Any], *, rows: int = 50) -> None:
    """Print how long one page takes, against a read of as many rows by their primary key."""
    assert act().status_code == 200, what
    times: list[float] = []
    while len(times) < TURNS and sum(times) < 30:
        begin = time.perf_counter()
        act()
        times.append(time.perf_counter() - begin)
    with CaptureQueriesContext(connection) as queries:
        act()
    floor = best(lambda: bare(
        "SELECT * FROM conversations_chatmessage WHERE id = ANY(%s)",
        list(range(MESSAGES - rows, MESSAGES))))  # fmt: skip
    middle = 1000 * statistics.median(times)
    print(f"{what:36} median {middle:7.0f} ms, longest {1000 * max(times):7.0f} ms,"
          f" {len(queries):3} queries, {middle / floor:7.0f} times the floor")  # fmt: skip
