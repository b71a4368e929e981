"""Every pair of statuses, for both services: the code's table and the database's guard are one.

The table stands here once more, word by word from the design, so that neither can drift alone.
"""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import DatabaseError, transaction

from lineportal.sending import statuses
from lineportal.sending.models import Message, Tally
from tests.sending import placed

# From -> to.
TABLE = {
    "queued": {"sending", "skipped", "cancelled"},
    "sending": {"accepted", "refused", "failed", "uncertain", "queued"},
    "uncertain": {"accepted", "refused", "failed", "expired", "queued"},
    "accepted": {"expired", "refused", "failed"},
    "failed": {"queued"},
    "refused": {"queued"},
    "expired": {"queued"},
    "delivered": set(),
    "skipped": set(),
    "cancelled": set(),
}
# A delivery event wins over everything before it; those back in the queue, or taken out of it,
# had a try before.
DELIVERED_FROM = {
    "sending", "uncertain", "accepted", "failed", "refused", "expired",
    "queued", "skipped", "cancelled",
}  # fmt: skip


def may(source: str, target: str) -> bool:
    if target == "delivered":
        return source in DELIVERED_FROM
    return target in TABLE[source]


def test_the_table_here_names_every_status() -> None:
    assert set(TABLE) == set(placed.STATUSES) == set(statuses.Status.values)


@pytest.mark.parametrize("source", placed.STATUSES)
def test_the_code_allows_the_moves_of_the_table_and_no_others(source: str) -> None:
    allowed = {target for target in placed.STATUSES if statuses.may_move(source, target)}

    assert allowed == {target for target in placed.STATUSES if may(source, target)}


@pytest.mark.parametrize("service", placed.SERVICES)
@pytest.mark.parametrize("source", placed.STATUSES)
def test_the_database_allows_the_moves_of_the_table_and_no_others(
    source: str, service: str, db: None, at: datetime
) -> None:
    campaign = placed.campaign(service, people=1, at=at)
    message = campaign.messages.get()
    placed.put(message.pk, source, at=at)
    placed.sql("UPDATE sending_message SET attempts = 1")

    allowed, said = set(), set()
    for target in placed.STATUSES:
        if target == source:
            continue
        try:
            with transaction.atomic():
                placed.move(message.pk, target, at=at)
                allowed.add(target)
                transaction.set_rollback(True)
        except DatabaseError as refusal:
            said.add(str(refusal).partition("\n")[0])
            assert Message.objects.get().status == source

    assert allowed == {target for target in placed.STATUSES if may(source, target)}
    assert said == {"lineportal: a message may not move so"}


@pytest.mark.parametrize("source", placed.STATUSES)
def test_staying_where_it_is_is_no_move(source: str, db: None, at: datetime) -> None:
    campaign = placed.campaign("lon", people=1, at=at)
    message = campaign.messages.get()
    placed.put(message.pk, source, at=at)
    tallies = Tally.objects.count()

    placed.sql("UPDATE sending_message SET status = status, changed_at = now()")

    assert Message.objects.get().status == source
    assert Tally.objects.count() == tallies
    assert not statuses.may_move(source, source)


def test_one_forbidden_move_undoes_the_whole_statement(db: None, at: datetime) -> None:
    campaign = placed.campaign("lon", people=3, at=at)
    last = campaign.messages.order_by("pk").values_list("pk", flat=True)[2]
    placed.put(last, "cancelled", at=at)

    with pytest.raises(DatabaseError, match="a message may not move so"), transaction.atomic():
        placed.sql("UPDATE sending_message SET status = 'sending'")

    assert list(campaign.messages.order_by("pk").values_list("status", flat=True)) == [
        "queued", "queued", "cancelled",
    ]  # fmt: skip
    assert placed.sql("UPDATE sending_message SET status = 'sending' WHERE status = 'queued'") == 2


def test_a_statement_may_move_each_row_its_own_way(db: None, at: datetime) -> None:
    """What recording does: one UPDATE, every row to the status of its own answer."""
    campaign = placed.campaign("lon", people=3, at=at)
    pks = list(campaign.messages.order_by("pk").values_list("pk", flat=True))
    for pk in pks:
        placed.put(pk, "sending", at=at)

    changed = placed.sql(
        "UPDATE sending_message message SET status = given.status"
        " FROM unnest(%(pks)s::bigint[], %(to)s::text[]) AS given (id, status)"
        " WHERE message.id = given.id",
        pks=pks,
        to=["accepted", "refused", "uncertain"],
    )

    assert changed == 3
    assert sorted(campaign.messages.values_list("status", flat=True)) == [
        "accepted", "refused", "uncertain",
    ]  # fmt: skip
