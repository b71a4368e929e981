"""What an import says of one row and holds of others too: SQL that writes it there.

LINE's consent belongs to the phone, which may be a row in several accounts; a LINE user's friend
status is also the one of the number linked to them.
"""

from __future__ import annotations

from recipients.consent_sql import decision_sql

_LINKED_DOES = decision_sql(
    "said_friend", "friend_status", "friend_observed_at", "observed_at", "%(is_dated)s"
)

# `consent.stated` for all rows at once, after the people of the file were written: what they hold
# by rows of their own counts wherever in the file it stands, and an address that changed has ended
# its link.
TO_LINKED = f"""
    DROP TABLE IF EXISTS import_linked;
    CREATE TEMP TABLE import_linked AS
    SELECT phone.id, line.row, line.friend_status AS said_friend, phone.friend_status,
           phone.friend_observed_at,
           GREATEST(%(observed_at)s::timestamptz, phone.phone_since) AS observed_at
    FROM import_row line JOIN import_held held USING (row)
        JOIN recipients_link link ON link.user_recipient_id = held.id AND link.ended_at IS NULL
        JOIN recipients_recipient phone ON phone.id = link.phone_recipient_id
    WHERE held.friend_does = 'apply'
    ORDER BY phone.id FOR UPDATE OF phone;

    DELETE FROM import_linked WHERE {_LINKED_DOES} IS DISTINCT FROM 'apply';

    INSERT INTO recipients_consentrecord (recipient_id, subject, value, previous,
        observed_at, is_dated, recorded_at, source, source_reference, recorded_by_id)
    SELECT id, 'friend', said_friend, friend_status, observed_at, %(is_dated)s, %(at)s,
        'import', %(reference)s || row, %(by)s
    FROM import_linked;

    UPDATE recipients_recipient phone SET friend_status = known.said_friend,
        friend_source = 'import', friend_observed_at = known.observed_at
    FROM import_linked known WHERE known.id = phone.id
    """


def to_other_accounts(consent_does: str) -> str:
    """Return the statements, for the tables of `staging`; `consent_does` decides for each row."""
    return f"""
            DROP TABLE IF EXISTS import_elsewhere;
            CREATE TEMP TABLE import_elsewhere AS
            SELECT other.id, line.row, line.consent AS said_consent, other.consent,
                   other.consent_observed_at, other.phone_since
            FROM import_row line LEFT JOIN import_held held USING (row)
                LEFT JOIN import_inherited known USING (row)
                JOIN recipients_recipient other
                  ON other.phone = COALESCE(held.phone, line.phone)
                 AND other.account_id <> %(account)s
            WHERE line.consent IS NOT NULL
              AND COALESCE(held.consent_does, known.does, 'apply') = 'apply'
            ORDER BY other.id FOR UPDATE OF other;

            DELETE FROM import_elsewhere WHERE {consent_does} IS DISTINCT FROM 'apply'
                OR %(observed_at)s < phone_since;

            INSERT INTO recipients_consentrecord (recipient_id, subject, value, previous,
                observed_at, is_dated, recorded_at, source, source_reference, recorded_by_id)
            SELECT id, 'consent', said_consent, consent, %(observed_at)s, %(is_dated)s, %(at)s,
                'import', %(reference)s || row, %(by)s
            FROM import_elsewhere;

            UPDATE recipients_recipient other SET consent = known.said_consent,
                consent_source = 'import', consent_observed_at = %(observed_at)s
            FROM import_elsewhere known WHERE known.id = other.id
            """
