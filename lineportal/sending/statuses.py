"""The life of a message, as one table. Every statement that moves a message reads it.

A move is `UPDATE ... WHERE status IN (sources of the target)`, so repeats and late or swapped
events match no row; the same table is compiled into the database's own guard.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    SKIPPED = "skipped", _("Not sent: excluded by a rule")
    QUEUED = "queued", _("Waiting to be sent")
    SENDING = "sending", _("Being sent")
    ACCEPTED = "accepted", _("Accepted by LINE")  # or a partner; not yet delivered
    DELIVERED = "delivered", _("Delivered")
    EXPIRED = "expired", _("Not delivered within 24 hours")  # cause unknown
    REFUSED = "refused", _("Refused for this person")
    FAILED = "failed", _("Failed: our request or account")
    UNCERTAIN = "uncertain", _("Uncertain: maybe sent")  # never sent again by machine
    CANCELLED = "cancelled", _("Cancelled before sending")


# What each status means to the person who reads it, in one sentence.
MEANING = {
    Status.SKIPPED: _("A rule excludes this person; nothing was sent."),
    Status.QUEUED: _("The message is in our outbox."),
    Status.SENDING: _("The request is on its way."),
    Status.ACCEPTED: _(
        "LINE, or the partner, took the message. That is not delivery: a message is delivered only"
        " when that is reported; for two-way messages LINE itself gives no receipt."
    ),
    Status.DELIVERED: _(
        "LINE, or the partner, reported that the message can be seen by the person."
    ),
    Status.EXPIRED: _(
        "The message was accepted, but no delivery was reported within 24 hours. The cause is not"
        " told: no consent in time, a block, or a phone check that was due."
    ),
    Status.REFUSED: _(
        "LINE, or the partner, answered that this person cannot get it: no LINE user, a number not"
        " issued in Japan, Thailand or Taiwan, notifications switched off, or an old privacy"
        " policy."
    ),
    Status.FAILED: _("Our request or account was refused; the person is not the cause."),
    Status.UNCERTAIN: _(
        "The answer was lost after the request left. It may have been sent; a late event, 24"
        " hours or a person settles it."
    ),
    Status.CANCELLED: _("Taken out of the outbox before it was sent."),
}

# Target -> the statuses a message may come from.
SOURCES: dict[Status, frozenset[Status]] = {
    Status.SKIPPED: frozenset({Status.QUEUED}),
    Status.CANCELLED: frozenset({Status.QUEUED}),
    Status.SENDING: frozenset({Status.QUEUED}),
    # Surely unsent, or a person who saw the risk.
    Status.QUEUED: frozenset(
        {
            Status.SENDING,
            Status.UNCERTAIN,
            Status.FAILED,
            Status.REFUSED,
            Status.EXPIRED,
        }
    ),
    Status.ACCEPTED: frozenset({Status.SENDING, Status.UNCERTAIN}),
    Status.REFUSED: frozenset({Status.SENDING, Status.UNCERTAIN, Status.ACCEPTED}),
    Status.FAILED: frozenset({Status.SENDING, Status.UNCERTAIN, Status.ACCEPTED}),
    Status.UNCERTAIN: frozenset({Status.SENDING}),
    Status.EXPIRED: frozenset({Status.UNCERTAIN, Status.ACCEPTED}),
    # A delivery event wins over everything that had an attempt, and may overtake our own record.
    Status.DELIVERED: frozenset(
        {
            Status.SENDING,
            Status.UNCERTAIN,
            Status.ACCEPTED,
            Status.EXPIRED,
            Status.REFUSED,
            Status.FAILED,
            # Back in the queue, or taken out of it, after a try that had its effect all the same.
            Status.QUEUED,
            Status.CANCELLED,
            Status.SKIPPED,
        }
    ),
}

# A campaign is finished when none of its messages is in one of these.
UNFINISHED = frozenset({Status.QUEUED, Status.SENDING})


class Verdict(models.TextChoices):
    SEND = "send", _("Will be sent")
    SEND_PENDING_CONSENT = (
        "send_pending_consent",
        _("Delivered if the person agrees within 24 h"),
    )
    EXCLUDED = "excluded", _("Excluded")


def may_move(source: str, target: str) -> bool:
    """Return whether a message may go from source to target."""
    return source in SOURCES.get(Status(target), frozenset())
