"""The rules an account switches on: cap, cooling-off, and the age of what a message tells of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.sending import audience, campaigns, due, messages, own_history, policies, rows
from lineportal.sending.models import Message, Policy
from recipients.intake import Invalid
from recipients.models import MarketingOptOut, Recipient, Source
from templates_app.models import MessageTemplate
from tests import factories
from tests.sending import placed

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> OfficialAccount:
    return factories.account()


@pytest.fixture
def template(account: OfficialAccount) -> MessageTemplate:
    return factories.approved(account)


@pytest.fixture
def person(account: OfficialAccount) -> Recipient:
    return factories.recipient(account, 1, consent="agreed")


def allow(account: OfficialAccount, at: datetime, **changes: Any) -> None:
    policies.change(account, by=factories.user("manager"), at=at, changes=changes)


def write(template: MessageTemplate, person: Recipient, at: datetime, **details: Any) -> Message:
    pk = audience.write_one(person, template, at=at, values={}, not_after=None, by=None, **details)
    return Message.objects.get(pk=pk)


def bring(message: Message, status: str, at: datetime) -> None:
    placed.put(message.pk, status, at=at)


def claim(account: OfficialAccount, at: datetime, *, service: str = "lon") -> list[int]:
    road = Road.objects.get(account=account, service=service)
    with transaction.atomic():
        return [each.id for each in due.take(road, uuid4(), limit=100, at=at)[1]]


def test_without_a_switch_nothing_of_the_past_excludes(
    template: MessageTemplate, person: Recipient, at: datetime
) -> None:
    bring(write(template, person, at), "refused", at)

    made = write(template, person, at, triggered_at=at - timedelta(days=300))

    assert (made.verdict, made.rule) == ("send", "")


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("queued", True), ("sending", True), ("accepted", True), ("delivered", True),
        ("uncertain", True), ("refused", False), ("failed", False), ("skipped", False),
        ("cancelled", False), ("expired", False),
    ],
)  # fmt: skip
def test_a_cap_counts_what_went_out_or_still_may(
    status: str, counts: bool, template: MessageTemplate, person: Recipient, at: datetime
) -> None:
    allow(template.account, at, cap_messages=1)
    bring(write(template, person, at), status, at)

    explained = audience.explain(person, template, at=at)

    assert explained.rule == ("frequency_cap" if counts else "")
    assert write(template, person, at).rule == explained.rule


def test_a_cap_forgets_what_is_older_than_its_days(
    template: MessageTemplate, person: Recipient, at: datetime
) -> None:
    allow(template.account, at, cap_messages=1, cap_days=2)
    bring(write(template, person, at), "delivered", at)

    assert audience.explain(person, template, at=at + timedelta(hours=47)).rule == "frequency_cap"
    assert audience.explain(person, template, at=at + timedelta(hours=49)).rule == ""


def test_the_marketing_cap_counts_and_bars_marketing_alone(
    account: OfficialAccount, at: datetime
) -> None:
    friend = factories.recipient(account, 2, friend_status="friend")
    news = factories.two_way(account)
    offer = factories.two_way(account, key="offer", category="marketing")
    allow(account, at, marketing_cap_messages=1)
    bring(write(news, friend, at), "accepted", at)
    assert audience.explain(friend, offer, at=at).rule == ""

    bring(write(offer, friend, at), "accepted", at)

    assert audience.explain(friend, offer, at=at).rule == "frequency_cap"
    assert audience.explain(friend, news, at=at).rule == ""


def test_a_cap_counts_both_services(
    account: OfficialAccount, template: MessageTemplate, at: datetime
) -> None:
    friend = factories.recipient(account, 2, friend_status="friend")
    allow(account, at, cap_messages=1)
    bring(write(template, friend, at), "delivered", at)

    assert audience.explain(friend, factories.two_way(account), at=at).rule == "frequency_cap"


def test_of_two_queued_messages_the_claim_lets_the_first_go(
    account: OfficialAccount, template: MessageTemplate, person: Recipient, at: datetime
) -> None:
    first, second = write(template, person, at), write(template, person, at)
    allow(account, at, cap_messages=1)

    assert claim(account, at) == [first.pk]

    second.refresh_from_db()
    assert (second.status, second.rule) == ("skipped", "frequency_cap")


def test_rows_of_one_file_count_each_other(
    account: OfficialAccount, template: MessageTemplate, sender: Any, at: datetime
) -> None:
    allow(account, at, cap_messages=2)
    given_rows = [
        {"phone": factories.phone(1), "item": str(n), "values": factories.VALUES} for n in range(4)
    ]
    campaign = campaigns.create(
        account, template=template, name="c", audience={"rows": 4}, by=sender, at=at
    )
    rows.add(campaign, rows.from_json(given_rows, account=account), at=at)
    counted = audience.preview(campaign, at=at)

    campaigns.start(campaign, by=sender, at=at)

    assert counted == [("excluded", "frequency_cap", 2), ("send_pending_consent", "", 2)]
    assert list(
        Message.objects.filter(campaign=campaign).order_by("pk").values_list("item", "rule")
    ) == [("0", ""), ("1", ""), ("2", "frequency_cap"), ("3", "frequency_cap")]
    assert len(claim(account, at)) == 2


def test_after_a_refusal_the_person_is_left_alone_for_a_while(
    account: OfficialAccount, template: MessageTemplate, person: Recipient, at: datetime
) -> None:
    allow(account, at, cooling_off_days=3)
    waiting = write(template, person, at)
    bring(write(template, person, at), "refused", at)

    assert audience.explain(person, template, at=at + timedelta(days=2)).rule == (
        "recently_refused"
    )
    assert audience.explain(person, template, at=at + timedelta(days=4)).rule == ""
    assert claim(account, at) == []
    waiting.refresh_from_db()
    assert (waiting.status, waiting.rule) == ("skipped", "recently_refused")


def test_a_later_success_ends_the_cooling_off(
    account: OfficialAccount, template: MessageTemplate, person: Recipient, at: datetime
) -> None:
    allow(account, at, cooling_off_days=3)
    refused, later = write(template, person, at), write(template, person, at)
    bring(refused, "refused", at)
    bring(later, "delivered", at)

    assert audience.explain(person, template, at=at).rule == ""


def test_a_trigger_grows_too_old_in_the_queue(
    account: OfficialAccount, template: MessageTemplate, person: Recipient, at: datetime
) -> None:
    allow(account, at, trigger_minutes=30)
    late = write(template, person, at, triggered_at=at - timedelta(minutes=31))
    made = write(template, person, at, triggered_at=at - timedelta(minutes=29))
    unsaid = write(template, person, at)

    assert (late.rule, made.rule, made.status) == ("trigger_too_old", "", "queued")
    assert claim(account, at + timedelta(minutes=2)) == [unsaid.pk]


def test_the_rows_of_a_file_and_a_campaign_say_when_it_happened(
    account: OfficialAccount, template: MessageTemplate, sender: Any, at: datetime
) -> None:
    allow(account, at, trigger_minutes=30)
    own = {**factories.VALUES, "triggered_at": (at - timedelta(hours=1)).isoformat()}
    campaign = campaigns.create(
        account, template=template, name="c", audience={"rows": 2}, by=sender, at=at,
        values={"triggered_at": at.isoformat()},
    )  # fmt: skip
    lines = rows.from_json(
        [
            {"phone": factories.phone(1), "values": own},
            {"phone": factories.phone(2), "values": factories.VALUES},
        ],
        account=account,
    )
    rows.add(campaign, lines, at=at)

    campaigns.start(campaign, by=sender, at=at)

    made = Message.objects.filter(campaign=campaign).order_by("pk")
    assert list(made.values_list("rule", "triggered_at")) == [
        ("trigger_too_old", at - timedelta(hours=1)),
        ("", at),
    ]


@pytest.mark.parametrize("text", ["yesterday", "2026-11-25T09:00:00", "2026-13-01T00:00:00Z"])
def test_a_trigger_without_a_zone_or_sense_is_refused(
    text: str, account: OfficialAccount, template: MessageTemplate, sender: Any, at: datetime
) -> None:
    with pytest.raises(Invalid, match="moment with its zone"):
        own_history.read_moment(text)
    with pytest.raises(Invalid):
        campaigns.create(
            account, template=template, name="c", audience={}, by=sender, at=at,
            values={"triggered_at": text},
        )  # fmt: skip


def test_a_one_off_message_keeps_its_trigger(
    account: OfficialAccount, template: MessageTemplate, sender: Any, at: datetime
) -> None:
    allow(account, at, trigger_minutes=30)

    made = messages.request(
        account, template=template, phone=factories.phone(9), line_user_id=None,
        values=factories.VALUES, key="k", body={}, by=sender, at=at,
        triggered_at=at - timedelta(hours=2),
    )  # fmt: skip

    assert (made.rule, made.triggered_at) == ("trigger_too_old", at - timedelta(hours=2))


@pytest.mark.parametrize(
    ("purpose", "rule"),
    [("", "opted_out"), ("WINTER sale", "opted_out"), ("Summer sale", "")],
)
def test_an_opt_out_from_one_purpose_bars_that_purpose(
    purpose: str, rule: str, account: OfficialAccount, at: datetime
) -> None:
    friend = factories.recipient(account, 2, friend_status="friend")
    offer = factories.two_way(account, key="offer", category="marketing", purpose="Winter sale")
    queued = write(offer, friend, at)
    MarketingOptOut.objects.create(
        recipient=friend, purpose=purpose, opted_out_at=at, source=Source.API
    )
    Policy.objects.create(account=account, windows={"marketing": None})

    assert audience.explain(friend, offer, at=at).rule == rule
    assert claim(account, at, service="oa") == ([] if rule else [queued.pk])


SWITCHES = st.fixed_dictionaries(
    {},
    optional={
        "cap_messages": st.integers(1, 3),
        "marketing_cap_messages": st.integers(1, 3),
        "cooling_off_days": st.integers(1, 3),
        "trigger_minutes": st.integers(1, 3000),
    },
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    switches=SWITCHES,
    past=st.lists(st.sampled_from(["accepted", "delivered", "uncertain", "refused"]), max_size=3),
    age=st.none() | st.integers(0, 3000),
    marketing=st.booleans(),
)
def test_switching_a_rule_on_can_only_shrink_who_is_written_to(
    switches: dict[str, int], past: list[str], age: int | None, marketing: bool, at: datetime
) -> None:
    with transaction.atomic():
        slug = f"a{uuid4().hex[:12]}"
        account = factories.account(slug, channel=slug)
        template = factories.approved(account)
        if marketing:  # a two-way one, which has no delivery events: the rules ask for statuses
            template = factories.two_way(account, category="marketing")
            past = ["accepted" if status == "delivered" else status for status in past]
        person = factories.recipient(account, 1, consent="agreed", friend_status="friend")
        for status in past:
            bring(write(template, person, at), status, at)
        triggered_at = None if age is None else at - timedelta(minutes=age)
        values = {"triggered_at": triggered_at.isoformat()} if triggered_at else {}
        n, refused = sum(each != "refused" for each in past), past[-1:] == ["refused"]

        def plainly(on: dict[str, int]) -> str:
            if ("cap_messages" in on and n >= on["cap_messages"]) or (
                marketing and "marketing_cap_messages" in on and n >= on["marketing_cap_messages"]
            ):
                return "frequency_cap"
            if "cooling_off_days" in on and refused:
                return "recently_refused"
            is_old = age is not None and age > on.get("trigger_minutes", 10_000)
            return "trigger_too_old" if is_old else ""

        excluded_by = {}
        for dropped in (None, *switches):
            on = {name: value for name, value in switches.items() if name != dropped}
            Policy.objects.update_or_create(
                account=account,
                defaults=dict.fromkeys(
                    ("cap_messages", "marketing_cap_messages", "cooling_off_days",
                     "trigger_minutes")
                ) | on,
            )  # fmt: skip
            rule = audience.explain(person, template, at=at, values=values).rule
            assert rule == plainly(on)
            excluded_by[dropped] = rule
        assert excluded_by[None] or not any(excluded_by.values())
        transaction.set_rollback(True)
