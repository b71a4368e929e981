"""Messages in any status, led there by legal moves with the facts that each move leaves behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pgtrigger
from django.db import connection
from django.db.models import Model

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.providers.base import Event
from lineportal.sending import campaigns, outbox
from lineportal.sending.models import Campaign, Message
from recipients.models import Recipient
from tests import factories

STATUSES = (
    "skipped", "queued", "sending", "accepted", "delivered", "expired", "refused", "failed",
    "uncertain", "cancelled",
)  # fmt: skip
SERVICES = ("lon", "oa")
MOVES_GUARD = "sending.Message:messages_move_by_the_table"

# The way from the queue to each status.
PATHS: dict[str, tuple[str, ...]] = {
    "queued": (),
    "skipped": ("skipped",),
    "cancelled": ("cancelled",),
    "sending": ("sending",),
    "accepted": ("sending", "accepted"),
    "refused": ("sending", "refused"),
    "failed": ("sending", "failed"),
    "uncertain": ("sending", "uncertain"),
    "expired": ("sending", "accepted", "expired"),
    "delivered": ("sending", "accepted", "delivered"),
}
_ENDED = "leased_until = NULL, attempt_ended_at = %(at)s"
_EXPIRES = "expires_at = CASE service WHEN 'lon' THEN %(at)s + interval '24 hours' END"
# What else each move writes.
FACTS = {
    "skipped": "verdict = 'excluded', rule = 'suppressed'",
    "cancelled": "leased_until = NULL",
    "queued": "leased_until = NULL",
    "sending": (
        "attempts = attempts + 1, attempt_started_at = COALESCE(attempt_started_at, %(at)s),"
        " leased_until = %(at)s + interval '30 seconds'"
    ),
    "accepted": f"{_ENDED}, {_EXPIRES}, accepted_at = %(at)s, http_status = 200,"
    " outcome = 'accepted'",
    "refused": f"{_ENDED}, http_status = 422, outcome = 'refused'",
    "failed": f"{_ENDED}, http_status = 400, outcome = 'fault'",
    "uncertain": f"{_ENDED}, {_EXPIRES}, outcome = 'uncertain'",
    "expired": "changed_at = %(at)s",
    "delivered": "delivered_at = %(at)s",
}


@dataclass(frozen=True)
class Held:
    """What a worker once held of a message: its claim's token, and all that is needed to send."""

    token: UUID
    message: Any  # outbox.Claimed

    @property
    def pk(self) -> int:
        return int(self.message.id)


def sql(statement: str, **params: Any) -> int:
    """Run one statement as the application's role; return how many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return int(cursor.rowcount)


def account(*, people: int = 0, **details: Any) -> OfficialAccount:
    """Return an account with so many people who may be written to by both services.

    The first is recorded by the product's own act, the others are copies with their own addresses.
    """
    made = factories.account(**details)
    if people:
        factories.recipient(made, 0, consent="agreed", friend_status="friend")
        more_people(made, people - 1)
    return made


def more_people(of: OfficialAccount, count: int) -> None:
    """Give an account whose first person is there so many more, in one statement."""
    columns = _columns(Recipient)
    own = {
        "phone": "'+668123' || lpad(n::text, 5, '0')",
        "line_user_id": "'U' || lpad(to_hex(n), 32, '0')",
    }
    sql(
        f"INSERT INTO recipients_recipient ({_listed(columns)})"
        f" SELECT {', '.join(own.get(name) or _quoted(name) for name in columns)}"
        " FROM recipients_recipient, generate_series(1, %(count)s) n"
        " WHERE account_id = %(account)s",
        count=count,
        account=of.pk,
    )
    # Or the triggers' plans from when the table was tiny would compare each row with each.
    sql("ANALYZE recipients_recipient")


def copies(of: Campaign) -> int:
    """Give a campaign of one message one more for everybody else of its account; return how many.

    One set-based statement, so that tests may have many rows.
    """
    columns = _columns(Message)
    own = {"recipient_id": "person.id", "reference": "gen_random_uuid()"}
    return sql(
        f"INSERT INTO sending_message ({_listed(columns)})"
        f" SELECT {', '.join(own.get(name) or f'message.{_quoted(name)}' for name in columns)}"
        " FROM sending_message message"
        " JOIN recipients_recipient person ON person.account_id = message.account_id"
        " AND person.id <> message.recipient_id WHERE message.campaign_id = %(campaign)s",
        campaign=of.pk,
    )


def _columns(model: type[Model]) -> list[str]:
    return [str(field.column) for field in model._meta.concrete_fields if field.column != "id"]


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _quoted(column: str) -> str:
    return connection.ops.quote_name(column)


def campaign(
    service: str, *, at: datetime, people: int, of: OfficialAccount | None = None
) -> Campaign:
    """Return a running campaign with one queued message for each of so many people."""
    of = of or account(people=people)
    make = factories.approved if service == "lon" else factories.two_way
    by = factories.user("sender")
    made = campaigns.create(of, template=make(of), name="placed", by=by, at=at)
    made = campaigns.start(made, by=by, at=at)
    assert made.messages.filter(status="queued").count() == people
    return made


def road(of: Campaign) -> Road:
    """Return the road a campaign's messages take, as it is now."""
    return Road.objects.select_related("account").get(
        account=of.account_id, service=of.template.service
    )


