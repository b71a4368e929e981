"""Two-way messages to people named by their number: to the LINE user linked to it, or to nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lineportal.accounts.models import OfficialAccount, Road, Service
from lineportal.sending import audience, campaigns, outbox
from lineportal.sending.models import CampaignRow, Message
from recipients import linking
from recipients.models import Link, Recipient, Source
from tests import factories
from tests.api.client import Api
from tests.conversations import linked, talk

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> OfficialAccount:
    return factories.account()


@pytest.fixture
def pair(account: OfficialAccount) -> tuple[Recipient, Recipient]:
    phone = linked.by_phone(account, attributes={"name": "แอนนา"})
    user = linked.by_user(account)
    linking.link(phone, user, at=datetime.now(UTC), by=None, source=Source.PERSON)
    return phone, user


def send(account: OfficialAccount, **person: str) -> Any:
    api = Api(factories.user("manager"))
    body = {"account": account.slug, "template": "news", **person}
    return api.post("messages/", body, **{"Idempotency-Key": str(person)})


def test_a_message_to_a_number_goes_to_the_linked_user_with_the_numbers_values(
    account: OfficialAccount, pair: tuple[Recipient, Recipient]
) -> None:
    factories.two_way(account)

    answer = send(account, phone=factories.phone(1))

    assert answer.status_code == 202
    message = Message.objects.get()
    assert (message.recipient, message.address) == (pair[1], talk.ANNA)
    assert message.values == {"name": "แอนนา"}
    assert message.status == "queued"


@pytest.mark.parametrize("why", ["none", "ended", "stale"])
def test_without_a_link_that_counts_nobody_gets_it(
    account: OfficialAccount, pair: tuple[Recipient, Recipient], why: str
) -> None:
    factories.two_way(account)
    if why == "none":
        linked.by_phone(account, 2)
    elif why == "ended":
        linking.end(Link.objects.get(), at=datetime.now(UTC), by=None)
    else:
        Link.objects.update(confirmed_at=datetime.now(UTC) - timedelta(days=365))

    send(account, phone=factories.phone(2 if why == "none" else 1))

    message = Message.objects.get()
    assert (message.status, message.rule) == ("skipped", "no_line_user_id")


def test_a_link_that_ends_takes_back_what_is_queued_by_it(
    account: OfficialAccount, pair: tuple[Recipient, Recipient]
) -> None:
    factories.two_way(account)
    send(account, phone=factories.phone(1))
    linking.end(Link.objects.get(), at=datetime.now(UTC), by=None)

    claim = outbox.claim(Road.objects.get(service=Service.OA), at=datetime.now(UTC))

    assert claim.messages == []
    message = Message.objects.get()
    assert (message.status, message.rule) == ("skipped", "link_ended")


def test_one_file_names_a_person_by_number_and_by_id_and_they_get_one(
    account: OfficialAccount, pair: tuple[Recipient, Recipient], at: datetime
) -> None:
    template = factories.two_way(account)
    manager = Api(factories.user("manager"))
    rows = [{"phone": factories.phone(1)}, {"line_user_id": talk.ANNA}]
    rows = [{**row, "values": {"name": "A"}} for row in rows]
    made = manager.post(
        "campaigns/",
        {"account": account.slug, "template": template.pk, "name": "n", "audience": {"rows": rows}},
    )
    assert made.status_code == 201, made.json()
    [campaign] = campaigns.Campaign.objects.all()
    now = datetime.now(UTC)

    assert audience.preview(campaign, at=now) == [
        ("excluded", "already_in_campaign", 1), ("send", "", 1),
    ]  # fmt: skip
    assert set(CampaignRow.objects.values_list("recipient", flat=True)) == {pair[1].pk}
    linking.end(Link.objects.get(), at=now, by=None)
    assert ("excluded", "link_ended", 1) in audience.preview(campaign, at=now)
