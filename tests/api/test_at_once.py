"""Two callers at the same moment, on real connections: one thing is made, both are answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connections
from django.http import HttpResponse

from lineportal.accounts.models import OfficialAccount
from lineportal.sending.models import Campaign, Message
from recipients.models import Recipient
from templates_app.models import MessageTemplate
from tests import factories
from tests.api.client import Api


def at_once(n: int, ask: Callable[[Api], HttpResponse], api: Api) -> list[HttpResponse]:
    """Return the answers of n threads that ask together."""
    together, answers = threading.Barrier(n), []

    def run() -> None:
        try:
            together.wait(timeout=10)
            answers.append(ask(api))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _n in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(answers) == n
    return answers


@pytest.fixture
def account(transactional_db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def template(account: OfficialAccount) -> MessageTemplate:
    return factories.approved(account)


@pytest.fixture
def api(template: MessageTemplate) -> Api:
    return Api(factories.user("manager"))


def test_one_key_at_once_makes_one_message(api: Api) -> None:
    body = {"account": "thai-post", "template": "parcel", "phone": "0812300009",
            "values": factories.VALUES}  # fmt: skip

    answers = at_once(4, lambda each: each.post("messages/", body, **{"Idempotency-Key": "k"}), api)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert (Message.objects.count(), Recipient.objects.count()) == (1, 1)


def test_two_bodies_under_one_key_make_one_message(api: Api) -> None:
    numbers = iter(["0812300008", "0812300009"])

    def ask(each: Api) -> HttpResponse:
        body = {"account": "thai-post", "template": "parcel", "phone": next(numbers),
                "values": factories.VALUES}  # fmt: skip
        return each.post("messages/", body, **{"Idempotency-Key": "k"})

    answers = at_once(2, ask, api)

    assert sorted(answer.status_code for answer in answers) == [202, 409]
    assert (Message.objects.count(), Recipient.objects.count()) == (1, 1)


def test_a_campaign_started_at_once_writes_one_set_of_messages(
    account: OfficialAccount, api: Api, at: datetime
) -> None:
    for n in range(20):
        factories.recipient(account, n, consent="agreed")
    body = {"account": "thai-post", "template": "parcel", "name": "n"}
    pk = api.post("campaigns/", body).json()["id"]

    answers = at_once(3, lambda each: each.post(f"campaigns/{pk}/start/"), api)

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert Message.objects.filter(campaign_id=pk).count() == 20


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("campaigns/", {"account": "thai-post", "template": "parcel", "name": "n"}, Campaign),
        ("recipients/", {"account": "thai-post", "phone": "0812300001"}, Recipient),
        (
            "templates/",
            {"account": "thai-post", "key": "new", "service": "oa", "language": "th",
             "purpose": "News", "content": {"text": "x"}},
            MessageTemplate,
        ),
        (
            "accounts/",
            {"slug": "new", "name": "n", "country": "TH", "provider": "line",
             "credentials": {"channel_id": "1650000009", "channel_secret": "s"}},
            OfficialAccount,
        ),
    ],
    ids=["campaign", "recipient", "template", "account"],
)  # fmt: skip
def test_the_same_made_twice_at_once_exists_for_the_second(
    path: str, body: dict[str, object], model: type, api: Api
) -> None:
    before = model.objects.count()

    answers = at_once(2, lambda each: each.post(path, body), api)

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert {answer.json()["error"] for answer in answers if answer.status_code == 409} == {"exists"}
    assert model.objects.count() == before + 1
