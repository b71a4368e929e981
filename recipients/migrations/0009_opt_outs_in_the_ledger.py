"""Opt-outs follow from the ledger now, so those that are held already are put into it."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('recipients', '0008_ledger'),
    ]

    operations = [
        migrations.RunSQL(
            """
            INSERT INTO recipients_consentrecord (recipient_id, subject, purpose, value, previous,
                observed_at, is_dated, recorded_at, source, source_reference)
            SELECT recipient_id, 'marketing', purpose, 'opted_out', '', opted_out_at, true, now(),
                source, 'opt-out:' || id
            FROM recipients_marketingoptout ORDER BY id;

            INSERT INTO recipients_consentrecord (recipient_id, subject, purpose, value, previous,
                observed_at, is_dated, recorded_at, source, source_reference)
            SELECT recipient_id, 'marketing', purpose, 'ended', 'opted_out', ended_at, true, now(),
                source, 'opt-out:' || id
            FROM recipients_marketingoptout WHERE ended_at IS NOT NULL ORDER BY id;
            """,
            migrations.RunSQL.noop,
        ),
    ]
