"""What follows from the ledger, worked out anew and compared with what is held.

The current value is the last applied record per (recipient, subject, purpose) by ledger id: only
changes that were applied are recorded, in order, under the lock of the person's row. So no date is
compared here. Set-based: a million people are a few sorts, not a million questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pgtrigger
from django.contrib.auth.models import User
from django.db import connection, transaction

from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain

_BATCH = 10_000  # differences read at once

# subject, field, what a person without a record is assumed to be
_STANDING = (
    ("consent", "consent", "not_set", "consent"),
    ("friend", "friend_status", "not_friend", "friend"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that does not follow from the ledger. "" stands for none."""

    recipient_id: int
    field: str
    held: str
    ledger_says: str


def differences(account: OfficialAccount | None = None) -> Iterator[Difference]:
    """Yield each difference, of one account or all, changing nothing.

    One picture of the database for each kind: who changes a person writes row and ledger at once.
    """
    facts = {"account": account.pk if account else None}
    with transaction.atomic():
        _plan_for_many()
        for sql in _difference_sql(_where(account)):
            with connection.chunked_cursor() as cursor:
                cursor.execute(sql, facts)
                while rows := cursor.fetchmany(_BATCH):
                    for row in rows:
                        yield Difference(*row)


@transaction.atomic
def mend(*, at: datetime, by: User | None, account: OfficialAccount | None = None) -> int:
    """Make what is held follow from the ledger; return how many differences were mended.

    A record that does not continue the one before it stays, for the ledger is never changed.
    """
    _plan_for_many()
    facts = {"account": account.pk if account else None}
    with connection.cursor() as cursor:
        finds = " UNION ALL ".join(
            f"SELECT recipient_id FROM ({sql}) found"
            for sql in _difference_sql(_where(account), is_mendable=True)
        )
        cursor.execute("DROP TABLE IF EXISTS rebuild_due")
        cursor.execute(
            f"CREATE TEMP TABLE rebuild_due ON COMMIT DROP AS"
            f" SELECT recipient_id, count(*) AS n FROM ({finds}) every GROUP BY recipient_id",
            facts,
        )
        cursor.execute("ANALYZE rebuild_due")
        cursor.execute(
            """
            SELECT count(*) FROM (
                SELECT 1 FROM recipients_recipient
                WHERE id IN (SELECT recipient_id FROM rebuild_due) ORDER BY id FOR UPDATE
            ) locked
            """
        )
        # Nobody else changes these people now; what somebody did before the lock is seen from here.
        found = 0
        among = "{person} IN (SELECT recipient_id FROM rebuild_due)"
        counts: dict[str, int] = {}
        for sql in _difference_sql(among, is_mendable=True):
            cursor.execute(f"SELECT field, count(*) FROM ({sql}) found GROUP BY field")
            for field, n in cursor.fetchall():
                name = field.partition(":")[0]
                counts[name] = counts.get(name, 0) + n
                found += n
        # The ledger says so: the one way back to "not set" is that nothing was ever recorded.
        with pgtrigger.ignore("recipients.Recipient:consent_never_returns_to_not_set"):
            for subject, field, assumed, prefix in _STANDING:
                cursor.execute(_mend_standing(subject, field, assumed, prefix, among))
        for sql in (*_MEND_BASES, *_MEND_OPT_OUTS):
            cursor.execute(sql.format(among=among.format(person="recipient_id"),
                                      last_bases=_last_bases(among),
                                      last_opt_outs=_last_opt_outs(among)))  # fmt: skip
    if found:
        subject_row = account or OfficialAccount.objects.order_by("pk").first()
        assert subject_row is not None  # there are people, so there are accounts
        chain.write(
            "consent.rebuild",
            subject=subject_row,
            by=by,
            at=at,
            account_id=account.pk if account else None,
            differences=found,
            **counts,
        )
    return found


def _plan_for_many() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '128MB'")


def _where(account: OfficialAccount | None) -> str:
    """Return an SQL condition with a gap for the SQL of a recipient's id."""
    if account is None:
        return "true"
    return "{person} IN (SELECT id FROM recipients_recipient WHERE account_id = %(account)s)"


