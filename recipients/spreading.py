"""LINE's consent belongs to the phone: SQL that sets an import's on the rows of other accounts."""

from __future__ import annotations


def sql(consent_does: str) -> str:
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
