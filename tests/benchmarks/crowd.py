"""A crowd: recipients by the million, and what years of campaigns leave behind, by set-based SQL.

`fill` writes them in some minutes: triggers rest (its rows have been through their lives), indexes
are dropped and made anew behind them. The same sizes give the same rows, but for random references.
`LINEPORTAL_DATA=/somewhere python -m tests.benchmarks.crowd 1000000 5000000` keeps one to look at.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import django
from django.db import connection, transaction

if __name__ == "__main__":
    os.environ.setdefault("LINEPORTAL_DEBUG", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lineportal.settings")
    django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command

from lineportal.accounts.models import OfficialAccount
from lineportal.sending.models import Campaign, Message
from templates_app.models import MessageTemplate
from tests import factories

ACCOUNTS = 12
CAMPAIGNS = 300
IMPORTS = 40
_TABLES = (
    "recipients_recipient", "recipients_consentrecord", "recipients_importedperson",
    "recipients_suppression", "sending_message", "sending_webhookevent", "audit_auditentry",
)  # fmt: skip
# One large account, middling ones, and one whose few people came first of all.
_ACCOUNT_OF = (
    "CASE WHEN n <= {few} THEN {count} - 1 WHEN n %% 10 < 7 THEN 0"
    " ELSE 1 + (n / 10) %% ({count} - 2) END"
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """What was made, for those who measure."""

    by: User
    accounts: list[OfficialAccount]  # the largest first, the smallest last
    campaigns: list[Campaign]


def fill(recipients: int, messages: int, *, at: datetime, accounts_count: int = ACCOUNTS) -> Crowd:
    """Write a crowd into an empty database with its schema, and commit it.

    Needs a superuser of PostgreSQL. Seven of ten recipients are of the first account.
    """
    by = factories.superuser()
    accounts = [
        factories.account(f"crowd-{n}", channel=f"17700{n:05d}") for n in range(accounts_count)
    ]
    templates = [(factories.approved(one), factories.two_way(one)) for one in accounts]
    MessageTemplate.objects.filter(
        pk__in=[templates[0][0].pk, templates[1][0].pk]
    ).update(overdue_minutes=60)  # fmt: skip
    with transaction.atomic(), resting(_TABLES):
        _people(recipients, accounts, by=by, at=at)
        _suppressions(recipients, at=at)
        campaigns = _campaigns(accounts, templates, by=by, at=at)
        _campaign_messages(campaigns, messages, at=at)
        _one_offs(accounts, templates, messages - Message.objects.count(), at=at)
        _events(at=at)
        _tallies()
        _audit(recipients // 5, at=at)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Crowd(by, accounts, list(Campaign.objects.order_by("pk")))


@contextmanager
def resting(tables: tuple[str, ...]) -> Iterator[None]:
    """Let triggers, foreign keys and indexes of these tables rest meanwhile; in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(
            """
            SELECT format('ALTER TABLE %%I DROP CONSTRAINT %%I', conrelid::regclass, conname),
                   format('ALTER TABLE %%I ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,
                          pg_get_constraintdef(oid))
            FROM pg_constraint WHERE contype = 'u' AND conrelid::regclass::text = ANY(%s)
            UNION ALL
            SELECT format('DROP INDEX %%I', indexrelid::regclass), pg_get_indexdef(indexrelid)
            FROM pg_index WHERE indrelid::regclass::text = ANY(%s)
              AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
            """,
            [list(tables), list(tables)],
        )
        indexes = cursor.fetchall()
        for drop, _make in indexes:
            cursor.execute(drop)
    yield
    with connection.cursor() as cursor:
        for _drop, make in indexes:
            cursor.execute(make)
        cursor.execute("SET LOCAL session_replication_role = origin")


