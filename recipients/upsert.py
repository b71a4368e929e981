"""Write a staged file as recipients: matched, judged and written by a few statements for all rows.

Everything here runs in the caller's transaction, on the temporary tables of `staging`. A row that
is refused leaves `import_row`; what is still there at the end was taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from recipients import consent, erasure, ledger_sql, repeats, siblings, spreading, staging
from recipients.columns import Columns
from recipients.consent_sql import decision_sql, phone_since_sql
from recipients.models import Consent, FriendStatus, RecipientImport

LOCK = 0x696D7072  # "impr": the first half of the advisory lock of an account's imports

# What we hold of the people of the rows, and what the rows do to it.
_CONSENT_DOES = decision_sql(
    "said_consent", "consent", "consent_observed_at", "%(observed_at)s::timestamptz", "%(is_dated)s"
)
_FRIEND_DOES = decision_sql(
    "said_friend", "friend_status", "friend_observed_at", "%(observed_at)s::timestamptz",
    "%(is_dated)s",
)  # fmt: skip
_HELD = "phone", "line_user_id", "consent", "consent_observed_at", "friend_status", \
    "friend_observed_at", "attributes", "tags", "phone_since"  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counts:
    created: int
    updated: int
    unchanged: int
    refused: int


def take(job: RecipientImport, columns: Columns, *, at: datetime) -> Counts:
    """Judge the staged rows and write them, or only count for a dry run.

    Refusals are added to `import_refusal`.
    One import after the other in an account; people of the rows are locked in the order of ids.
    """
    return _Upsert(job, columns, at).run()


class _Upsert:
    def __init__(self, job: RecipientImport, columns: Columns, at: datetime) -> None:
        self._job = job
        self._columns = columns
        self._facts: dict[str, Any] = {
            "account": job.account_id,
            "job": job.pk,
            "at": at,
            "observed_at": job.as_of or at,
            "is_dated": job.as_of is not None,
            "by": job.started_by_id,
            "reference": f"import:{job.pk} row ",
            "tags": [job.tag] if job.tag else [],
        }

    def run(self) -> Counts:
        # Plans are made for a million rows, not for the few of the statistics of a new table.
        self._do("SET LOCAL jit = off; SET LOCAL work_mem = '128MB'")
        self._do("SELECT pg_advisory_xact_lock(%(lock)s, %(account)s)", lock=LOCK)
        self._facts["has_siblings"] = siblings.hold_all(besides=self._job.account)
        self._do("ANALYZE import_row")
        self._refuse_forgotten()
        self._match()
        self._refuse_mixed_up()
        self._inherit()
        self._refuse_former_owners()
        self._refuse_conflicts()
        repeated = self._set_repeats_aside()
        counts = self._count(repeated)
        if not self._job.is_dry_run:
            self._write(has_new=counts.created > 0)
        return counts

    # --- whom the rows are about

    def _refuse_forgotten(self) -> None:
        for column in ("phone", "line_user_id"):
            is_erased, params = erasure.erased_sql(f"line.{column}", self._job.account)
            if is_erased == erasure.NOBODY:
                return
            with connection.cursor() as cursor:
                # Nothing of the row is kept: its person asked for that.
                cursor.execute(
                    f"""
                    WITH gone AS (DELETE FROM import_row line WHERE {is_erased} RETURNING line.row)
                    INSERT INTO import_refusal (row, "column", reason) SELECT row, %s, %s FROM gone
                    """,
                    [
                        *params, self._columns.letter(column),
                        _("this person asked to be forgotten and is not imported again"),
                    ],
                )  # fmt: skip

    def _match(self) -> None:
        """Find whom we hold by phone or LINE user id, and lock those whom a row would change."""
        by_phone, by_id = self._columns.phone is not None, self._columns.line_user_id is not None
        joins = []
        for name, column, is_there in (("p", "phone", by_phone), ("u", "line_user_id", by_id)):
            joins.append(
                f"LEFT JOIN recipients_recipient {name} ON {is_there} AND"
                f" {name}.account_id = %(account)s AND {name}.{column} = line.{column}"
            )
        held = ", ".join(f"COALESCE(p.{name}, u.{name}) AS {name}" for name in _HELD)
        self._do(
            f"""
            DROP TABLE IF EXISTS import_held;
            CREATE TEMP TABLE import_held AS
            SELECT found.*, {_CONSENT_DOES} AS consent_does, {_FRIEND_DOES} AS friend_does,
                   false AS is_changed
            FROM (
                SELECT line.row, COALESCE(p.id, u.id) AS id, p.id <> u.id AS is_two,
                       line.consent AS said_consent, line.friend_status AS said_friend, {held}
                FROM import_row line {" ".join(joins)}
                WHERE p.id IS NOT NULL OR u.id IS NOT NULL
            ) found;
            ANALYZE import_held
            """
        )
        self._mark_changed()
        self._do(
            """
            SELECT count(*) FROM (
                SELECT 1 FROM recipients_recipient
                WHERE id IN (
                    SELECT id FROM import_held WHERE is_changed
                    UNION ALL SELECT link.phone_recipient_id FROM recipients_link link
                    JOIN import_held held ON held.id = link.user_recipient_id
                    WHERE held.friend_does = 'apply' AND link.ended_at IS NULL)
                ORDER BY id FOR UPDATE
            ) locked
            """
        )
        # What others changed before the lock was ours.
        theirs = ", ".join(f"theirs.{name}" for name in _HELD)
        ours = ", ".join(f"held.{name}" for name in _HELD)
        changed = self._do(
            f"""
            UPDATE import_held held SET ({", ".join(_HELD)}) = ROW({theirs})
            FROM recipients_recipient theirs
            WHERE held.is_changed AND theirs.id = held.id
              AND ROW({ours}) IS DISTINCT FROM ROW({theirs})
            """
        )
        if changed:
            self._do(
                f"UPDATE import_held SET consent_does = {_CONSENT_DOES},"
                f" friend_does = {_FRIEND_DOES}, is_changed = false WHERE is_changed"
            )
            self._mark_changed()

    def _mark_changed(self) -> None:
        self._do(
            """
            UPDATE import_held held SET is_changed = true FROM import_row line
            WHERE line.row = held.row AND (
                consent_does = 'apply' OR friend_does = 'apply'
                OR NOT held.attributes @> line.attributes
                OR (held.phone IS NULL AND line.phone IS NOT NULL)
                OR (held.line_user_id IS NULL AND line.line_user_id IS NOT NULL)
                OR NOT held.tags @> %(tags)s::varchar[])
            """
        )

    def _refuse(self, rows: str, **more: Any) -> int:
        """Take rows out, and keep what they said; `rows` selects (row, "column", reason)."""
        header = self._job.header or []
        keys = {
            key: header[index]
            for key in ("phone", "line_user_id", "consent", "friend_status")
            if (index := getattr(self._columns, key)) is not None
        }
        pairs = ", ".join(f"%(name_{key})s::text, line.{key}" for key in keys) or "NULL"
        names = {f"name_{key}": name for key, name in keys.items()}
        return self._do(
            f"""
            WITH chosen AS MATERIALIZED ({rows}), gone AS (
                DELETE FROM import_row line USING chosen WHERE line.row = chosen.row
                RETURNING chosen.row, chosen."column", chosen.reason,
                    jsonb_strip_nulls(jsonb_build_object({pairs})) || line.attributes AS cells,
                    line.phone, line.line_user_id
            )
            INSERT INTO import_refusal SELECT * FROM gone
            """,
            **names,
            **more,
        )

    def _refuse_mixed_up(self) -> None:
        phone, line_user_id = self._columns.letter("phone"), self._columns.letter("line_user_id")
        if not phone or not line_user_id:
            return
        for column, reason, condition in (
            (line_user_id,
             _("the phone number and the LINE user id belong to two people we hold"),
             "held.is_two"),
            (line_user_id,
             _("we hold another LINE user id for this person; a row cannot change it"),
             "line.line_user_id <> held.line_user_id"),
            (phone,
             _("we hold another phone number for this LINE user id; a row cannot change it"),
             "line.phone <> held.phone"),
        ):  # fmt: skip
            self._refuse(
                f"""SELECT line.row, %(column)s AS "column", %(reason)s AS reason
                FROM import_row line JOIN import_held held USING (row) WHERE {condition}""",
                column=column,
                reason=reason,
            )

    def _inherit(self) -> None:
        """Find what other accounts know of new people: LINE's consent belongs to the phone."""
        self._do(
            f"""
            DROP TABLE IF EXISTS import_inherited;
            CREATE TEMP TABLE import_inherited AS
            SELECT known.*, {_CONSENT_DOES} AS does FROM (
                SELECT DISTINCT ON (line.row) line.row, line.consent AS said_consent, other.id,
                    other.consent, other.consent_source, other.consent_observed_at,
                    max(other.phone_since) OVER (PARTITION BY line.row) AS phone_since
                FROM import_row line JOIN recipients_recipient other
                  ON other.phone = line.phone AND other.account_id <> %(account)s
                WHERE %(has_siblings)s AND other.consent_observed_at IS NOT NULL
                  AND NOT EXISTS (SELECT 1 FROM import_held held WHERE held.row = line.row)
                ORDER BY line.row, other.consent_observed_at DESC
            ) known
            """
        )

    def _refuse_former_owners(self) -> None:
        """Refuse what is said of a number from before it was re-issued: it is of another person."""
        if not self._job.as_of:
            return
        for key in ("consent", "friend_status"):
            self._refuse(
                f"""
                SELECT line.row, %(column)s AS "column",
                    replace(%(reason)s, '{{day}}',
                        (known.phone_since AT TIME ZONE 'UTC')::date::text) AS reason
                FROM import_row line JOIN (
                    SELECT row, phone_since FROM import_held
                    UNION ALL SELECT row, phone_since FROM import_inherited
                ) known USING (row)
                WHERE %(observed_at)s < known.phone_since AND line.{key} IS NOT NULL
                """,
                column=self._columns.letter(key),
                reason=consent.reissued_sentence("{day}"),
            )

    def _refuse_conflicts(self) -> None:
        for key, table, said, held, does in (
            ("consent", "import_held", "said_consent", "consent", "consent_does"),
            ("consent", "import_inherited", "said_consent", "consent", "does"),
            ("friend_status", "import_held", "said_friend", "friend_status", "friend_does"),
        ):
            values = Consent.values if key == "consent" else FriendStatus.values
            pairs = [(value, other) for value in values for other in values]
            self._refuse(
                f"""
                SELECT line.row, %(column)s AS "column", sentence.text AS reason
                FROM import_row line JOIN {table} known USING (row)
                JOIN unnest(%(said)s::text[], %(held)s::text[], %(texts)s::text[])
                    AS sentence (said, held, text)
                  ON sentence.said = known.{said} AND sentence.held = known.{held}
                WHERE known.{does} = 'conflict'
                """,
                column=self._columns.letter(key),
                said=[value for value, _other in pairs],
                held=[other for _value, other in pairs],
                texts=[consent.conflict_sentence(value, held=other) for value, other in pairs],
            )

    def _set_repeats_aside(self) -> int:
        """Keep the first row of each person; return how many later ones said just the same."""
        repeats.find()
        self._refuse(
            """
            SELECT row, '' AS "column", replace(%(reason)s, '{row}', first::text) AS reason
            FROM import_repeat WHERE NOT is_equal
            """,
            reason=_("the same person as in row {row}, with other details; keep one of the two"),
        )
        return self._do(
            "DELETE FROM import_row line USING import_repeat repeat WHERE repeat.row = line.row"
        )

    def _count(self, repeated: int) -> Counts:
        [(taken, held, updated)] = self._all(
            """
            SELECT (SELECT count(*) FROM import_row), count(*), count(*) FILTER (WHERE is_changed)
            FROM import_held JOIN import_row USING (row)
            """
        )
        [(refused,)] = self._all("SELECT count(*) FROM import_refusal")
        return Counts(taken - held, updated, held - updated + repeated, refused)

    # --- what is written

    def _write(self, *, has_new: bool) -> None:
        staging.give_ids(to_new=has_new)
        if has_new:
            self._insert_people()
        self._do(ledger_sql.STATEMENTS)
        self._update_people()
        if self._facts["has_siblings"]:
            self._do(spreading.to_other_accounts(_CONSENT_DOES))
        self._do(spreading.TO_LINKED)
        self._do(
            """
            INSERT INTO recipients_importedperson (recipient_import_id, recipient_id)
            SELECT %(job)s, COALESCE(held.id, line.new_id)
            FROM import_row line LEFT JOIN import_held held USING (row)
            ORDER BY 2
            """
        )

    def _insert_people(self) -> None:
        self._do(
            """
            INSERT INTO recipients_recipient (
                id, account_id, phone, phone_country, line_user_id, consent, consent_source,
                consent_observed_at, friend_status, friend_source, friend_observed_at, attributes,
                tags, phone_since, created_at, updated_at
            )
            SELECT line.new_id, %(account)s, line.phone, COALESCE(line.phone_country, ''),
                line.line_user_id,
                CASE WHEN said.consent THEN line.consent
                     ELSE COALESCE(known.consent, 'not_set') END,
                CASE WHEN said.consent THEN 'import'
                     ELSE COALESCE(known.consent_source, 'assumed') END,
                CASE WHEN said.consent THEN %(observed_at)s ELSE known.consent_observed_at END,
                COALESCE(line.friend_status, 'not_friend'),
                CASE WHEN line.friend_status IS NULL THEN 'assumed' ELSE 'import' END,
                CASE WHEN line.friend_status IS NOT NULL THEN %(observed_at)s::timestamptz END,
                line.attributes, %(tags)s::varchar[], known.phone_since, %(at)s, %(at)s
            FROM import_row line LEFT JOIN import_inherited known USING (row),
                LATERAL (SELECT line.consent IS NOT NULL AND COALESCE(known.does = 'apply', true)
                         AS consent) said
            WHERE NOT EXISTS (SELECT 1 FROM import_held held WHERE held.row = line.row)
            ORDER BY line.new_id
            """
        )

    def _update_people(self) -> None:
        self._do(
            f"""
            UPDATE recipients_recipient person SET
                phone_since = CASE WHEN person.phone IS NULL AND line.phone IS NOT NULL
                    THEN {phone_since_sql("line.phone")} ELSE person.phone_since END,
                phone = COALESCE(person.phone, line.phone),
                phone_country = CASE WHEN person.phone IS NULL AND line.phone IS NOT NULL
                    THEN line.phone_country ELSE person.phone_country END,
                line_user_id = COALESCE(person.line_user_id, line.line_user_id),
                attributes = person.attributes || line.attributes,
                tags = CASE WHEN person.tags @> %(tags)s::varchar[] THEN person.tags
                    ELSE person.tags || %(tags)s::varchar[] END,
                consent = CASE WHEN consent_does = 'apply' THEN line.consent
                    ELSE person.consent END,
                consent_source = CASE WHEN consent_does = 'apply' THEN 'import'
                    ELSE person.consent_source END,
                consent_observed_at = CASE WHEN consent_does = 'apply' THEN %(observed_at)s
                    ELSE person.consent_observed_at END,
                friend_status = CASE WHEN friend_does = 'apply' THEN line.friend_status
                    ELSE person.friend_status END,
                friend_source = CASE WHEN friend_does = 'apply' THEN 'import'
                    ELSE person.friend_source END,
                friend_observed_at = CASE WHEN friend_does = 'apply' THEN %(observed_at)s
                    ELSE person.friend_observed_at END,
                updated_at = %(at)s
            FROM import_row line JOIN import_held held USING (row)
            WHERE held.is_changed AND person.id = held.id
            """
        )

    def _do(self, sql: str, **more: Any) -> int:
        with connection.cursor() as cursor:
            cursor.execute(sql, {**self._facts, **more})
            return int(cursor.rowcount)

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, self._facts)
            return list(cursor.fetchall())
