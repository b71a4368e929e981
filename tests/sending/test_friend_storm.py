"""A storm of follows and unfollows, shuffled and repeated, read by several readers at once."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections

from lineportal.conversations.models import ChatMessage
from lineportal.sending import inbox
from lineportal.sending.models import WebhookDelivery, WebhookEvent
from recipients.models import ConsentRecord, Recipient
from tests import factories
from tests.conversations import talk

START = datetime(2026, 6, 1, tzinfo=UTC)
PEOPLE, EVENTS, READERS = 150, 1_500, 4


@pytest.mark.django_db(transaction=True)
def test_a_storm_leaves_everybody_as_their_newest_event_says() -> None:
    chance = random.Random(7)
    account = factories.account()
    moves, words, last = [], [], {}
    for n in range(EVENTS):
        user, at = factories.user_id(chance.randrange(PEOPLE)), START + timedelta(seconds=n)
        kind = chance.choice(["follow", "unfollow"])
        moves.append(talk.event(kind, at, user=user))
        last[user] = kind
        if n % 5 == 0:  # who writes locks people and conversations too
            words.append(talk.text("hello", at, user=user))
    again = [{**each, "deliveryContext": {"isRedelivery": True}} for each in moves]
    storm = [*moves, *words, *again, *chance.sample(moves + words, 500)]
    chance.shuffle(storm)
    for start in range(0, len(storm), 12):
        body = json.dumps({"destination": "U" + "0" * 32, "events": storm[start : start + 12]})
        inbox.store(account.pk, provider="line", body=body.encode(), at=START)

    def read() -> None:
        try:
            # One batch each time, so that all readers have their part.
            while inbox._read_batch(at=START + timedelta(days=1)):
                pass
        finally:
            connections.close_all()

    inbox_batch, inbox._BATCH = inbox._BATCH, 20
    try:
        with ThreadPoolExecutor(READERS) as pool:
            for done in [pool.submit(read) for _ in range(READERS)]:
                done.result(timeout=120)
    finally:
        inbox._BATCH = inbox_batch

    becomes = {"follow": "friend", "unfollow": "blocked"}
    held = dict(Recipient.objects.values_list("line_user_id", "friend_status"))
    assert held.items() >= {user: becomes[kind] for user, kind in last.items()}.items()
    assert not WebhookDelivery.objects.filter(read_at__isnull=True).exists()
    assert not WebhookDelivery.objects.exclude(problem="").exists()
    assert WebhookEvent.objects.count() == len(moves) + len(words)
    assert ChatMessage.objects.count() == len(words)
    ledger = ConsentRecord.objects.order_by("recipient", "id")
    before: dict[int, tuple[str, datetime]] = {}
    for entry in ledger:
        value, observed_at = before.get(entry.recipient_id, ("not_friend", START - timedelta(1)))
        assert entry.previous == value
        assert entry.observed_at > observed_at  # nothing older ever moves anybody
        before[entry.recipient_id] = entry.value, entry.observed_at
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        assert cursor.fetchone() == (0,)
