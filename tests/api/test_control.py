"""Control by the API: canary, second key, stops, policy, retry, overdue, history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from lineportal.accounts.models import OfficialAccount
from lineportal.sending.models import Message
from lineportal.sending.statuses import Status
from tests import factories
from tests.api.client import Api
from tests.line import Line

Drain = Callable[[], None]


@pytest.fixture
def account(line: Line, transactional_db: None) -> OfficialAccount:
    account = factories.account(api_base_url=line.url)
    line.channel()
    line.people(*({"phone": factories.phone(n), "consent": "agreed"} for n in range(4)))
    for n in range(4):
        factories.recipient(account, n, consent="agreed")
    factories.approved(account)
    return account


@pytest.fixture
def sender_api(transactional_db: None) -> Api:
    return Api(factories.user("sender"))


@pytest.fixture
def manager_api(transactional_db: None) -> Api:
    return Api(factories.user("manager"))


def made(api: Api, account: OfficialAccount, **details: Any) -> int:
    answer = api.post(
        "campaigns/", {"account": account.slug, "template": "parcel", "name": "held", **details}
    )
    assert answer.status_code == 201, answer.content
    return int(answer.json()["id"])


def test_a_canary_by_the_api(account: OfficialAccount, sender_api: Api, drain: Drain) -> None:
    pk = made(sender_api, account, canary_size=1)
    assert sender_api.post(f"campaigns/{pk}/start/").status_code == 200

    drain()
    report = sender_api.get(f"campaigns/{pk}/report/").json()

    assert report["by_status"] == {"accepted": 1, "queued": 3}
    for size in (0, -1, "many", 2_000_000):
        answer = sender_api.post(
            "campaigns/",
            {"account": account.slug, "template": "parcel", "name": "x", "canary_size": size},
        )
        assert answer.status_code == 400


def test_a_second_key_by_the_api(
    account: OfficialAccount, sender_api: Api, manager_api: Api
) -> None:
    policy = manager_api.patch(f"accounts/{account.slug}/policy/", {"second_key_above": 3})
    assert policy.json()["second_key_above"] == 3
    pk = made(sender_api, account)

    started = sender_api.post(f"campaigns/{pk}/start/").json()
    own = sender_api.post(f"campaigns/{pk}/confirm/")
    resumed = sender_api.post(f"campaigns/{pk}/resume/")
    confirmed = manager_api.post(f"campaigns/{pk}/confirm/")

    assert (started["state"], started["stop_code"]) == ("paused", "second_key")
    assert (own.status_code, own.json()["error"]) == (403, "four_eyes")
    assert (resumed.status_code, resumed.json()["error"]) == (409, "wrong_state")
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "running")
    assert manager_api.post(f"campaigns/{pk}/confirm/").status_code == 409


def test_stops_by_the_api(account: OfficialAccount, sender_api: Api, manager_api: Api) -> None:
    pk = made(sender_api, account)
    sender_api.post(f"campaigns/{pk}/start/")

    stopped = sender_api.post("stops/", {"account": account.slug, "reason": "Wrong file."})
    again = sender_api.post("stops/", {"account": account.slug, "reason": "Wrong file."})
    report = sender_api.get(f"campaigns/{pk}/report/").json()

    assert stopped.status_code == 201
    assert (again.status_code, again.json()["error"]) == (409, "exists")
    assert "Wrong file." in report["waits"]
    assert sender_api.get("stops/").json()["results"][0]["reason"] == "Wrong file."
    path = f"/api/v1/stops/{stopped.json()['id']}/"
    assert sender_api.client.delete(path).status_code == 403
    assert manager_api.client.delete(path).json()["lifted_at"]
    assert manager_api.client.delete(path).status_code == 409
    assert sender_api.post("stops/", {"reason": "All."}).json()["account"] is None
    assert sender_api.post("stops/", {"account": "nobody", "reason": "x"}).status_code == 400
    assert sender_api.post("stops/", {"reason": " "}).status_code == 400


def test_a_policy_refuses_what_it_cannot_keep(account: OfficialAccount, manager_api: Api) -> None:
    path = f"accounts/{account.slug}/policy/"
    before = manager_api.get(path).json()
    for wrong in (
        {"refused_percent": 0},
        {"canary_size": "all"},
        {"cap_messages": 0},
        {"cap_days": None},
        {"cooling_off_days": 367},
        {"trigger_minutes": -1},
        {"windows": {"marketing": {"from": "21:00", "to": "09:00"}}},
        {"windows": "always"},
    ):
        answer = manager_api.patch(path, wrong)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid"), wrong
    assert manager_api.get(path).json() == before
    assert Api(factories.user("sender")).patch(path, {"canary_size": 1}).status_code == 403


def test_a_cap_is_switched_on_and_off_by_the_api(
    account: OfficialAccount, manager_api: Api, sender_api: Api
) -> None:
    path = f"accounts/{account.slug}/policy/"
    told = {
        "account": account.slug,
        "template": "parcel",
        "phone": factories.phone(77),
        "values": factories.VALUES,
    }

    answer = manager_api.patch(path, {"cap_messages": 1, "cap_days": 2})

    assert (answer.json()["cap_messages"], answer.json()["cap_days"]) == (1, 2)
    assert sender_api.post("messages/", told, **{"Idempotency-Key": "1"}).status_code == 202
    second = sender_api.post("messages/", told, **{"Idempotency-Key": "2"})
    assert (second.status_code, second.json()["rule"]) == (422, "frequency_cap")
    assert manager_api.patch(path, {"cap_messages": None}).json()["cap_messages"] is None
    assert sender_api.post("messages/", told, **{"Idempotency-Key": "3"}).status_code == 202


def test_what_failed_is_sent_again_by_the_api(
    account: OfficialAccount, sender_api: Api, line: Line, drain: Drain
) -> None:
    pk = made(sender_api, account)
    sender_api.post(f"campaigns/{pk}/start/")
    line.fault("status", status=400, times=4)
    drain()
    failed = sender_api.get(f"campaigns/{pk}/report/").json()["by_status"]["failed"]

    answer = sender_api.post(f"campaigns/{pk}/retry/")

    assert (answer.status_code, answer.json()) == (202, {"messages": failed})
    sender_api.post(f"campaigns/{pk}/resume/")
    line.call("DELETE", "faults")
    drain()
    assert sender_api.get(f"campaigns/{pk}/report/").json()["by_status"] == {"accepted": 4}
    message = Message.objects.filter(attempts__gt=1).first() or Message.objects.all()[0]
    steps = sender_api.get(f"messages/{message.pk}/history/").json()
    assert steps[0]["what"] == "Written"
    assert [step["http_status"] for step in steps if step["http_status"]][-1] == 200
    assert sender_api.post(f"campaigns/{pk}/retry/").status_code == 409


def test_overdue_is_flagged_and_filtered_and_no_status(
    account: OfficialAccount, sender_api: Api, at: datetime
) -> None:
    author = Api(factories.user("author"))
    pk = made(sender_api, account)
    sender_api.post(f"campaigns/{pk}/start/")
    template = sender_api.get(f"campaigns/{pk}/").json()["template"]
    Message.objects.filter(campaign=pk).update(queued_at=at - timedelta(minutes=10))
    delivered = Message.objects.order_by("pk")[0]
    for status in (Status.SENDING, Status.ACCEPTED, Status.DELIVERED):
        Message.objects.filter(pk=delivered.pk).update(status=status, attempts=1)

    changed = author.post(f"templates/{template}/overdue/", {"minutes": 5})
    late = sender_api.get(f"campaigns/{pk}/messages/?overdue=true").json()["results"]

    assert changed.json()["overdue_after_minutes"] == 5
    assert len(late) == 3
    assert all(message["overdue"] for message in late)
    assert not sender_api.get(f"messages/{delivered.pk}/").json()["overdue"]
    author.post(f"templates/{template}/overdue/", {"minutes": 20})
    assert sender_api.get(f"campaigns/{pk}/messages/?overdue=true").json()["results"] == []
    assert author.post(f"templates/{template}/overdue/", {"minutes": 0}).status_code == 400
    assert sender_api.post(f"templates/{template}/overdue/", {"minutes": 5}).status_code == 403


def test_a_missed_end_is_given_anew_at_the_start(
    account: OfficialAccount, sender_api: Api, at: datetime
) -> None:
    end = at + timedelta(seconds=1)
    pk = made(sender_api, account, not_after=end.isoformat())
    factories.pass_by(end)

    late = sender_api.post(f"campaigns/{pk}/start/")
    later = {"not_after": (at + timedelta(hours=1)).isoformat()}

    assert (late.status_code, list(late.json()["fields"])) == (400, ["not_after"])
    assert sender_api.post(f"campaigns/{pk}/start/", later).json()["state"] == "running"