def _difference_sql(where: str, *, is_mendable: bool = False) -> list[str]:
    """Return statements of (recipient_id, field, held, ledger_says), in the order of ids."""
    parts = [_standing(*each, where) for each in _STANDING]
    parts += [_bases(where), _opt_outs(where)]
    return parts if is_mendable else [*parts, _broken(where)]


def _last(subject: str, where: str) -> str:
    return f"""
        SELECT DISTINCT ON (recipient_id) recipient_id, value, source, observed_at
        FROM recipients_consentrecord
        WHERE subject = '{subject}' AND {where.format(person="recipient_id")}
        ORDER BY recipient_id, id DESC
    """


def _standing(subject: str, field: str, assumed: str, prefix: str, where: str) -> str:
    held = f"person.{field}", f"person.{prefix}_source", f"person.{prefix}_observed_at"
    says = (
        f"COALESCE(last.value, '{assumed}')", "COALESCE(last.source, 'assumed')",
        "last.observed_at",
    )  # fmt: skip
    return f"""
        SELECT person.id AS recipient_id, named.field, named.held, named.says
        FROM recipients_recipient person
        LEFT JOIN ({_last(subject, where)}) last ON last.recipient_id = person.id
        CROSS JOIN LATERAL (VALUES
            ('{field}', {held[0]}::text, {says[0]}::text),
            ('{prefix}_source', {held[1]}::text, {says[1]}::text),
            ('{prefix}_observed_at', COALESCE({held[2]}::text, ''), COALESCE({says[2]}::text, ''))
        ) AS named (field, held, says)
        WHERE {where.format(person="person.id")}
          AND ({", ".join(held)}) IS DISTINCT FROM ({", ".join(says)})
          AND named.held <> named.says
        ORDER BY person.id
    """


def _last_bases(where: str) -> str:
    """Return SQL for the rows that `LegalBasis` should hold.

    Of a withdrawn one the particulars are those of when it was given.
    """
    of_whom = where.format(person="recipient_id")
    given_or_last = f"""
        SELECT DISTINCT ON (recipient_id, purpose) recipient_id, purpose, value, source,
            legal_basis, wording_version, observed_at
        FROM recipients_consentrecord WHERE subject = 'basis' AND {of_whom}
    """
    return f"""
        SELECT last.recipient_id, last.purpose, COALESCE(given.legal_basis, last.legal_basis)
                   AS basis, COALESCE(given.wording_version, last.wording_version)
                   AS wording_version, last.source,
               COALESCE(given.observed_at, last.observed_at) AS given_at,
               CASE WHEN last.value = 'withdrawn' THEN last.observed_at END AS withdrawn_at
        FROM ({given_or_last} ORDER BY recipient_id, purpose, id DESC) last
        LEFT JOIN ({given_or_last} AND value = 'given' ORDER BY recipient_id, purpose, id DESC)
            given USING (recipient_id, purpose)
    """


def _last_opt_outs(where: str) -> str:
    """Return SQL for the rows that `MarketingOptOut` should hold."""
    of_whom = where.format(person="recipient_id")
    records = f"""
        SELECT DISTINCT ON (recipient_id, purpose) recipient_id, purpose, value, source, observed_at
        FROM recipients_consentrecord WHERE subject = 'marketing' AND {of_whom}
    """
    return f"""
        SELECT last.recipient_id, last.purpose, COALESCE(out.source, last.source) AS source,
               COALESCE(out.observed_at, last.observed_at) AS opted_out_at,
               CASE WHEN last.value = 'ended' THEN last.observed_at END AS ended_at
        FROM ({records} ORDER BY recipient_id, purpose, id DESC) last
        LEFT JOIN ({records} AND value = 'opted_out' ORDER BY recipient_id, purpose, id DESC)
            out USING (recipient_id, purpose)
    """


def _bases(where: str) -> str:
    return _compared(
        "legal_basis", "recipients_legalbasis", _last_bases(where), where,
        ("basis", "wording_version", "source", "given_at", "withdrawn_at"),
    )  # fmt: skip


