"""How long personal data is kept, and its emptying when that is over.

Rows stay, with what decided and what was counted; only what names people goes. Each batch is one
transaction with its own entry of the audit chain, so that a kill loses nothing and counts agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from lineportal.conversations import keeping
from lineportal.sending import forgetting
from lineportal.sending.models import Retention
from lineportal.sending.models.retention import LONGEST, SHORTEST
from lineportal.sending.statuses import Status
from recipients import link_codes
from recipients.intake import Invalid

CHANGE = "accounts.manage_accounts"
FIELDS = tuple(SHORTEST)
BATCH = 5_000  # rows
# Codes, nonces and addresses for linking, after the moment from which nobody can use them. No
# account keeps them for longer: they are secrets that prove nothing any more.
LINK_PROOFS_DAYS = 30

# What may still be sent, or waits for a person's decision that may send it again.
_OPEN = [Status.QUEUED.value, Status.SENDING.value, Status.UNCERTAIN.value]


@dataclass(frozen=True, slots=True)
class Emptied:
    """One batch: which kind of data of which account, and how many rows."""

    account_id: int
    kind: str
    rows: int


@dataclass(frozen=True, slots=True)
class _Page:
    """Rows looked at: how many were emptied, where the next page begins; None: no more."""

    rows: int
    after: int | None


def of(account_id: int) -> Retention:
    """Return the account's periods; the defaults where it has none."""
    found = Retention.objects.filter(account_id=account_id).first()
    return found or Retention(account_id=account_id)


@transaction.atomic
def change(
    account: OfficialAccount, *, by: User, at: datetime, changes: Mapping[str, Any]
) -> Retention:
    """Change some of FIELDS, in days; None keeps for good. Raises PermissionDenied, Invalid."""
    access.require(by, CHANGE, account)
    for name, days in changes.items():
        if name not in FIELDS:
            raise Invalid(name, _("Unknown; known are: %(names)s.") % {"names": ", ".join(FIELDS)})
        is_number = isinstance(days, int) and not isinstance(days, bool)
        if days is not None and not (is_number and SHORTEST[name] <= days <= LONGEST):
            raise Invalid(
                name,
                _("Give a whole number of days from %(low)d to %(top)d, or nothing to keep it.")
                % {"low": SHORTEST[name], "top": LONGEST},
            )
    Retention.objects.get_or_create(account=account)
    kept = Retention.objects.select_for_update().get(account=account)
    for name, days in changes.items():
        setattr(kept, name, days)
    kept.save()
    chain.write(
        "retention.change", subject=kept, by=by, at=at, account_id=account.pk, **dict(changes)
    )
    return kept


def batches(*, at: datetime, account: OfficialAccount | None = None) -> Iterator[Emptied]:
    """Empty what is kept for longer than its account asks, yielding after each batch.

    Each step is its own transaction; whoever stops in between goes on from there next time.
    """
    accounts = OfficialAccount.objects.order_by("pk").values_list("pk", flat=True)
    for account_id in [account.pk] if account else list(accounts):
        kept = of(account_id)
        for name in FIELDS:
            days = getattr(kept, name)
            if days is not None:
                yield from _kind(account_id, name, days, at=at)
        yield from _kind(account_id, "link_proofs", LINK_PROOFS_DAYS, at=at)


def _kind(account_id: int, name: str, days: int, *, at: datetime) -> Iterator[Emptied]:
    kind = name.removesuffix("_days")
    for step in _STEPS[kind]:
        after: int | None = 0
        while after is not None:
            with transaction.atomic():
                page = step(account_id, after, at - timedelta(days=days), at)
                if page.rows:
                    chain.write(
                        "retention.empty",
                        subject=OfficialAccount(pk=account_id),
                        by=None,
                        at=at,
                        account_id=account_id,
                        kind=kind,
                        days=days,
                        rows=page.rows,
                    )
            yield Emptied(account_id, kind, page.rows)
            after = page.after


def _messages(account_id: int, after: int, until: datetime, at: datetime) -> _Page:
    """Walk by the index `message_with_values`; the newest messages are never looked at."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, queued_at, changed_at < %(until)s AND status <> ALL(%(open)s)
            FROM sending_message
            WHERE account_id = %(account)s AND id > %(after)s
              AND values_dropped_at IS NULL AND erased_at IS NULL
            ORDER BY id LIMIT %(batch)s
            """,
            {"account": account_id, "after": after, "until": until, "open": _OPEN, "batch": BATCH},
        )
        page = cursor.fetchall()
        # Again under the lock of the row: it may just be sent once more.
        cursor.execute(
            """
            UPDATE sending_message SET address = '', values = '{}', values_dropped_at = %(at)s,
                detail = CASE WHEN detail ~ %(code)s THEN detail ELSE '' END
            WHERE id = ANY(%(ids)s) AND status <> ALL(%(open)s) AND changed_at < %(until)s
              AND values_dropped_at IS NULL AND erased_at IS NULL
            RETURNING id
            """,
            {
                "ids": [pk for pk, _queued_at, is_due in page if is_due],
                "open": _OPEN, "until": until, "at": at, "code": forgetting.CODE,
            },
        )  # fmt: skip
        emptied = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(
            "UPDATE sending_attempt SET detail = '' WHERE message_id = ANY(%s) AND detail !~ %s",
            [emptied, forgetting.CODE],
        )
    is_last = len(page) < BATCH or page[-1][1] >= until
    return _Page(len(emptied), None if is_last else page[-1][0])


