"""A verdict against the tables in plain Python, and what it says of itself."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.models import Q, Value, When
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import audience, breakdown, campaigns, judging, policies, proofs
from lineportal.sending.models import Campaign, Message
from recipients import eligibility, intake
from recipients.models import MarketingOptOut, Recipient, Source, Suppression
from templates_app.models import MessageTemplate
from tests import factories
from tests.sending import plainly
from tests.sending.plainly import Person, Text

pytestmark = pytest.mark.django_db

TEXTS = (
    Text("พัสดุของคุณมาถึงแล้ว", 100),
    Text("เรียน คุณ{{name}}", 1000),
    Text("{{tracking_no}}", 15),
    Text("{{parcel_from}}", 300),
    Text("https://example.com/t/{{tracking_no}}", 1000, is_url=True),
)


def put(account: OfficialAccount, people: Iterable[Person], at: datetime) -> dict[int, Person]:
    """Write people as they are, whatever the product's own acts would say; return them by id."""
    people = list(people)
    rows = Recipient.objects.bulk_create(
        Recipient(
            account=account,
            phone=f"+668{uuid4().int % 10**8:08d}{n:05d}"[:16] if person.country else None,
            phone_country=person.country,
            line_user_id=f"U{uuid4().hex}" if person.has_line_user_id else None,
            consent=person.consent,
            friend_status=person.friend_status,
            attributes=person.attributes,
            erased_at=at if person.is_erased else None,
            created_at=at,
            updated_at=at,
        )
        for n, person in enumerate(people)
    )
    made = list(zip(rows, people, strict=True))
    Suppression.objects.bulk_create(
        Suppression(
            account=account, phone=row.phone, reason="asked", until=until, created_at=at,
            lifted_at=at if lifted else None,
        )
        for row, person in made
        for lifted, until in (person.suppressions if row.phone else ())
    )  # fmt: skip
    MarketingOptOut.objects.bulk_create(
        MarketingOptOut(
            recipient=row, purpose=purpose, opted_out_at=at, source=Source.PERSON,
            ended_at=at if ended else None,
        )
        for row, person in made
        for ended, purpose in person.opt_outs
    )  # fmt: skip
    return {row.pk: person for row, person in made}


def judged(template: MessageTemplate, ids: Iterable[int], at: datetime) -> dict[int, Any]:
    """Return (verdict, rule) by recipient, of the SELECT that writes messages."""
    source = judging.Filter(Recipient.objects.filter(pk__in=ids))
    sql, params = judging.judged(template, source, at=at, values={})
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT recipient_id, verdict, rule FROM ({sql}) judged", params)
        return {pk: (verdict, rule) for pk, verdict, rule in cursor.fetchall()}


def counted(template: MessageTemplate, ids: Iterable[int], at: datetime) -> breakdown.Breakdown:
    source = judging.Filter(Recipient.objects.filter(pk__in=ids))
    return breakdown.of(template, source, at=at, values={})


def expected(person: Person, template: MessageTemplate, at: datetime) -> tuple[str, str]:
    texts = TEXTS if template.key == "parcel" else ()
    rule = plainly.rule_of(
        person, service=template.service, category=template.category, purpose=template.purpose,
        at=at, texts=texts,
    )  # fmt: skip
    return plainly.verdict_of(person, rule, service=template.service), rule


def templates(account: OfficialAccount) -> list[MessageTemplate]:
    said = {"content": {"text": "สวัสดี"}, "purpose": "Winter sale"}
    return [
        factories.approved(account),
        factories.two_way(account, **said),
        factories.two_way(account, key="offer", category="marketing", **said),
    ]


def test_every_combination_is_judged_as_the_tables_say(at: datetime) -> None:
    account, soon, past = factories.account(), at + timedelta(hours=1), at - timedelta(hours=1)
    combinations = itertools.product(
        ("agreed", "not_set", "rejected"),
        ("friend", "not_friend", "blocked"),
        ("TH", "TW", "JP", "VN", ""),
        (True, False),
        (True, False),
        ((), ((False, None),), ((False, soon),), ((False, past),), ((True, None),)),
        ((), ((False, ""),), ((False, "winter SALE"),), ((False, "other"),), ((True, ""),)),
    )
    people = put(
        account,
        (
            Person(*each, attributes=factories.VALUES)
            for each in combinations
            if each[2] or each[3] or each[4]  # the database keeps nobody without an address
        ),
        at,
    )

    for template in templates(account):
        wanted = {pk: expected(person, template, at) for pk, person in people.items()}
        assert judged(template, people, at) == wanted
        figures = counted(template, people, at)
        assert figures.by("verdict", "rule") == Counter(wanted.values())


