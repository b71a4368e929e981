"""Leases of queued messages move from columns of the message to an unlogged table."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sending', '0004_windows'),
    ]

    operations = [
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('message', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='lease', serialize=False, to='sending.message')),
                ('token', models.UUIDField()),
                ('until', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'lease',
                'verbose_name_plural': 'leases',
            },
        ),
        migrations.RunSQL(
            "ALTER TABLE sending_lease SET UNLOGGED", "ALTER TABLE sending_lease SET LOGGED"
        ),
        migrations.RemoveField(
            model_name='message',
            name='claim',
        ),
    ]
