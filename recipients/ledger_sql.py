"""What an import writes into the ledger: every change, for the tables of `staging` and `upsert`.

A new person's word that equals the assumed one is a change too. Inherited consent comes first, as
the record of the highest id is the current value. Written in the order of people: an index takes
what comes in its own order four times as fast.
"""

from __future__ import annotations

_STATEMENT = """%(observed_at)s, %(is_dated)s, %(at)s, 'import',
    %(reference)s || line.row, %(by)s"""

STATEMENTS = f"""
INSERT INTO recipients_consentrecord (recipient_id, subject, value, previous,
    observed_at, is_dated, recorded_at, source, source_reference, recorded_by_id)
SELECT line.new_id, 'consent', known.consent, 'not_set', known.consent_observed_at,
    true, %(at)s, known.consent_source, 'recipient:' || known.id, NULL
FROM import_row line JOIN import_inherited known USING (row);

INSERT INTO recipients_consentrecord (recipient_id, subject, value, previous,
    observed_at, is_dated, recorded_at, source, source_reference, recorded_by_id)
SELECT COALESCE(held.id, line.new_id), 'consent', line.consent,
    COALESCE(held.consent, known.consent, 'not_set'), {_STATEMENT}
FROM import_row line LEFT JOIN import_held held USING (row)
    LEFT JOIN import_inherited known USING (row)
WHERE line.consent IS NOT NULL
  AND COALESCE(held.consent_does, known.does, 'apply') = 'apply'
ORDER BY 1;

INSERT INTO recipients_consentrecord (recipient_id, subject, value, previous,
    observed_at, is_dated, recorded_at, source, source_reference, recorded_by_id)
SELECT COALESCE(held.id, line.new_id), 'friend', line.friend_status,
    COALESCE(held.friend_status, 'not_friend'), {_STATEMENT}
FROM import_row line LEFT JOIN import_held held USING (row)
WHERE line.friend_status IS NOT NULL AND COALESCE(held.friend_does, 'apply') = 'apply'
ORDER BY 1
"""