CHARACTERS = st.sampled_from(["a", " ", "\u3000", "\t", "\x1f", "ก", "é", "🧧", "/", "'", "%"])
VALUE = st.text(CHARACTERS, max_size=20)
PERSON = st.builds(
    Person,
    consent=st.sampled_from(["agreed", "not_set", "rejected"]),
    friend_status=st.sampled_from(["friend", "not_friend", "blocked"]),
    country=st.sampled_from(["TH", "VN", ""]),
    is_erased=st.booleans(),
    attributes=st.dictionaries(st.sampled_from(["name", "tracking_no", "parcel_from"]), VALUE)
    | st.fixed_dictionaries({"name": VALUE, "tracking_no": VALUE, "parcel_from": VALUE}),
)
FEW = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def template(account: OfficialAccount) -> MessageTemplate:
    return factories.approved(account)


@FEW
@given(given_people=st.lists(PERSON, min_size=1, max_size=40))
def test_any_people_with_any_values_are_judged_and_counted_as_in_plain_python(
    given_people: list[Person], template: MessageTemplate, at: datetime
) -> None:
    with transaction.atomic():
        people = put(template.account, given_people, at)

        wanted = {pk: expected(person, template, at) for pk, person in people.items()}
        figures = counted(template, people, at)

        assert judged(template, people, at) == wanted
        assert figures.by("verdict", "rule") == Counter(wanted.values())
        assert sum(figures.by("rule").values()) == figures.total == len(people)
        assert figures.by("consent", "friend_status") == Counter(
            (person.consent, person.friend_status) for person in people.values()
        )
        assert sum(n for _c, row in figures.matrix() for _f, n, _sent in row) == len(people)
        transaction.set_rollback(True)


CONDITIONS = st.sampled_from(
    [
        Q(consent="agreed"), Q(friend_status="friend"), Q(phone_country="TH"), ~Q(tags=[]),
        Q(attributes__has_key="name"), Q(erased_at__isnull=True), Q(pk__isnull=True),
        Q(line_user_id__isnull=False) & ~Q(consent="not_set"),
    ]
)  # fmt: skip


@FEW
@given(
    given_people=st.lists(PERSON, min_size=1, max_size=20),
    conditions=st.lists(CONDITIONS, max_size=3),
    service=st.sampled_from(["lon", "oa"]),
)
def test_a_rule_more_can_only_shrink_an_audience(
    given_people: list[Person],
    conditions: list[Q],
    service: str,
    account: OfficialAccount,
    at: datetime,
) -> None:
    with transaction.atomic():
        people = put(account, given_people, at)
        asked = eligibility.Asked(service, "transactional", at)
        rows = Recipient.objects.filter(pk__in=people)

        def ruled(*more: When) -> dict[int, str]:
            by_rule = rows.annotate(rule=eligibility.first_excluding(asked, *more))
            return dict(by_rule.values_list("pk", "rule"))

        before = ruled()
        for n in range(len(conditions)):
            more = [When(each, then=Value("one more")) for each in conditions[: n + 1]]
            after = ruled(*more)
            kept = {pk for pk, rule in before.items() if not rule}
            assert {pk for pk, rule in after.items() if not rule} <= kept
            assert all(after[pk] == rule for pk, rule in before.items() if rule)
            before = after
        transaction.set_rollback(True)


def test_the_figures_are_those_of_the_messages_that_are_written(
    template: MessageTemplate, sender: Any, at: datetime
) -> None:
    account = template.account
    factories.recipient(account, 1, consent="agreed")
    factories.recipient(account, 2)
    factories.recipient(account, 3, consent="rejected")
    factories.recipient(account, 4, attributes={"name": "x"})
    campaign = campaigns.create(account, template=template, name="c", by=sender, at=at)
    figures = audience.figures(campaign, at=at)
    with_cap = policies.change(account, by=factories.user("manager"), at=at,
                               changes={"cap_messages": 5})  # fmt: skip
    assert audience.figures(campaign, at=at) == figures  # by the long way, as a rule more is on
    with_cap.delete()

    campaigns.start(campaign, by=sender, at=at)

    written = Message.objects.filter(campaign=campaign).values_list("verdict", "rule")
    assert figures.by("verdict", "rule") == Counter(written)


