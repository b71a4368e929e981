"""Links between a number and a LINE user: one at most, with an age, and never a merged person."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, transaction

from lineportal.audit.models import AuditEntry
from lineportal.sending import forgetting, reissued
from recipients import intake, link_codes, linking
from recipients.models import (
    ConsentRecord,
    FriendStatus,
    Link,
    LinkCode,
    LinkConflict,
    LinkEnd,
    Recipient,
    Source,
)
from tests import factories
from tests.conversations import linked, talk
from tests.conversations.talk import ANNA, BEN, NOON

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def link(phone: Recipient, user: Recipient, **details: object) -> Link:
    return linking.link(
        phone, user, **{"at": NOON + MINUTE, "by": None, "source": Source.PERSON, **details}
    )


def test_a_link_leaves_two_people() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)

    made = link(phone, user, evidence="passport seen")

    assert Recipient.objects.count() == 2
    assert linking.of(phone) == linking.of(user) == made
    phone.refresh_from_db()
    assert phone.line_user_id is None
    assert phone.friend_status == FriendStatus.FRIEND  # as LINE said of the user
    entry = AuditEntry.objects.get(action="link.make")
    assert "passport" not in str(entry.facts)


def test_the_same_link_again_is_confirmed_and_no_second_one() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    made = link(phone, user)

    again = link(phone, user, at=NOON + timedelta(days=3))

    assert again.pk == made.pk
    assert again.confirmed_at == NOON + timedelta(days=3)
    assert again.linked_at == made.linked_at


@pytest.mark.parametrize("side", ["number", "user"])
def test_what_is_linked_is_not_moved(side: str) -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    made = link(phone, user)
    others = (
        (phone, linked.by_user(account, BEN)) if side == "number"
        else (linked.by_phone(account, 2), user)
    )  # fmt: skip

    with pytest.raises(linking.StandsAgainst):
        link(*others)

    assert list(linking.open_links()) == [made]


def test_people_of_two_accounts_are_not_linked_even_by_sql() -> None:
    ours, theirs = factories.account(), factories.account("other", channel="165", secret="s" * 32)
    phone, user = linked.by_phone(theirs), linked.by_user(ours)

    with pytest.raises(intake.Invalid):
        link(phone, user)
    with pytest.raises(DatabaseError, match="of its account"), transaction.atomic():
        Link.objects.create(
            account=ours, phone_recipient=phone, user_recipient=user, linked_at=NOON,
            confirmed_at=NOON, source=Source.LINE,
        )  # fmt: skip


def test_the_database_holds_one_open_link_of_a_number() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    link(phone, user)

    with pytest.raises(IntegrityError), transaction.atomic():
        Link.objects.create(
            account=account, phone_recipient=phone, user_recipient=linked.by_user(account, BEN),
            linked_at=NOON, confirmed_at=NOON, source=Source.LINE,
        )  # fmt: skip


def test_who_may_not_keep_links_makes_and_ends_none() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    made = link(phone, user)

    for by in (factories.user("auditor"), factories.user("agent"), factories.user()):
        with pytest.raises(PermissionDenied):
            linking.end(made, at=NOON, by=by)
        with pytest.raises(PermissionDenied):
            link_codes.issue(phone, at=NOON, by=by)
    assert linking.end(made, at=NOON + MINUTE, by=factories.user("sender")).ended_at


# --- friend status


def test_a_block_of_the_user_excludes_the_number_too() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    link(phone, user)

    talk.hear(account, talk.event("unfollow", NOON + 2 * MINUTE), at=NOON + 3 * MINUTE)

    phone.refresh_from_db()
    assert phone.friend_status == FriendStatus.BLOCKED
    told = ConsentRecord.objects.filter(recipient=phone, subject="friend").latest("pk")
    assert (told.source, told.value) == (Source.LINE, FriendStatus.BLOCKED)
    assert told.source_reference.startswith("01J")


def test_an_older_follow_does_not_lift_the_numbers_block() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    link(phone, user)
    storm = [
        talk.event("follow", NOON + timedelta(minutes=n), follow={}, replyToken="r")
        if n % 2
        else talk.event("unfollow", NOON + timedelta(minutes=n))
        for n in range(2, 21)
    ]

    for event in [*reversed(storm), *storm[3:9], *storm]:
        talk.hear(account, event, at=NOON + timedelta(hours=1))

    phone.refresh_from_db()
    user.refresh_from_db()
    assert phone.friend_status == user.friend_status == FriendStatus.BLOCKED
    assert phone.friend_observed_at == NOON + timedelta(minutes=20)


def test_linking_does_not_loosen_what_is_newer() -> None:
    account = factories.account()
    user = linked.by_user(account)
    phone = linked.by_phone(account)
    newer = {"friend_status": "blocked", "friend_observed_at": NOON + timedelta(seconds=30)}
    Recipient.objects.filter(pk=phone.pk).update(**newer)

    link(phone, user)

    phone.refresh_from_db()
    assert phone.friend_status == FriendStatus.BLOCKED


def test_an_undated_word_of_the_user_does_not_lift_the_numbers_block() -> None:
    account = factories.account()
    phone = linked.by_phone(account, friend_status="blocked")
    stranger = intake.Details(line_user_id=ANNA, friend_status="friend")
    user = intake.add(
        account, stranger, by=factories.superuser(), at=NOON + MINUTE, source=Source.IMPORT
    )

    link(phone, user, at=NOON + 2 * MINUTE)

    phone.refresh_from_db()
    assert phone.friend_status == FriendStatus.BLOCKED


# --- how links end


def test_erasing_either_side_ends_the_link_and_empties_its_evidence() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    made = link(phone, user, evidence="shop 12")
    link_codes.issue(phone, at=NOON, by=None)

    forgetting.erase(phone, at=NOON + timedelta(hours=1), by=None)

    made.refresh_from_db()
    assert (made.end_reason, made.evidence) == (LinkEnd.ERASED, "")
    assert not LinkCode.objects.exists()


def test_a_reissued_number_takes_no_link_along() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    made = link(phone, user)

    [change] = reissued.take(
        phone, at=NOON + timedelta(hours=1), by=None, reason="told by operator"
    )

    made.refresh_from_db()
    assert made.end_reason == LinkEnd.REASSIGNED
    assert linking.of(change.now) is None
    with pytest.raises(intake.Invalid):  # linked before the number was theirs
        link(change.now, user, linked_at=NOON)


def test_a_changed_number_ends_the_link_however_it_changes() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    made = link(phone, user)

    Recipient.objects.filter(pk=phone.pk).update(phone=factories.phone(7), updated_at=NOON + MINUTE)

    made.refresh_from_db()
    assert (made.end_reason, made.ended_at) == (LinkEnd.CHANGED, NOON + MINUTE)


# --- codes


def test_a_code_is_held_as_a_digest_and_good_once() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    issued = link_codes.issue(phone, at=NOON, by=None)

    nonce = link_codes.enter(f" {issued.shown.lower()} ", user=user, at=NOON)
    made = link_codes.redeem(nonce, user=user, occurred_at=NOON, at=NOON)

    assert issued.code not in repr(issued)
    assert LinkCode.objects.get().digest != issued.code
    assert len(nonce) >= 43  # 256 bits
    assert made is not None
    assert link_codes.redeem(nonce, user=user, occurred_at=NOON, at=NOON) is None
    with pytest.raises(link_codes.WrongCode):
        link_codes.enter(issued.code, user=user, at=NOON)


def test_a_code_belongs_to_who_enters_it_first() -> None:
    account = factories.account()
    phone, anna = linked.by_phone(account), linked.by_user(account)
    ben = linked.by_user(account, BEN)
    code = link_codes.issue(phone, at=NOON, by=None).code
    nonce = link_codes.enter(code, user=anna, at=NOON)

    with pytest.raises(link_codes.WrongCode):
        link_codes.enter(code, user=ben, at=NOON)

    assert link_codes.redeem(nonce, user=ben, occurred_at=NOON, at=NOON) is None
    again = link_codes.enter(code, user=anna, at=NOON)
    assert link_codes.redeem(nonce, user=anna, occurred_at=NOON, at=NOON) is None
    assert link_codes.redeem(again, user=anna, occurred_at=NOON, at=NOON)


@pytest.mark.parametrize(
    ("later", "is_good"), [(timedelta(hours=23), True), (timedelta(hours=24), False)]
)
def test_a_code_is_good_for_a_day(later: timedelta, is_good: bool) -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    code = link_codes.issue(phone, at=NOON, by=None).code

    if is_good:
        assert link_codes.enter(code, user=user, at=NOON + later)
    else:
        with pytest.raises(link_codes.WrongCode):
            link_codes.enter(code, user=user, at=NOON + later)


def test_a_newer_code_makes_the_earlier_one_void_and_ten_a_day_are_enough() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    codes = [link_codes.issue(phone, at=NOON, by=None).code for _number in range(10)]

    for old in codes[:-1]:
        with pytest.raises(link_codes.WrongCode):
            link_codes.enter(old, user=user, at=NOON)
    assert link_codes.enter(codes[-1], user=user, at=NOON)
    with pytest.raises(link_codes.TooManyCodes):
        link_codes.issue(phone, at=NOON + MINUTE, by=None)


@pytest.mark.parametrize("text", ["", "\0", "1" * 5_000, "ABCD-EFG", "OOOOIIII", "ไทย", "' OR 1=1"])
def test_what_cannot_be_a_code_is_wrong(text: str) -> None:
    user = linked.by_user(factories.account())

    with pytest.raises(link_codes.WrongCode):
        link_codes.enter(text, user=user, at=NOON)


# --- conflicts


def test_people_decide_a_conflict_and_the_older_link_ends_only_then() -> None:
    account = factories.account()
    phone, anna = linked.by_phone(account), linked.by_user(account, ANNA)
    ben = linked.by_user(account, BEN)
    old = link(phone, anna)
    nonce = linked.nonce_for(phone, ben)
    assert link_codes.redeem(nonce, user=ben, occurred_at=NOON, at=NOON) is None
    conflict = LinkConflict.objects.get(settled_at=None)
    assert list(linking.open_links()) == [old]

    made = linking.settle(conflict, anew=True, by=factories.user("sender"), at=NOON + MINUTE)

    old.refresh_from_db()
    assert old.end_reason == LinkEnd.RELINKED
    assert list(linking.open_links()) == [made]
    with pytest.raises(linking.AlreadyEnded):
        linking.settle(conflict, anew=False, by=factories.user("sender"), at=NOON + MINUTE)
