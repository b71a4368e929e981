"""Marketing to friends by real workers, witnessed by a server of LINE's documents.

`DRILL_FRIENDS=10000` in the environment runs it with as many friends; see
docs/campaigns-to-friends.md.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import campaigns
from lineportal.sending.models import Campaign, Message, Policy
from lineportal.sending.statuses import Status
from recipients import bases, friendship
from recipients.consent import Statement
from recipients.models import Recipient, Source
from templates_app import way_out
from tests import factories
from tests.drills.friends_witness import Witness, listening
from tests.sending.test_worker_process import wait, workers

FRIENDS = int(os.environ.get("DRILL_FRIENDS", "300"))
OTHERS = FRIENDS * 3 // 10  # strangers, blockers and opted-out, a third each
SECONDS = 60 + FRIENDS / 20


def crowd(account: OfficialAccount, by: User, at: datetime) -> set[str]:
    """Put friends on record with others mixed in; return who may get marketing."""
    kinds = ["friend"] * FRIENDS
    for n in range(OTHERS):
        kinds.insert(n * 4, ("not_friend", "blocked", "opted_out")[n % 3])
    Recipient.objects.bulk_create(
        Recipient(
            account=account,
            line_user_id=factories.user_id(n),
            friend_status="friend" if kind == "opted_out" else kind,
            attributes={"name": "คุณ"},
            created_at=at,
            updated_at=at,
        )
        for n, kind in enumerate(kinds)
    )
    opted_out = [factories.user_id(n) for n, kind in enumerate(kinds) if kind == "opted_out"]
    for person in Recipient.objects.filter(account=account, line_user_id__in=opted_out):
        opt_out(person, by, at)
    return {factories.user_id(n) for n, kind in enumerate(kinds) if kind == "friend"}


def opt_out(person: Recipient, by: User, at: datetime) -> None:
    statement = Statement(source=Source.API, observed_at=at, is_dated=True, told_at=at, by=by)
    assert bases.opt_out(person, statement=statement)


def begun(
    witness: Witness, by: User, at: datetime, *, rate: int = 500
) -> tuple[Campaign, set[str]]:
    account = factories.account(api_base_url=witness.url)
    account.roads.update(rate_per_second=rate)
    Policy.objects.create(account=account, windows={"marketing": None})
    template = factories.two_way(account, category="marketing")
    eligible = crowd(account, by, at)
    campaign = campaigns.create(account, template=template, name="Sale", by=by, at=at)
    return campaigns.start(campaign, by=by, at=at), eligible


def state_of(campaign: Campaign) -> str:
    return Campaign.objects.values_list("state", flat=True).get(pk=campaign.pk)


def told(what: str, witness: Witness, began: float) -> None:
    """Report figures of a large run."""
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{what}: {witness.total()} people got it, {sum(witness.tries.values())} POSTs,"
        f" {seconds:.1f} s\n"
    )


@pytest.mark.parametrize("trouble", [0, 16])
def test_exactly_the_eligible_get_it_exactly_once(
    trouble: int, transactional_db: None, sender: User, at: datetime
) -> None:
    with listening(Witness(trouble=trouble)) as witness:
        campaign, eligible = begun(witness, sender, at)
        began = time.monotonic()

        with workers(2):
            wait(lambda: state_of(campaign) == "finished", "it is finished", seconds=SECONDS)

        told(f"trouble {trouble}", witness, began)
    assert witness.wrong == []
    assert witness.got == dict.fromkeys(eligible, 1)
    assert set(witness.person_of.values()) == eligible
    assert len(witness.tries) == len(eligible)  # one key for each person, tries and all
    assert (max(witness.tries.values()) > 1) == bool(trouble)
    [body] = witness.bodies
    assert way_out.words("th").line in body
    statuses = set(Message.objects.values_list("status", flat=True))
    assert statuses == {Status.ACCEPTED, Status.SKIPPED}


def test_an_opt_out_and_an_unfollow_in_the_middle_are_obeyed_by_the_next_claim(
    transactional_db: None, sender: User, at: datetime
) -> None:
    with listening(Witness()) as witness:
        # Slow enough that a busy machine still finds it in the middle.
        campaign, eligible = begun(witness, sender, at, rate=max(20, FRIENDS // 15))
        with workers(2):
            wait(lambda: witness.total() > FRIENDS // 10, "some have got it", seconds=SECONDS)
            campaigns.pause(campaign, by=sender, at=at)
            queued = Message.objects.filter(campaign=campaign, status=Status.QUEUED)
            wait(
                lambda: not campaign.messages.filter(status=Status.SENDING).exists(),
                "what was under way has ended",
            )
            # Of the end: a claim that began before the pause may still take some of the head.
            first, second = Recipient.objects.filter(
                pk__in=queued.order_by("-pk").values("recipient_id")[:2]
            )
            opt_out(first, sender, at)
            friendship.apply_all(
                [
                    friendship.Told(
                        account_id=campaign.account_id,
                        line_user_id=str(second.line_user_id),
                        event="unfollow",
                        occurred_at=at + timedelta(seconds=1),
                        event_id="unfollowed",
                    )
                ],
                at=at + timedelta(seconds=1),
            )
            campaigns.resume(campaign, by=sender, at=at)
            wait(lambda: state_of(campaign) == "finished", "it is finished", seconds=SECONDS)

    gone = {str(first.line_user_id), str(second.line_user_id)}
    assert witness.got == dict.fromkeys(eligible - gone, 1)
    rules = Message.objects.filter(recipient__in=[first, second]).values_list("status", flat=True)
    assert list(rules) == [Status.SKIPPED, Status.SKIPPED]
