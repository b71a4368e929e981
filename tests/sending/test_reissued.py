"""A number that is somebody else's now: nothing of its former owner reaches the new one."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.sending import campaigns, inbox, reissued
from lineportal.sending.models import Message
from lineportal.sending.statuses import Status
from recipients import consent, imports, intake, rebuild
from recipients.models import Reachability, Recipient, Source
from tests import factories
from tests.webhooks.test_line_webhook import body_of, delivery, event

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
PHONE = factories.phone(1)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def former(account: OfficialAccount) -> Recipient:
    return factories.recipient(account, 1, consent="agreed", friend_status="friend")


def take(former: Recipient, at: datetime, **details: object) -> Recipient:
    """Say that the number is another's now; return its new owner."""
    given = {"by": factories.user("sender"), "reason": "the operator told us", **details}
    return reissued.take(former, at=at, **given)[0].now  # type: ignore[arg-type]


def test_one_person_is_closed_and_another_is_opened(account: OfficialAccount, at: datetime) -> None:
    former = factories.recipient(account, 1, line_user_id=None, consent="agreed")

    now = take(former, at)

    former.refresh_from_db()
    assert (former.phone, former.former_phone, former.closed_at) == (None, PHONE, at)
    assert (former.consent, former.attributes["name"]) == ("agreed", factories.VALUES["name"])
    assert (now.phone, now.phone_since, now.attributes) == (PHONE, at, {})
    assert (now.consent, now.friend_status, now.line_user_id) == ("not_set", "not_friend", None)
    entry = AuditEntry.objects.get(action="recipient.reassign")
    assert (entry.facts["to"], entry.facts["is_closed"]) == (now.pk, True)
    assert PHONE.removeprefix("+") not in str(entry.facts)
    assert not list(rebuild.differences())


def test_who_can_still_be_reached_as_a_friend_stays_open(former: Recipient, at: datetime) -> None:
    now = take(former, at)

    former.refresh_from_db()
    assert (former.closed_at, former.line_user_id) == (None, factories.user_id(1))
    assert (now.line_user_id, now.friend_status) == (None, "not_friend")


def test_it_holds_on_every_account_unless_one_alone_is_meant(
    account: OfficialAccount, at: datetime
) -> None:
    there = factories.account("other", channel="1650000002")
    people = [factories.recipient(each, 1, consent="agreed") for each in (account, there)]

    take(people[0], at, everywhere=False)
    people[1].refresh_from_db()
    assert (people[1].phone, people[1].consent) == (PHONE, "agreed")

    take(Recipient.objects.get(account=account, phone=PHONE), at + SECOND)
    holders = Recipient.objects.filter(phone=PHONE)
    assert {each.consent for each in holders} == {"not_set"}
    assert {each.phone_since for each in holders} == {at + SECOND}
    assert not list(rebuild.differences())


def test_what_is_queued_for_the_former_owner_is_skipped(
    account: OfficialAccount, former: Recipient, at: datetime
) -> None:
    by = factories.user("sender")
    other = factories.recipient(account, 2, consent="agreed")
    for template in (factories.approved(account), factories.two_way(account)):
        campaign = campaigns.create(account, template=template, name=template.key, by=by, at=at)
        campaigns.start(campaign, by=by, at=at)
    assert set(Message.objects.filter(recipient=former).values_list("status", flat=True)) == {
        "queued"
    }

    take(former, at)

    told = Message.objects.filter(recipient=former).values_list(
        "template__service", "status", "rule"
    )
    # Their number is another's; their LINE user id is still theirs.
    assert set(told) == {("lon", "skipped", "no_phone"), ("oa", "queued", "")}
    assert set(
        Message.objects.filter(recipient=other, service="lon").values_list("status", flat=True)
    ) == {"queued"}


def test_late_receipts_and_events_stay_with_the_former_owner(
    account: OfficialAccount, former: Recipient, at: datetime
) -> None:
    by = factories.user("sender")
    campaign = campaigns.create(
        account, template=factories.approved(account), name="c", by=by, at=at
    )
    campaigns.start(campaign, by=by, at=at)
    Message.objects.update(status=Status.SENDING, attempts=1, attempt_started_at=at)
    now = take(former, at)
    before = Recipient.objects.values().get(pk=now.pk)

    source = {"type": "user", "userId": factories.user_id(1)}
    late = [
        delivery(Message.objects.get(), at + SECOND, number=1),
        event("unfollow", at + SECOND, number=2, source=source),
    ]
    inbox.store(account.pk, provider="line", body=body_of(*late), at=at)
    inbox.read(at=at + 2 * SECOND)

    assert Recipient.objects.values().get(pk=now.pk) == before
    former.refresh_from_db()
    assert former.friend_status == "blocked"
    assert list(Reachability.objects.values_list("recipient", flat=True)) == [former.pk]
    assert Message.objects.get().recipient_id == former.pk


