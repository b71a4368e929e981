"""Compare a campaign's counts with its rows; keep what differed, and mend the counts.

Counts move in the same transaction as the rows, so a difference is a bug or a hand in the database.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from lineportal.sending.models import Campaign, Discrepancy, Tally

# Its rows may still move for a day after the last send: events, and the silence that expires.
_MOVING = timedelta(hours=26)


@transaction.atomic
def reconcile(campaign: Campaign, *, at: datetime) -> list[Discrepancy]:
    """Count the rows once; return the differences, which are kept and put right."""
    with connection.cursor() as cursor:
        # One statement sees one moment, however fast the rows move meanwhile.
        cursor.execute(
            """
            SELECT COALESCE(counted.status, tallied.status), COALESCE(counted.rule, tallied.rule),
                   COALESCE(tallied.n, 0), COALESCE(counted.n, 0)
            FROM (SELECT status, rule, count(*) AS n FROM sending_message
                  WHERE campaign_id = %(campaign)s GROUP BY 1, 2) counted
            FULL JOIN (SELECT status, rule, sum(n) AS n FROM sending_tally
                       WHERE campaign_id = %(campaign)s GROUP BY 1, 2) tallied
              ON tallied.status = counted.status AND tallied.rule = counted.rule
            WHERE COALESCE(tallied.n, 0) <> COALESCE(counted.n, 0)
            ORDER BY 1, 2
            """,
            {"campaign": campaign.pk},
        )
        differences = cursor.fetchall()
    found = [
        Discrepancy(
            campaign=campaign,
            status=status,
            rule=rule,
            tallied=tallied,
            counted=counted,
            found_at=at,
        )
        for status, rule, tallied, counted in differences
    ]
    Discrepancy.objects.bulk_create(found)
    Tally.objects.bulk_create(
        Tally(campaign=campaign, status=each.status, rule=each.rule, n=each.counted - each.tallied)
        for each in found
    )
    return found


def recent(*, at: datetime) -> list[Discrepancy]:
    """Reconcile every campaign whose rows may have moved within the last day."""
    moving = Campaign.objects.filter(frozen_at__isnull=False).filter(
        Q(finished_at__isnull=True) | Q(finished_at__gt=at - _MOVING)
    )
    moving = moving.exclude(state=Campaign.State.CANCELLED, started_at__lt=at - _MOVING)
    return [each for campaign in moving for each in reconcile(campaign, at=at)]