def _campaign_rows(account_id: int, _after: int, until: datetime, _at: datetime) -> _Page:
    """Delete the rows of ended campaigns; their messages hold what became of each."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM sending_campaignrow WHERE id IN (
                SELECT row.id FROM sending_campaign campaign
                JOIN sending_campaignrow row ON row.campaign_id = campaign.id
                WHERE campaign.account_id = %s AND campaign.state IN ('finished', 'cancelled')
                  AND greatest(campaign.created_at, campaign.started_at, campaign.finished_at) < %s
                LIMIT %s)
            """,
            [account_id, until, BATCH],
        )
        return _Page(cursor.rowcount, 0 if cursor.rowcount == BATCH else None)


def _bodies(account_id: int, after: int, until: datetime, at: datetime) -> _Page:
    return _walk(
        "sending_webhookdelivery", "received_at", "read_at IS NOT NULL", "body = ''",
        account_id, after, until, at,
    )  # fmt: skip


def _events(account_id: int, after: int, until: datetime, at: datetime) -> _Page:
    return _walk(
        "sending_webhookevent", "occurred_at", "true", "payload = '{}', line_user_id = ''",
        account_id, after, until, at,
    )  # fmt: skip


def _walk(
    table: str, moment: str, is_due: str, empty: str,
    account_id: int, after: int, until: datetime, at: datetime,
) -> _Page:  # fmt: skip
    """Empty a page of rows that come in about the order of their ids.

    An event may be told late, so that the walk ends only where a whole page is too young.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH page AS (
                SELECT id, {moment} < %(until)s AS is_old FROM {table}
                WHERE account_id = %(account)s AND id > %(after)s AND emptied_at IS NULL
                ORDER BY id LIMIT %(batch)s
            ), emptied AS (
                UPDATE {table} AS row SET {empty}, emptied_at = %(at)s
                FROM page WHERE row.id = page.id AND is_old AND {is_due}
                RETURNING 1
            )
            SELECT (SELECT count(*) FROM emptied), count(*), max(id), bool_or(is_old) FROM page
            """,
            {"account": account_id, "after": after, "until": until, "at": at, "batch": BATCH},
        )
        [(rows, seen, last, is_any_old)] = cursor.fetchall()
    return _Page(rows, last if seen == BATCH and is_any_old else None)


def _files(account_id: int, _after: int, until: datetime, _at: datetime) -> _Page:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM recipients_importpart USING recipients_recipientimport job
            WHERE job.id = recipient_import_id AND job.account_id = %s AND job.finished_at < %s
              AND job.state IN ('finished', 'failed')
            """,
            [account_id, until],
        )
        return _Page(cursor.rowcount, None)


def _refused_rows(account_id: int, _after: int, until: datetime, at: datetime) -> _Page:
    """Empty the refused rows of one import after the other, so many at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM recipients_recipientimport
            WHERE account_id = %s AND finished_at < %s AND rows_emptied_at IS NULL
            ORDER BY id LIMIT 1 FOR UPDATE
            """,
            [account_id, until],
        )
        job = cursor.fetchone()
        if job is None:
            return _Page(0, None)
        cursor.execute(
            """
            UPDATE recipients_importrefusal SET cells = NULL, phone = NULL, line_user_id = NULL
            WHERE id IN (
                SELECT id FROM recipients_importrefusal
                WHERE recipient_import_id = %s
                  AND (cells IS NOT NULL OR phone IS NOT NULL OR line_user_id IS NOT NULL)
                LIMIT %s)
            """,
            [job[0], BATCH],
        )
        rows = cursor.rowcount
        if rows < BATCH:
            cursor.execute(
                "UPDATE recipients_recipientimport SET rows_emptied_at = %s WHERE id = %s",
                [at, job[0]],
            )
    return _Page(rows, 0)


def _words(account_id: int, after: int, until: datetime, at: datetime) -> _Page:
    return _Page(*keeping.empty_words(account_id, after, until, at, batch=BATCH))


def _names(account_id: int, after: int, until: datetime, at: datetime) -> _Page:
    return _Page(*keeping.empty_names(account_id, after, until, at, batch=BATCH))


def _media(account_id: int, after: int, until: datetime, at: datetime) -> _Page:
    # A file is large, so that a batch has few.
    return _Page(*keeping.drop_files(account_id, after, until, at, batch=100))


def _link_proofs(account_id: int, _after: int, until: datetime, _at: datetime) -> _Page:
    rows = link_codes.drop_old(account_id, until=until, most=BATCH)
    rows += keeping.drop_offers(account_id, until=until, most=BATCH)
    return _Page(rows, 0 if rows >= BATCH else None)


_Step = Callable[[int, int, datetime, datetime], _Page]
_STEPS: dict[str, tuple[_Step, ...]] = {
    "message_values": (_messages, _campaign_rows),
    "webhook_bodies": (_bodies,),
    "import_files": (_files,),
    "refused_rows": (_refused_rows,),
    "delivery_events": (_events,),
    "conversation": (_words, _names),
    "media": (_media,),
    "link_proofs": (_link_proofs,),
}