def _people(count: int, accounts: list[OfficialAccount], *, by: User, at: datetime) -> None:
    account_of = _ACCOUNT_OF.format(few=max(count // 1000, 5), count=len(accounts))
    pks = [account.pk for account in accounts]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO recipients_recipient (account_id, phone, phone_country, line_user_id,
                consent, consent_source, consent_observed_at, friend_status, friend_source,
                friend_observed_at, attributes, tags, created_at, updated_at, erased_at)
            SELECT (%(pks)s::bigint[])[1 + {account_of}],
                   CASE WHEN n %% 997 <> 0 THEN '+668' || lpad(n::text, 8, '0') END,
                   CASE WHEN n %% 997 = 0 THEN '' WHEN n %% 211 = 0 THEN 'SG' ELSE 'TH' END,
                   CASE WHEN n %% 997 <> 1 AND n %% 5 < 3 THEN 'U' || md5(n::text) END,
                   consent, CASE WHEN consent = 'not_set' THEN 'assumed' ELSE 'import' END,
                   CASE WHEN consent <> 'not_set' THEN seen_at END, friend_status,
                   CASE WHEN friend_status = 'not_friend' THEN 'assumed' ELSE 'line' END,
                   CASE WHEN friend_status <> 'not_friend' THEN seen_at END,
                   jsonb_build_object('name', 'ลูกค้า ' || n, 'tracking_no', 'TH' || n,
                                      'parcel_from', 'ร้าน ' || n %% 400, 'city', 'c' || n %% 77),
                   CASE WHEN n %% 10 = 0 THEN ARRAY['vip'] WHEN n %% 10 = 1 THEN
                        ARRAY['branch-' || n %% 40, 'newsletter'] ELSE '{{}}' END,
                   seen_at, seen_at, CASE WHEN n %% 997 = 0 THEN seen_at END
            FROM (
                SELECT n, %(at)s::timestamptz - make_interval(mins => %(count)s - n) AS seen_at,
                       CASE WHEN n %% 100 < 8 THEN 'rejected' WHEN n %% 100 < 50 THEN 'agreed'
                            ELSE 'not_set' END AS consent,
                       CASE WHEN n %% 37 = 0 THEN 'blocked' WHEN n %% 5 < 2 THEN 'friend'
                            ELSE 'not_friend' END AS friend_status
                FROM generate_series(1, %(count)s) n
            ) people
            """,
            {"pks": pks, "at": at, "count": count},
        )
        cursor.execute(
            """
            INSERT INTO recipients_recipientimport (account_id, file_name, file_sha256, is_dry_run,
                state, problem, encoding, rows, rows_read, created, updated, unchanged, refused,
                started_by_id, created_at, finished_at, source_text)
            SELECT account_id, 'people-' || part || '.csv', md5(part::text), false, 'finished', '',
                   'utf-8', count(*), count(*), count(*), 0, 0, 0, %s, min(created_at),
                   min(created_at), ''
            FROM (SELECT account_id, created_at, (id * %s / (%s + 1)) AS part
                  FROM recipients_recipient) parts
            GROUP BY account_id, part ORDER BY part, account_id
            """,
            [by.pk, IMPORTS, count],
        )
        cursor.execute(
            """
            INSERT INTO recipients_importedperson (recipient_import_id, recipient_id)
            SELECT job.id, person.id
            FROM recipients_recipient person JOIN recipients_recipientimport job
              ON job.account_id = person.account_id
             AND job.file_name = 'people-' || (person.id * %s / (%s + 1)) || '.csv'
            """,
            [IMPORTS, count],
        )
        cursor.execute(
            """
            INSERT INTO recipients_consentrecord (recipient_id, subject, value, previous,
                observed_at, is_dated, recorded_at, source, source_reference)
            SELECT id, 'consent', consent, '', consent_observed_at, true, created_at, 'import',
                   'import:1 row ' || id
            FROM recipients_recipient WHERE consent <> 'not_set'
            UNION ALL
            SELECT id, 'friend', friend_status, 'not_friend', friend_observed_at, true, created_at,
                   'line', md5(id::text)
            FROM recipients_recipient WHERE friend_status <> 'not_friend'
            """
        )


def _suppressions(people: int, *, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO recipients_suppression (account_id, phone, reason, created_at, lifted_at)
            SELECT account_id, phone, 'asked by phone', %s,
                   CASE WHEN id %% 7 = 0 THEN %s::timestamptz END
            FROM recipients_recipient WHERE phone IS NOT NULL AND id %% 50 = 1
            """,
            [at, at],
        )


def _campaigns(
    accounts: list[OfficialAccount],
    templates: list[tuple[MessageTemplate, MessageTemplate]],
    *,
    by: User,
    at: datetime,
) -> list[Campaign]:
    states = Campaign.State
    kinds = {0: states.DRAFT, 1: states.SCHEDULED, 2: states.CANCELLED, 3: states.PAUSED}
    rows = []
    for n in range(CAMPAIGNS):
        which = 0 if n % 10 < 7 else n // 10 % len(accounts)
        state = states.RUNNING if n >= CAMPAIGNS - 2 else kinds.get(n % 50, states.FINISHED)
        is_frozen = state not in (states.DRAFT, states.SCHEDULED)
        rows.append(
            Campaign(
                account=accounts[which], template=templates[which][n % 4 == 3],
                name=f"Campaign {n}", state=state, created_by=by, created_at=at,
                started_at=at if is_frozen else None, frozen_at=at if is_frozen else None,
                written_at=at if is_frozen else None,
            )
        )  # fmt: skip
    return Campaign.objects.bulk_create(rows)


# What became of a message of a finished campaign that no rule excluded, by thousandths.
_ENDS = """
    CASE WHEN h < 30 THEN 'refused' WHEN h < 32 THEN 'failed' WHEN h < 33 THEN 'uncertain'
         WHEN h < 150 THEN CASE WHEN {service} = 'oa' THEN 'accepted' ELSE 'expired' END
         ELSE CASE WHEN {service} = 'oa' THEN 'accepted' ELSE 'delivered' END END
"""
_BY_STATE = {
    Campaign.State.FINISHED: _ENDS,
    Campaign.State.CANCELLED: f"CASE WHEN h % 2 = 0 THEN 'cancelled' ELSE {_ENDS} END",
    Campaign.State.PAUSED: f"CASE WHEN h % 3 > 0 THEN 'queued' ELSE {_ENDS} END",
    Campaign.State.RUNNING: f"CASE WHEN h % 10 > 1 THEN 'queued' WHEN h = 0 THEN 'sending'"
    f" ELSE {_ENDS} END",
}
_INSERT_MESSAGES = """
    INSERT INTO sending_message (account_id, campaign_id, template_id, recipient_id, item, service,
        verdict, rule, rules_version, consent, friend_status, address, values, body_template_hash,
        status, queued_at, ready_at, changed_at, accepted_at, delivered_at, expires_at, reference,
        attempts, attempt_started_at, attempt_ended_at, body_sha256, http_status, request_id,
        outcome, detail)
    SELECT account_id, %(campaign)s, %(template)s, id, item, %(service)s,
           CASE WHEN rule <> '' THEN 'excluded' WHEN consent = 'not_set' THEN 'send_pending_consent'
                ELSE 'send' END,
           rule, '2026-11', consent, friend_status, CASE WHEN rule = '' THEN phone ELSE '' END,
           jsonb_build_object('name', attributes -> 'name', 'tracking_no', 'TH' || id,
                              'parcel_from', attributes -> 'parcel_from'),
           %(hash)s, status, t, t, t,
           CASE WHEN status IN ('accepted', 'delivered', 'expired') THEN t END,
           CASE WHEN status = 'delivered' THEN t END,
           CASE WHEN status IN ('accepted', 'uncertain') THEN t + interval '1 day' END,
           CASE WHEN rule = '' THEN gen_random_uuid() END, is_sent::int,
           CASE WHEN is_sent THEN t END, CASE WHEN is_sent THEN t END,
           CASE WHEN is_sent THEN md5(id::text) || md5(id::text) ELSE '' END,
           CASE WHEN is_sent THEN 200 END, CASE WHEN is_sent THEN md5(id::text) ELSE '' END,
           CASE WHEN is_sent THEN 'accepted' ELSE '' END, ''
    FROM (
        SELECT *, CASE WHEN rule <> '' THEN 'skipped' ELSE {status} END AS status,
               rule = '' AND {status} NOT IN ('queued', 'cancelled') AS is_sent
        FROM (
            SELECT *, (id * 7919 + %(salt)s) %% 1000 AS h,
                   CASE WHEN erased_at IS NOT NULL THEN 'erased'
                        WHEN id %% 50 = 1 THEN 'suppressed'
                        WHEN phone IS NULL THEN 'no_phone'
                        WHEN phone_country <> 'TH' THEN 'country_not_served'
                        WHEN friend_status = 'blocked' THEN 'blocked'
                        WHEN consent = 'rejected' THEN 'consent_rejected'
                        WHEN id %% 4001 = 0 THEN 'missing_values' ELSE '' END AS rule,
                   %(at)s::timestamptz AS t
            FROM ({people}) person
        ) ruled
    ) judged
"""


def _campaign_messages(campaigns: list[Campaign], total: int, *, at: datetime) -> None:
    """Write the campaigns' messages one campaign after another, as they are started."""
    weights = {one.pk: 1 + one.pk % 7 + 40 * (one.pk % 60 == 0) for one in campaigns}
    whole = sum(weights[one.pk] for one in campaigns if one.frozen_at) or 1
    for n, campaign in enumerate(campaigns):
        if not campaign.frozen_at:
            continue
        size = round(0.9 * total * weights[campaign.pk] / whole)
        _write(
            campaign.template, campaign, _BY_STATE[Campaign.State(campaign.state)],
            "SELECT *, '' AS item FROM recipients_recipient"
            " WHERE account_id = %(account)s ORDER BY id LIMIT %(size)s",
            size=size, salt=n * 31, hours=len(campaigns) - n, at=at,
        )  # fmt: skip


def _one_offs(
    accounts: list[OfficialAccount],
    templates: list[tuple[MessageTemplate, MessageTemplate]],
    total: int,
    *,
    at: datetime,
) -> None:
    """Write what single requests made: to everyone of an account, again and again."""
    for n in range(len(accounts)):
        size = total * 7 // 10 if n == 0 else total * 3 // 10 // (len(accounts) - 1)
        _write(
            templates[n][0], None, _ENDS,
            "SELECT person.*, 'order ' || id || '-' || turn AS item"
            " FROM generate_series(1, 1000) turn, recipients_recipient person"
            " WHERE account_id = %(account)s LIMIT %(size)s",
            size=size, salt=n, hours=0, at=at,
        )  # fmt: skip


def _write(
    template: MessageTemplate,
    campaign: Campaign | None,
    status: str,
    people: str,
    *,
    size: int,
    salt: int,
    hours: int,
    at: datetime,
) -> None:
    status = status.format(service="%(service)s").replace("h % ", "h %% ")
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_MESSAGES.replace("{status}", status).replace("{people}", people)
            .replace("%(at)s::timestamptz", "%(at)s::timestamptz - make_interval(hours => %(h)s)"),
            {
                "campaign": campaign.pk if campaign else None, "template": template.pk,
                "service": template.service, "hash": template.content_hash, "salt": salt,
                "account": template.account_id, "size": size, "at": at, "h": hours,
            },
        )  # fmt: skip