def test_a_verdict_says_what_it_rests_on_and_how_the_rules_were_read(
    template: MessageTemplate, at: datetime
) -> None:
    person = factories.recipient(template.account, 1, consent="agreed",
                                 observed_at=at - timedelta(days=3))  # fmt: skip
    intake.change(
        person, intake.Details(friend_status="blocked", observed_at=at - timedelta(days=1)),
        by=factories.user("sender"), at=at, source=Source.PERSON,
    )  # fmt: skip

    found = audience.explain(person, template, at=at)

    assert (found.verdict, found.rule, found.rules_version) == (
        "excluded", "blocked", eligibility.VERSION,
    )  # fmt: skip
    facts = {fact.name: fact for fact in found.inputs}
    assert facts["friend_status"].value == "Blocked us"
    assert facts["friend_status"].source == "the person's own word, entered in the console"
    assert facts["friend_status"].age == timedelta(days=1)
    assert facts["consent"].age == timedelta(days=3)
    assert facts["phone_country"].value == "TH"
    assert (facts["suppressed"].value, facts["values"].value) == ("not on it", "all there")
    assert [(read.rule, read.result) for read in found.reading] == [
        ("erased", "passed"), ("suppressed", "passed"), ("no_phone", "passed"),
        ("no_line_user_id", "not_asked"), ("country_not_served", "passed"),
        ("blocked", "refused"), ("consent_rejected", "not_reached"),
        ("not_friend", "not_asked"), ("opted_out", "not_asked"),
        ("link_ended", "not_asked"),
        ("missing_values", "not_reached"), ("value_too_long", "not_reached"),
        ("already_in_campaign", "not_asked"), ("frequency_cap", "not_asked"),
        ("recently_refused", "not_asked"), ("trigger_too_old", "not_asked"),
    ]  # fmt: skip


def test_what_was_switched_on_is_asked_told_and_kept_on_the_message(
    template: MessageTemplate, sender: Any, at: datetime
) -> None:
    account = template.account
    policies.change(account, by=factories.user("manager"), at=at,
                    changes={"cap_messages": 1, "cooling_off_days": 2})  # fmt: skip
    person = factories.recipient(account, 1, consent="agreed")
    for n in range(2):
        campaign = campaigns.create(account, template=template, name=str(n), by=sender, at=at)
        campaigns.start(campaign, by=sender, at=at)

    found = audience.explain(person, template, at=at)
    sent, skipped = Message.objects.filter(recipient=person).order_by("pk")
    _inputs, reading = proofs.of_message(skipped)

    assert found.rules_version == sent.rules_version == f"{eligibility.VERSION}+fr"
    assert {fact.name: fact.value for fact in found.inputs}["frequency"] == "1 of 1 in 7 days"
    assert {read.rule: read.result for read in reading}["frequency_cap"] == "refused"
    assert {read.rule: read.result for read in reading}["trigger_too_old"] == "not_asked"
    assert {read.result for read in proofs.of_message(sent)[1]} == {"passed", "not_asked"}


def test_a_message_tells_what_was_held_at_its_start_whatever_came_since(
    template: MessageTemplate, sender: Any, at: datetime
) -> None:
    person = factories.recipient(template.account, 1, consent="agreed")
    begun, later = at + timedelta(hours=1), at + timedelta(days=400)
    campaign = campaigns.create(template.account, template=template, name="c", by=sender, at=at)
    campaigns.start(campaign, by=sender, at=begun)
    intake.change(
        person, intake.Details(consent="rejected", observed_at=later), by=sender, at=later,
        source=Source.PERSON,
    )  # fmt: skip

    inputs, _reading = proofs.of_message(Message.objects.get(campaign=campaign))

    facts = {fact.name: (fact.value, fact.source) for fact in inputs}
    assert facts["consent"] == ("Agreed", "an API caller · undated, as of when we were told")
    assert facts["friend_status"] == ("Not a friend", "assumed for a new person")


def test_a_rule_of_another_time_is_named_without_a_reading(at: datetime) -> None:
    asked = eligibility.Asked("lon", "transactional", at)

    assert not proofs.reading("moon_phase", asked, switched_on=[], has_values=True, has_rows=False)


def test_people_of_a_campaign_are_those_counted(
    template: MessageTemplate, sender: Any, at: datetime
) -> None:
    for n, consent in enumerate(("agreed", "rejected")):
        factories.recipient(template.account, n, consent=consent)
    campaign: Campaign = campaigns.create(
        template.account, template=template, name="c", by=sender, at=at,
        audience={"consent": ["agreed"]},
    )  # fmt: skip

    assert audience.people(campaign).count() == audience.figures(campaign, at=at).total == 1
