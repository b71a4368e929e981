"""Friend status follows LINE's own timestamps, in whatever order its events and files arrive."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import inbox
from recipients import friendship, intake, rebuild
from recipients.consent import CARE
from recipients.models import FriendStatus, Recipient, Source
from tests import factories
from tests.webhooks.test_line_webhook import body_of, event

AT = datetime(2026, 6, 1, tzinfo=UTC)
WORDS = {"follow": "friend", "unfollow": "blocked", **{each: each for each in FriendStatus.values}}

TOLD = st.tuples(
    st.sampled_from(sorted(WORDS)),  # an event of LINE, or a dated word of a caller
    st.integers(0, 4),  # seconds; some at the same moment
)


def fresh_account() -> OfficialAccount:
    slug = f"a{OfficialAccount.objects.count()}"
    return factories.account(slug, channel=slug)


def tell(account: OfficialAccount, number: int, told: list[tuple[str, int]]) -> Recipient:
    """Tell one thing after the other, each by its own door."""
    by = factories.user("sender")
    user_id = factories.user_id(number)
    person = factories.recipient(account, number)
    for n, (word, second) in enumerate(told):
        observed_at = AT + timedelta(seconds=second)
        if word in friendship.STATUS_AFTER:
            friendship.apply(
                account, line_user_id=user_id, event=word, occurred_at=observed_at,
                event_id=f"{number}-{n}", at=AT,
            )  # fmt: skip
            continue
        details = intake.Details(friend_status=word, observed_at=observed_at)
        try:
            intake.change(person, details, by=by, at=AT + timedelta(days=1), source=Source.API)
        except intake.Conflict:
            continue
    person.refresh_from_db()
    return person


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), told=st.lists(TOLD, min_size=1, max_size=6))
def test_every_order_of_arrival_comes_to_the_newest_and_most_careful(
    data: st.DataObject, told: list[tuple[str, int]], db: None
) -> None:
    count = Recipient.objects.count()
    account = fresh_account()
    newest, careful = max((second, CARE[WORDS[word]]) for word, second in told)
    orders = [told, data.draw(st.permutations(told))]

    people = [tell(account, count + n, order) for n, order in enumerate(orders)]

    for person in people:
        assert person.friend_observed_at == AT + timedelta(seconds=newest)
        assert CARE[person.friend_status] == careful
    assert not list(rebuild.differences(account))


EVENTS = st.lists(
    st.tuples(st.sampled_from(["follow", "unfollow"]), st.integers(0, 5)), min_size=1, max_size=8
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), told=EVENTS)
def test_strangers_in_any_order_any_bodies_and_twice(
    data: st.DataObject, told: list[tuple[str, int]], db: None
) -> None:
    count = Recipient.objects.count()
    account = fresh_account()
    source = {"type": "user", "userId": factories.user_id(count)}
    events = [
        event(kind, AT + timedelta(seconds=second), number=n, source=source)
        for n, (kind, second) in enumerate(told)
    ]
    arriving = data.draw(st.permutations([*events, *events[:2]]))  # LINE repeats itself
    cut = data.draw(st.integers(0, len(arriving)))
    for part in (arriving[:cut], arriving[cut:]):
        if part:
            inbox.store(account.pk, provider="line", body=body_of(*part), at=AT)
            if data.draw(st.booleans()):
                inbox.read(at=AT)

    inbox.read(at=AT)

    person = Recipient.objects.get(account=account)
    newest = max(second for _kind, second in told)
    is_blocked = ("unfollow", newest) in told
    assert person.friend_observed_at == AT + timedelta(seconds=newest)
    assert person.friend_status == ("blocked" if is_blocked else "friend")
    assert (person.friend_source, person.phone) == ("line", None)


@pytest.mark.parametrize("kind", ["follow", "unfollow"])
def test_events_say_nothing_of_consent(kind: str, db: None) -> None:
    person = factories.recipient(factories.account(), 1)

    friendship.apply(
        person.account, line_user_id=factories.user_id(1), event=kind, occurred_at=AT,
        event_id="e", at=AT,
    )  # fmt: skip

    person.refresh_from_db()
    assert (person.consent, person.consent_source) == ("not_set", "assumed")
    assert set(person.ledger.values_list("subject", flat=True)) == {"friend"}


def test_source_and_age_stand_where_it_decides(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    account = factories.account()
    factories.recipient(account, 1, consent="rejected")
    friendship.apply(
        account, line_user_id=factories.user_id(1), event="unfollow",
        occurred_at=datetime.now(UTC) - timedelta(days=3), event_id="e", at=datetime.now(UTC),
    )  # fmt: skip

    call_command("explain_recipient", factories.phone(1), "--account", account.slug)

    told = capsys.readouterr().out
    assert re.search(r"LON consent: Rejected · an API caller .* 0 days ago", told)
    assert re.search(r"Friend status: Blocked us · an event from LINE .* 3 days ago", told)
