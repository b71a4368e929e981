"""What files, callers and colleagues say of a LINE user is said of the number linked to them."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest

from lineportal.accounts.models import OfficialAccount
from recipients import imports, intake, linking, rebuild
from recipients.models import ConsentRecord, FriendStatus, Link, Recipient, RecipientImport, Source
from tests import factories
from tests.conversations import linked
from tests.conversations.talk import ANNA, BEN, NOON

MINUTE = timedelta(minutes=1)
LATER = NOON + timedelta(hours=1)
HEADER = "phone,line_user_id,friend_status,Name\n"


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def pair(account: OfficialAccount, n: int = 1, user: str = ANNA) -> Link:
    phone, friend = linked.by_phone(account, n), linked.by_user(account, user)
    return linking.link(phone, friend, at=NOON + MINUTE, by=None, source=Source.PERSON)


def load(
    account: OfficialAccount, rows: str, *, as_of: datetime | None = None, is_dry_run: bool = False
) -> RecipientImport:
    job = imports.receive(
        account, name="people.csv", file=io.BytesIO((HEADER + rows).encode()), at=LATER, by=None,
        as_of=as_of, is_dry_run=is_dry_run,
    )  # fmt: skip
    return imports.run(job, at=LATER)


def standing(recipient: Recipient) -> tuple[str, datetime | None]:
    recipient.refresh_from_db()
    return recipient.friend_status, recipient.friend_observed_at


def test_an_import_blocks_the_linked_number_and_no_other(account: OfficialAccount) -> None:
    made, other = pair(account), pair(account, 2, BEN)
    alone = linked.by_phone(account, 3)

    job = load(account, f",{ANNA},blocked,\n")

    assert standing(made.phone_recipient) == (FriendStatus.BLOCKED, LATER)
    assert standing(other.phone_recipient)[0] == FriendStatus.FRIEND
    assert standing(alone) == (FriendStatus.NOT_FRIEND, None)
    told = ConsentRecord.objects.filter(recipient=made.phone_recipient, subject="friend").latest(
        "pk"
    )
    assert (told.value, told.previous, told.source) == ("blocked", "friend", Source.IMPORT)
    assert told.source_reference == f"import:{job.pk} row 2"
    assert not told.is_dated
    assert list(rebuild.differences()) == []


def test_a_dry_run_and_a_second_import_pass_nothing_on(account: OfficialAccount) -> None:
    made = pair(account)
    held = ConsentRecord.objects.count()
    load(account, f",{ANNA},blocked,\n", is_dry_run=True)
    assert standing(made.phone_recipient)[0] == FriendStatus.FRIEND
    assert ConsentRecord.objects.count() == held

    load(account, f",{ANNA},blocked,\n,{ANNA},blocked,\n")
    load(account, f",{ANNA},blocked,\n")

    assert ConsentRecord.objects.count() == held + 2


@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize(("of_number", "of_user"), [("friend", "blocked"), ("blocked", "friend")])
@pytest.mark.parametrize("as_of", [None, NOON + 30 * MINUTE])
def test_a_block_stays_whichever_row_comes_first(
    account: OfficialAccount, as_of: datetime | None, of_number: str, of_user: str, is_turned: bool
) -> None:
    made = pair(account)
    rows = [f"{made.phone_recipient.phone},,{of_number},\n", f",{ANNA},{of_user},\n"]

    load(account, "".join(reversed(rows) if is_turned else rows), as_of=as_of)

    assert standing(made.phone_recipient)[0] == FriendStatus.BLOCKED


@pytest.mark.parametrize(
    ("as_of", "after"),
    [(None, "blocked"), (NOON + 20 * MINUTE, "blocked"), (NOON + 40 * MINUTE, "friend")],
)
def test_only_a_newer_dated_file_loosens_the_numbers_block(
    account: OfficialAccount, as_of: datetime | None, after: str
) -> None:
    made = pair(account)
    held = {"friend_status": "blocked", "friend_observed_at": NOON + 30 * MINUTE}
    Recipient.objects.filter(pk=made.phone_recipient_id).update(**held)
    Recipient.objects.filter(pk=made.user_recipient_id).update(friend_status="not_friend")

    load(account, f",{ANNA},friend,\n", as_of=as_of)

    assert standing(made.user_recipient)[0] == FriendStatus.FRIEND
    assert standing(made.phone_recipient)[0] == after


def test_a_link_that_ended_or_ends_by_the_file_passes_nothing_on(account: OfficialAccount) -> None:
    ended, changed = pair(account), pair(account, 2, BEN)
    linking.end(ended, at=NOON + 2 * MINUTE, by=None)

    load(account, f",{ANNA},blocked,\n{factories.phone(9)},{BEN},blocked,\n")

    assert standing(changed.user_recipient)[0] == FriendStatus.BLOCKED
    changed.refresh_from_db()
    assert changed.ended_at is not None
    for link in (ended, changed):
        assert standing(link.phone_recipient)[0] == FriendStatus.FRIEND


def test_what_is_older_than_the_numbers_owner_counts_from_then(account: OfficialAccount) -> None:
    made = pair(account)
    Recipient.objects.filter(pk=made.phone_recipient_id).update(
        phone_since=NOON + 40 * MINUTE, friend_observed_at=None, friend_status="not_friend"
    )

    load(account, f",{ANNA},blocked,\n", as_of=NOON + 20 * MINUTE)

    assert standing(made.user_recipient) == (FriendStatus.BLOCKED, NOON + 20 * MINUTE)
    assert standing(made.phone_recipient) == (FriendStatus.BLOCKED, NOON + 40 * MINUTE)


def test_a_change_of_one_person_is_passed_on_too(account: OfficialAccount) -> None:
    made = pair(account)
    said = intake.Details(friend_status="blocked", observed_at=LATER)

    intake.change(
        made.user_recipient, said, by=factories.superuser(), at=LATER, source=Source.PERSON
    )

    assert standing(made.phone_recipient) == (FriendStatus.BLOCKED, LATER)
    told = ConsentRecord.objects.filter(recipient=made.phone_recipient).latest("pk")
    assert (told.source, told.value, told.previous) == (Source.PERSON, "blocked", "friend")


def test_a_change_of_the_number_stays_with_the_number(account: OfficialAccount) -> None:
    made = pair(account)
    said = intake.Details(friend_status="blocked", observed_at=LATER)

    intake.change(
        made.phone_recipient, said, by=factories.superuser(), at=LATER, source=Source.PERSON
    )

    assert standing(made.user_recipient) == (FriendStatus.FRIEND, NOON)
