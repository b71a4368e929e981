"""Incidents: what a person should look at. Any part opens one here; each kind is open once.

Over by itself, or closed by a person with a note; a closed one never changes.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import connection, transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import Road
from lineportal.audit import chain
from lineportal.sending.models import Incident, IncidentCode
from recipients.intake import Invalid

VIEW = "sending.view_incident"
CLOSE = "sending.close_incident"
NOTE_LIMIT = 500  # characters; of a sentence too


class AlreadyClosed(Exception):
    """The incident is over, or somebody closed it."""


@transaction.atomic
def open_or_touch(
    account_id: int, code: str, sentence: str, *, at: datetime, road: Road | None = None
) -> Incident:
    """Return the open incident of this kind, which has this sentence now; open one if none is.

    `code` is one of `IncidentCode`; `sentence` says what is wrong and what to do, and names nobody.
    Two that open one at the same moment get the same.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO sending_incident (account_id, road_id, code, sentence, opened_at,
                last_seen_at, note)
            VALUES (%(account)s, %(road)s, %(code)s, %(sentence)s, %(at)s, %(at)s, '')
            ON CONFLICT (account_id, road_id, code) WHERE closed_at IS NULL
            DO UPDATE SET sentence = EXCLUDED.sentence,
                last_seen_at = greatest(sending_incident.last_seen_at, EXCLUDED.last_seen_at)
            RETURNING id, (xmax = 0)
            """,
            {
                "account": account_id,
                "road": road.pk if road else None,
                "code": IncidentCode(code).value,
                "sentence": sentence[:NOTE_LIMIT],
                "at": at,
            },
        )
        [(pk, is_new)] = cursor.fetchall()
    incident = Incident.objects.get(pk=pk)
    if is_new:
        chain.write(
            "incident.open", subject=incident, by=None, at=at, account_id=account_id, code=code
        )
    return incident


@transaction.atomic
def close(incident_id: int, *, by: User, at: datetime, note: str) -> Incident:
    """Close an incident for a person, who says why. Raises PermissionDenied, Invalid,
    AlreadyClosed.
    """
    incident = Incident.objects.select_for_update().get(pk=incident_id)
    access.require(by, CLOSE, incident.account_id)
    note = note.strip()
    if not 0 < len(note) <= NOTE_LIMIT:
        raise Invalid("note", _("Say what was found or done, in at most 500 characters."))
    if incident.closed_at is not None:
        raise AlreadyClosed(_("This incident is closed already."))
    return _close(incident, by=by, at=at, note=note)


@transaction.atomic
def end(
    account_id: int, code: str, *, at: datetime, note: str, road: Road | None = None
) -> Incident | None:
    """Close the open incident of this kind, if any, as what it is about is over by itself."""
    rows = Incident.objects.select_for_update().filter(
        account=account_id, road=road, code=code, closed_at__isnull=True
    )
    incident = rows.first()
    return incident and _close(incident, by=None, at=at, note=note)


def seen_by(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Incident]:
    """Return the incidents of the accounts that this person may touch."""
    return access.limited(Incident.objects.all(), user)


def open_among(rows: QuerySet[Incident]) -> QuerySet[Incident]:
    """Return those of these that are open, newest first."""
    return rows.filter(closed_at__isnull=True).order_by("-id")


def open_by_code() -> dict[str, int]:
    """Return how many incidents of each kind are open; 0 for the others."""
    counts = dict.fromkeys(map(str, IncidentCode.values), 0)
    rows = Incident.objects.filter(closed_at__isnull=True).order_by().values_list("code")
    return counts | dict(rows.annotate(n=Count("pk")))


def _close(incident: Incident, *, by: User | None, at: datetime, note: str) -> Incident:
    incident.closed_at, incident.closed_by, incident.note = at, by, note[:NOTE_LIMIT]
    incident.save(update_fields=["closed_at", "closed_by", "note"])
    chain.write(
        "incident.close", subject=incident, by=by, at=at, account_id=incident.account_id,
        code=incident.code,
    )  # fmt: skip
    return incident