def test_nothing_from_before_is_said_of_the_new_owner(
    account: OfficialAccount, former: Recipient, at: datetime
) -> None:
    now = take(former, at)
    by = factories.user("sender")
    old = intake.Details(consent="rejected", observed_at=at - DAY)

    with pytest.raises(intake.Conflict, match="re-issued"):
        intake.change(now, old, by=by, at=at + DAY, source=Source.API)

    new = intake.Details(consent="agreed", observed_at=at + SECOND)
    assert intake.change(now, new, by=by, at=at + DAY, source=Source.API).consent == "agreed"


@pytest.mark.parametrize("slug", ["thai-post", "other", "third"])
def test_an_older_file_says_nothing_of_the_new_owner(
    slug: str, account: OfficialAccount, former: Recipient, at: datetime
) -> None:
    there = factories.account("other", channel="1650000002")
    factories.recipient(there, 1)
    factories.account("third", channel="1650000003")
    take(former, at)
    target = OfficialAccount.objects.get(slug=slug)

    def load(said: str, as_of: datetime) -> tuple[int, list[str]]:
        text = f"phone,consent,friend_status\n{PHONE},{said}\n{factories.phone(7)},agreed,friend\n"
        job = imports.receive(
            target, name="f", file=io.BytesIO(text.encode()), at=at + 2 * DAY, by=None, as_of=as_of
        )
        job = imports.run(job, at=at + 2 * DAY)
        return job.refused, list(job.refusals.values_list("reason", flat=True))

    for said in ("agreed,", "rejected,", ",friend"):
        refused, [reason] = load(said, at - DAY)
        assert refused == 1
        assert reason.startswith(f"the number was re-issued on {at.date()}")
    assert {each.consent for each in Recipient.objects.filter(phone=PHONE)} == {"not_set"}

    assert load("agreed,", at + DAY)[0] == 0
    holders = Recipient.objects.filter(phone=PHONE)
    assert {(each.consent, each.phone_since) for each in holders} == {("agreed", at)}
    former.refresh_from_db()
    assert former.phone is None
    assert not list(rebuild.differences())


def test_a_former_owners_row_elsewhere_does_not_speak_for_the_new_one(
    account: OfficialAccount, former: Recipient, at: datetime
) -> None:
    there = factories.account("other", channel="1650000002")
    now = take(former, at, everywhere=False)
    # This account learns of the number later, from a file of before.
    text = f"phone,consent\n{PHONE},agreed\n"
    job = imports.receive(
        there, name="f", file=io.BytesIO(text.encode()), at=at + DAY, by=None, as_of=at - DAY
    )
    assert imports.run(job, at=at + DAY).refused == 1

    now.refresh_from_db()
    assert now.consent == "not_set"


def test_who_is_added_later_on_another_account_inherits_from_the_new_owner_only(
    account: OfficialAccount, former: Recipient, at: datetime
) -> None:
    there = factories.account("other", channel="1650000002")
    now = take(former, at)

    added = factories.recipient(there, 1)

    added.refresh_from_db()
    assert (added.consent, added.phone_since) == ("not_set", at)
    assert consent.phone_since(PHONE) == now.phone_since


@pytest.mark.parametrize("role", ["author", "reviewer", "auditor"])
def test_it_is_the_senders_and_managers_act(role: str, former: Recipient, at: datetime) -> None:
    with pytest.raises(PermissionDenied):
        take(former, at, by=factories.user(role))

    former.refresh_from_db()
    assert former.phone == PHONE


def test_who_sees_one_account_reassigns_in_that_one(
    account: OfficialAccount, former: Recipient, at: datetime
) -> None:
    other = factories.recipient(factories.account("other", channel="1650000002"), 1)
    by = factories.user("sender")
    AccountScope.objects.create(user=by).accounts.set([account])

    take(former, at, by=by)

    other.refresh_from_db()
    assert other.phone == PHONE
    with pytest.raises(PermissionDenied):
        take(other, at, by=by)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_it_needs_a_reason(reason: str, former: Recipient, at: datetime) -> None:
    with pytest.raises(intake.Invalid):
        take(former, at, reason=reason)


def test_who_has_no_number_cannot_lose_it(former: Recipient, at: datetime) -> None:
    take(former, at)

    with pytest.raises(intake.Invalid, match="no number"):
        take(former, at)


def test_the_command_does_it_and_tells_no_number(former: Recipient) -> None:
    out = io.StringIO()

    call_command("reassign", PHONE, "--account", "thai-post", "--reason", "told", stdout=out)

    now = Recipient.objects.get(phone=PHONE)
    assert f"recipient {former.pk} → {now.pk}" in out.getvalue()
    assert PHONE not in out.getvalue()
    with pytest.raises(CommandError, match="We hold nobody"):
        call_command("reassign", factories.phone(9), "--account", "thai-post", "--reason", "x")