def hold_all(of: Campaign, *, at: datetime) -> list[Held]:
    """Claim what is queued and in nobody's hands, as the pace allows, within 20 s from `at`."""
    wanted = (
        of.messages.filter(status="queued", ready_at__lte=at).exclude(lease__until__gt=at).count()
    )
    held: list[Held] = []
    for seconds in range(20):
        claim = outbox.claim(road(of), limit=100, at=at + timedelta(seconds=seconds))
        held += [Held(claim.token, message) for message in claim.messages]
        if len(held) == wanted:
            return sorted(held, key=lambda each: each.pk)
    raise AssertionError(f"{len(held)} of {wanted} messages could be claimed")


def move(pk: int, to: str, *, at: datetime) -> None:
    """Make one move, with its facts."""
    changed = sql(
        f"UPDATE sending_message SET status = %(to)s, {FACTS[to]} WHERE id = %(pk)s",
        to=to, pk=pk, at=at,
    )  # fmt: skip
    assert changed == 1


def put(pk: int, status: str, *, at: datetime) -> None:
    """Lead a queued message to a status."""
    for step in PATHS[status]:
        if step == "expired":  # of two-way messages only what an older version left behind
            with pgtrigger.ignore(MOVES_GUARD):
                assert Message.objects.filter(pk=pk).update(status=step, changed_at=at) == 1
        else:
            move(pk, step, at=at)


def one_in_each_status(service: str, *, at: datetime, tried: Iterable[str] = ()) -> dict[str, Held]:
    """Return one message of a running campaign for each status, as a worker once held it.

    Those in the statuses of `tried` came there after a try that had no known effect.
    """
    made = campaign(service, at=at, people=len(STATUSES))
    placed = dict(zip(STATUSES, hold_all(made, at=at), strict=True))
    for status, held in placed.items():
        put(held.pk, status, at=at)
    for status in tried:
        sql(
            "UPDATE sending_message SET attempts = 1, attempt_started_at = %(at)s"
            " WHERE id = %(pk)s",
            at=at, pk=placed[status].pk,
        )  # fmt: skip
    assert now(placed) == {status: status for status in STATUSES}
    return placed


def told(account: OfficialAccount, *tags: Any, at: datetime) -> list[tuple[int, Event]]:
    """Return that a provider told this account of the delivery of these tags."""
    return [
        (account.pk, Event(uuid4().hex, "delivered", at, reference=reference)) for reference in tags
    ]


def now(placed: dict[str, Held]) -> dict[str, str]:
    """Return the status of each message now, by the one it was put into."""
    found = dict(
        Message.objects.filter(pk__in=[held.pk for held in placed.values()]).values_list(
            "pk", "status"
        )
    )
    return {status: found[held.pk] for status, held in placed.items()}


def moved(placed: dict[str, Held]) -> dict[str, str]:
    """Return where messages are that are not where they were put."""
    return {before: after for before, after in now(placed).items() if before != after}


def row(held: Held) -> Message:
    return Message.objects.select_related("campaign", "template").get(pk=held.pk)
