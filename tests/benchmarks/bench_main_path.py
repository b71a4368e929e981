"""How fast the main path is, as ratios within one run: `make bench`.

Start: the whole start of a campaign against a bare INSERT ... SELECT of as many rows into the same
table with its indexes, triggers off. Send: messages through worker and simulator in one process
against the same requests posted by the same HTTP client with nothing else done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp
from django.db import connection

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.providers import http
from lineportal.sending import campaigns, freezing
from lineportal.sending.models import Campaign, Message
from tests import factories
from tests.line import CHANNEL, Line

PEOPLE = 100_000
SENT = 3_000


def people(account: OfficialAccount, count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO recipients_recipient (account_id, phone, phone_country, consent,
                consent_source, friend_status, friend_source, attributes, created_at, updated_at)
            SELECT %s, '+668' || lpad(n::text, 8, '0'), 'TH', 'agreed', 'import', 'not_friend',
                'import', '{"name": "a", "tracking_no": "b", "parcel_from": "c"}', now(), now()
            FROM generate_series(1, %s) n
            """,
            [account.pk, count],
        )
        cursor.execute("ANALYZE recipients_recipient")


def timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def bare_insert() -> float:
    """Return the seconds of as many rows again, by INSERT ... SELECT with the triggers off."""
    columns = [field.column for field in Message._meta.concrete_fields if field.column != "id"]
    names = ", ".join(f'"{name}"' for name in columns)
    fresh = {"campaign_id": "NULL", "reference": "gen_random_uuid()"}
    values = ", ".join(fresh.get(name, f'"{name}"') for name in columns)
    statement = f"INSERT INTO sending_message ({names}) SELECT {values} FROM sending_message"
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE sending_message DISABLE TRIGGER USER")
        seconds = timed(lambda: cursor.execute(statement))
        cursor.execute("ALTER TABLE sending_message ENABLE TRIGGER USER")
    return seconds


def test_start_against_a_bare_insert(transactional_db: None) -> None:
    account = factories.account()
    people(account, PEOPLE)
    by, at = factories.user("sender"), datetime.now(UTC)
    template = factories.approved(account)
    made = campaigns.create(account, template=template, name="bench", by=by, at=at)

    def start() -> None:
        campaigns.start(made, by=by, at=at)
        freezing.write_all(made.pk, at=at)  # as a worker does, for so many

    ours = timed(start)
    floor = bare_insert()
    print(f"\nstart of {PEOPLE:,}: {ours:.2f} s; bare INSERT ... SELECT: {floor:.2f} s;"
          f" ratio {ours / floor:.2f}")  # fmt: skip
    assert Message.objects.filter(campaign=made).count() == PEOPLE


def test_send_against_bare_posts(line: Line, drain: Callable[[], None]) -> None:
    account = factories.account(api_base_url=line.url, rate_per_second=2000)
    people(account, SENT)
    line.channel(channel_access_token="bench-token-0123456789", rate_per_second=100_000)
    line.people(*({"phone": f"+668{n:08d}", "consent": "agreed"} for n in range(1, SENT + 1)))
    by, at = factories.user("sender"), datetime.now(UTC)
    template = factories.approved(account)
    made = campaigns.create(account, template=template, name="bench", by=by, at=at)
    campaigns.start(made, by=by, at=at)

    ours = timed(drain)

    entry = line.sends()[0]
    body = entry["body"]

    async def post_all() -> None:
        limit = asyncio.Semaphore(64)

        async def post(session: aiohttp.ClientSession, n: int) -> None:
            headers = {
                "Authorization": "Bearer bench-token-0123456789",
                "X-Line-Delivery-Tag": f"{n:032d}",
            }
            url = f"{line.url}/bot/pnp/push"
            async with limit, session.post(url, json=body, headers=headers) as answer:
                await answer.read()

        async with http.session(connections=64) as session:
            await asyncio.gather(*(post(session, n) for n in range(SENT)))

    floor = timed(lambda: asyncio.run(post_all()))
    print(f"\nsend of {SENT:,}: {SENT / ours:,.0f}/s (pace allows 2,000/s); bare posts:"
          f" {SENT / floor:,.0f}/s; ratio {ours / floor:.2f}")  # fmt: skip
    assert Campaign.objects.get(pk=made.pk).messages.filter(status="accepted").count() == SENT
    assert Road.objects.filter(sender=CHANNEL).exists()