def _events(*, at: datetime) -> None:
    """Keep the delivery events of every twentieth delivered message, fifty to a POST."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO sending_webhookdelivery (account_id, provider, body, received_at, read_at,
                                                 problem)
            SELECT min(account_id), 'line', '', %s, %s, ''
            FROM sending_message WHERE status = 'delivered' AND id %% 20 = 0
            GROUP BY account_id, id / 1000
            """,
            [at, at],
        )
        cursor.execute(
            """
            INSERT INTO sending_webhookevent (delivery_id, account_id, event_id, kind, occurred_at,
                                              reference, line_user_id, payload, effect)
            SELECT (SELECT max(id) FROM sending_webhookdelivery), account_id, md5(id::text),
                   'delivery', delivered_at, reference, '', '{}', 'delivered'
            FROM sending_message WHERE status = 'delivered' AND id % 20 = 0
            """
        )


def _tallies() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO sending_tally (campaign_id, status, rule, n)
            SELECT campaign_id, status, rule, count(*) FROM sending_message
            WHERE campaign_id IS NOT NULL GROUP BY 1, 2, 3
            """
        )


def _audit(count: int, *, at: datetime) -> None:
    """Write entries behind the real ones; their hashes are none, as nothing here checks them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO audit_auditentry (number, at, actor, action, account_id, subject, facts,
                                          previous_hash, hash)
            SELECT (SELECT max(number) FROM audit_auditentry) + row_number() OVER (ORDER BY id), %s,
                   CASE WHEN id %% 3 = 0 THEN 'system' ELSE 'user:' || id %% 40 END,
                   CASE WHEN id %% 10000 = 0 THEN 'template.overdue' WHEN id %% 4 = 0
                        THEN 'recipient.change' ELSE 'message.request' END,
                   account_id, 'recipient:' || id, '{}', '', ''
            FROM recipients_recipient ORDER BY id LIMIT %s
            """,
            [at, count],
        )


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    fill(int(sys.argv[1]), int(sys.argv[2]), at=datetime.now(UTC))
    print(f"filled in {time.perf_counter() - began:.0f} s")