def _opt_outs(where: str) -> str:
    return _compared(
        "opt_out", "recipients_marketingoptout", _last_opt_outs(where), where,
        ("source", "opted_out_at", "ended_at"),
    )  # fmt: skip


def _compared(name: str, table: str, says: str, where: str, columns: tuple[str, ...]) -> str:
    """Compare rows per (recipient, purpose); a row too many or missing differs in every column."""
    named = ", ".join(
        f"('{column}', COALESCE(held.{column}::text, ''), COALESCE(says.{column}::text, ''))"
        for column in columns
    )
    return f"""
        SELECT recipient_id, '{name}.' || named.field || ':' || purpose AS field, named.held,
               named.says
        FROM (SELECT * FROM {table} WHERE {where.format(person="recipient_id")}) held
        FULL JOIN ({says}) says USING (recipient_id, purpose)
        CROSS JOIN LATERAL (VALUES {named}) AS named (field, held, says)
        WHERE named.held <> named.says
        ORDER BY recipient_id, purpose
    """


def _broken(where: str) -> str:
    return f"""
        SELECT recipient_id, 'record ' || id || ' previous', previous, before FROM (
            SELECT id, recipient_id, previous, lag(value, 1,
                CASE subject WHEN 'consent' THEN 'not_set' WHEN 'friend' THEN 'not_friend'
                     ELSE '' END) OVER (
                    PARTITION BY recipient_id, subject, purpose ORDER BY id) AS before
            FROM recipients_consentrecord WHERE {where.format(person="recipient_id")}
        ) record
        WHERE previous <> before
        ORDER BY recipient_id, id
    """


def _mend_standing(subject: str, field: str, assumed: str, prefix: str, among: str) -> str:
    return f"""
        UPDATE recipients_recipient person SET {field} = says.value,
            {prefix}_source = says.source, {prefix}_observed_at = says.observed_at
        FROM (
            SELECT due.recipient_id, COALESCE(last.value, '{assumed}') AS value,
                   COALESCE(last.source, 'assumed') AS source, last.observed_at
            FROM rebuild_due due
            LEFT JOIN ({_last(subject, among)}) last ON last.recipient_id = due.recipient_id
        ) says
        WHERE says.recipient_id = person.id
          AND (person.{field}, person.{prefix}_source, person.{prefix}_observed_at)
              IS DISTINCT FROM (says.value, says.source, says.observed_at)
    """


_MEND_BASES = (
    """
    DELETE FROM recipients_legalbasis held WHERE {among} AND NOT EXISTS (
        SELECT 1 FROM ({last_bases}) says
        WHERE says.recipient_id = held.recipient_id AND says.purpose = held.purpose)
    """,
    """
    INSERT INTO recipients_legalbasis (recipient_id, purpose, basis, wording_version, source,
        given_at, withdrawn_at)
    SELECT recipient_id, purpose, basis, wording_version, source, given_at, withdrawn_at
    FROM ({last_bases}) says
    ON CONFLICT (recipient_id, purpose) DO UPDATE SET basis = EXCLUDED.basis,
        wording_version = EXCLUDED.wording_version, source = EXCLUDED.source,
        given_at = EXCLUDED.given_at, withdrawn_at = EXCLUDED.withdrawn_at
    """,
)
_MEND_OPT_OUTS = (
    """
    DELETE FROM recipients_marketingoptout held WHERE {among} AND NOT EXISTS (
        SELECT 1 FROM ({last_opt_outs}) says
        WHERE says.recipient_id = held.recipient_id AND says.purpose = held.purpose)
    """,
    """
    INSERT INTO recipients_marketingoptout (recipient_id, purpose, opted_out_at, source, ended_at)
    SELECT recipient_id, purpose, opted_out_at, source, ended_at FROM ({last_opt_outs}) says
    ON CONFLICT (recipient_id, purpose) DO UPDATE SET opted_out_at = EXCLUDED.opted_out_at,
        source = EXCLUDED.source, ended_at = EXCLUDED.ended_at
    """,
)
