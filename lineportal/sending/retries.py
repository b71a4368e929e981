"""Send again what a person says: one message, or all of a campaign that failed by our own fault.

The finished attempt is kept, with its own reference, so that its late event still counts.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.audit import chain
from lineportal.providers.base import Outcome
from lineportal.sending import campaigns, lanes
from lineportal.sending.models import Campaign, Lease, Message
from lineportal.sending.statuses import Status
from templates_app.models import State


class NothingToRetry(Exception):
    """No message of the campaign failed, or none may be sent any more."""


@transaction.atomic
def retry_failed(campaign: Campaign, *, by: User, at: datetime) -> int:
    """Queue all that failed by our request's or account's fault once more; return how many.

    Such an attempt surely reached nobody. Uncertain ones are not among them, nor what a provider
    took and reported as failed later: a person decides those one by one.
    Raises PermissionDenied, campaigns.WrongState, NothingToRetry.
    """
    access.require(by, campaigns.RUN, campaign.account_id)
    campaigns.reopen(campaign.pk, by=by, at=at)
    campaign = Campaign.objects.select_related("template").get(pk=campaign.pk)
    if campaign.template.state != State.APPROVED:
        raise campaigns.WrongState(
            _("Its template is not approved any more, so nothing is sent again.")
        )
    rows = failed(campaign).filter(Q(not_after__isnull=True) | Q(not_after__gt=at))
    ids = list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))
    if not ids:
        raise NothingToRetry(_("No message of this campaign failed that could be sent again."))
    requeue(ids, at=at)
    lanes.wake_service(campaign.account_id, campaign.template.service)
    chain.write(
        "campaign.retry", subject=campaign, by=by, at=at, account_id=campaign.account_id,
        messages=len(ids),
    )  # fmt: skip
    return len(ids)


def failed(campaign: Campaign) -> QuerySet[Message]:
    """Return the campaign's messages that failed by our fault and whose people we still hold."""
    return Message.objects.filter(
        campaign=campaign,
        status=Status.FAILED,
        outcome=Outcome.FAULT,  # of the answer itself; a report changes no outcome
        erased_at__isnull=True,
        values_dropped_at__isnull=True,  # what it would say is not kept any more
    )


def requeue(ids: list[int], *, at: datetime) -> None:
    """Keep the finished attempts of these locked messages, and queue them under new references."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO sending_attempt (message_id, number, reference, started_at, ended_at,
                http_status, request_id, outcome, detail, body_sha256)
            SELECT message.id, 1 + (SELECT count(*) FROM sending_attempt past
                                    WHERE past.message_id = message.id),
                reference, COALESCE(attempt_started_at, queued_at), attempt_ended_at,
                http_status, request_id, outcome, detail, body_sha256
            FROM sending_message message WHERE id = ANY(%s)
            """,
            [ids],
        )
        cursor.execute(
            """
            UPDATE sending_message SET
                status = 'queued', reference = gen_random_uuid(), ready_at = %(at)s,
                changed_at = %(at)s, leased_until = NULL, accepted_at = NULL,
                attempt_started_at = NULL, attempt_ended_at = NULL, expires_at = NULL,
                http_status = NULL, request_id = '', outcome = '', detail = ''
            WHERE id = ANY(%(ids)s)
            """,
            {"at": at, "ids": ids},
        )
    Lease.objects.filter(message__in=ids).delete()  # it was of the attempt before
