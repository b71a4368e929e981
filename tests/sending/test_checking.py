"""An account is checked: what is ours, what its providers say, and what goes wrong meanwhile."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from lineportal.accounts.models import AccountScope, OfficialAccount, Road
from lineportal.audit.models import AuditEntry
from lineportal.providers.base import Check
from lineportal.sending import checking, inbox, roads, routing, stops
from lineportal.sending.models import WebhookDelivery
from recipients.intake import Invalid
from tests import factories
from tests.elsewhere import GIVEN, KEY, PASSWORD, Elsewhere, answering
from tests.line import SECRET, Line

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def account(line: Line, db: None) -> OfficialAccount:
    line.channel()
    return factories.account(api_base_url=line.url, service="lon")


def partner(at: datetime, url: str, **details: Any) -> OfficialAccount:
    """Return an account that sends two-way by Elsewhere."""
    account = factories.account(
        "partner", provider="elsewhere", service="oa", given=GIVEN, api_base_url=url, at=at
    )
    if details:
        account.roads.update(**details)
    return account


def results(account: OfficialAccount, at: datetime, **options: Any) -> dict[str, str]:
    found = checking.check(account, at=at, **{"by": None, **options})
    text = " ".join(each.sentence for each in found)
    assert not [secret for secret in (SECRET, KEY, PASSWORD) if secret in text]
    assert all(each.sentence.endswith(".") for each in found)
    return {each.name: str(each.result) for each in found}


def sentence(account: OfficialAccount, at: datetime, name: str) -> str:
    [found] = [each for each in checking.check(account, at=at, by=None) if each.name == name]
    return f"{found.result}: {found.sentence}"


def test_a_sound_account_is_told_first_of_itself_then_of_its_road(
    live_server: LiveServer, line: Line, at: datetime, settings: Any
) -> None:
    settings.PUBLIC_URL = live_server.url
    account = factories.account(api_base_url=line.url, service="lon")
    line.channel(webhook_url=routing.webhook_url(account), webhook_active=True)
    factories.worker_seen(at)

    found = checking.check(account, at=at, by=None)

    names = [each.name for each in found]
    assert names[:5] == [
        "switched_on", "worker", "credentials", "public_address", "last_webhook",
    ]  # fmt: skip
    assert "token" in names[5:]
    assert [each.service for each in found[:3]] == ["", "", "lon"]
    assert [each for each in found if each.result == "bad"] == []


def test_both_roads_are_asked_each_at_its_own_provider(
    account: OfficialAccount, at: datetime
) -> None:
    with answering(200) as url:
        roads.add(
            account, service="oa", provider="elsewhere", given=GIVEN, api_base_url=url,
            at=at, by=None,
        )  # fmt: skip
        found = checking.check(account, at=at, by=None)
        only = checking.check(account, at=at, by=None, service="oa")

    by_provider = {(each.provider, each.service) for each in found if each.provider}
    assert by_provider == {("line", "lon"), ("elsewhere", "oa")}
    assert {each.service for each in only if each.provider} == {"oa"}
    [address] = [each for each in only if each.name == "address"]
    assert f"/webhooks/elsewhere/{account.webhook_id}/" in address.sentence


def test_what_the_provider_says_is_wrong_is_bad(db: None, at: datetime) -> None:
    with answering(401) as url:
        found = results(partner(at, url), at)

    assert (found["key"], found["credentials"]) == ("bad", "ok")


def test_an_account_or_site_that_is_held_is_told(
    account: OfficialAccount, at: datetime, sender: User
) -> None:
    OfficialAccount.objects.update(is_active=False)
    stops.stop(None, by=sender, at=at, reason="A reason that is not for everybody")
    account.refresh_from_db()

    assert results(account, at)["switched_on"] == "bad"
    assert sentence(account, at, "stop").startswith("bad: A stop of the whole site is in force")


def test_a_worker_that_fell_silent_is_none(account: OfficialAccount, at: datetime) -> None:
    factories.worker_seen(at - timedelta(minutes=1))
    assert sentence(account, at, "worker").startswith("bad: No worker runs")

    factories.worker_seen(at)
    assert sentence(account, at, "worker").startswith("ok: ")


def test_credentials_that_no_key_opens_are_bad_and_nobody_is_asked(
    account: OfficialAccount, at: datetime, settings: Any, line: Line
) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]

    found = results(account, at)

    assert found["credentials"] == "bad"
    assert "token" not in found
    assert "LINEPORTAL_FIELD_KEYS" in sentence(account, at, "credentials")
    assert line.requests() == []


def test_an_address_that_is_not_allowed_any_more_is_bad_and_not_asked(
    account: OfficialAccount, at: datetime, settings: Any, line: Line
) -> None:
    settings.API_HOSTS = []

    assert results(account, at)["address"] == "bad"
    assert line.requests() == []


@pytest.mark.parametrize(
    ("public", "wanted"),
    [
        ("http://127.0.0.1:8000", "bad: LINEPORTAL_PUBLIC_URL is an address of this machine"),
        ("https://localhost", "bad: LINEPORTAL_PUBLIC_URL is an address of this machine"),
        ("http://portal.example", "bad: LINEPORTAL_PUBLIC_URL does not begin with https://"),
        ("https://portal.example", "ok: "),
    ],
)
def test_a_public_address_must_be_one_that_the_provider_can_call(
    public: str, wanted: str, db: None, at: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(self: Any, session: Any, **details: Any) -> list[Check]:
        return []

    monkeypatch.setattr(Elsewhere, "check", nothing)
    settings.PUBLIC_URL = public

    assert sentence(partner(at, ""), at, "public_address").startswith(wanted)


def test_a_webhook_is_missed_once_messages_are_sent_for_an_hour(db: None, at: datetime) -> None:
    with answering(200) as url:
        account = partner(at, url)
        assert results(account, at)["last_webhook"] == "unknown"
        Road.objects.update(used_at=at - timedelta(minutes=59))
        assert results(account, at)["last_webhook"] == "unknown"
        Road.objects.update(used_at=at - timedelta(minutes=61))
        assert results(account, at)["last_webhook"] == "bad"

        inbox.store(account.pk, provider="elsewhere", body=b"{}", at=at)
        told = sentence(account, at, "last_webhook")

    assert told == f"ok: The last webhook of Elsewhere & Co came at {at:%Y-%m-%d %H:%M} UTC."


def test_webhooks_that_retention_emptied_came_nevertheless(db: None, at: datetime) -> None:
    with answering(200) as url:
        account = partner(at, url, used_at=at - timedelta(days=9))
        inbox.store(account.pk, provider="elsewhere", body=b"", at=at - timedelta(days=8))
        WebhookDelivery.objects.update(emptied_at=at)

        assert sentence(account, at, "last_webhook").startswith("unknown: No webhook of")


def test_what_another_account_of_the_same_key_heard_counts(db: None, at: datetime) -> None:
    with answering(200) as url:
        first = partner(at, url)
        given = {**GIVEN, "from": "second-sender"}
        second = factories.account(
            "second", provider="elsewhere", service="oa", given=given, api_base_url=url
        )
        stranger = factories.account(
            "stranger", provider="elsewhere", service="oa", api_base_url=url,
            given={**GIVEN, "from": "third-sender", "api_key": "their-own-key"},
        )  # fmt: skip
        inbox.store(first.pk, provider="elsewhere", body=b"{}", at=at)

        assert results(second, at)["last_webhook"] == "ok"
        assert results(stranger, at)["last_webhook"] == "unknown"


def test_reports_that_are_asked_for_need_no_public_address(
    db: None, at: datetime, settings: Any
) -> None:
    with answering(200) as url:
        account = partner(at, url)
        roads.replace_credentials(
            account, service="oa", given={"webhook_password": ""}, at=at, by=None
        )
        found = results(account, at)
        assert "public_address" not in found
        assert found["last_reports"] == "unknown"
        Road.objects.update(used_at=at - timedelta(hours=2))
        assert results(account, at)["last_reports"] == "bad"
        inbox.store(account.pk, provider="elsewhere", body=b"{}", at=at)
        assert results(account, at)["last_reports"] == "ok"


def test_a_provider_that_does_not_answer_is_unknown_after_a_short_time(
    db: None, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def for_ever(self: Any, session: Any, **details: Any) -> list[Check]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(Elsewhere, "check", for_ever)

    found = results(partner(at, ""), at, road_seconds=0.01)

    assert found["provider"] == "unknown"


def test_a_check_that_breaks_is_told_and_logged_without_its_words(
    db: None, at: datetime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(self: Any, session: Any, **details: Any) -> list[Check]:
        raise RuntimeError(KEY)

    monkeypatch.setattr(Elsewhere, "check", breaks)

    with caplog.at_level(logging.DEBUG):
        found = results(partner(at, ""), at)

    assert found["provider"] == "unknown"
    assert "RuntimeError" in caplog.text
    assert KEY not in caplog.text


def test_a_refused_connection_is_unknown(db: None, at: datetime) -> None:
    with answering(200) as url:
        pass  # now closed

    assert results(partner(at, url), at)["key"] == "unknown"


def test_a_road_of_a_provider_that_is_gone_is_bad(account: OfficialAccount, at: datetime) -> None:
    Road.objects.update(provider="gone")

    assert results(account, at)["provider"] == "bad"


def test_a_service_without_a_road_is_bad(account: OfficialAccount, at: datetime) -> None:
    assert results(account, at, service="oa")["road"] == "bad"
    with pytest.raises(Invalid, match="Choose “lon” or “oa”"):
        checking.check(account, at=at, by=None, service="sms")


def test_no_database_connection_is_held_while_a_provider_is_asked(
    line: Line, transactional_db: None, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    async def looks(self: Any, session: aiohttp.ClientSession, **details: Any) -> list[Check]:
        held.append(connection.connection is not None)
        return []

    monkeypatch.setattr(Elsewhere, "check", looks)

    checking.check(partner(at, ""), at=at, by=None)

    assert held == [False]


def test_who_checked_and_the_counts_are_on_record_and_no_words(
    account: OfficialAccount, at: datetime, manager: User
) -> None:
    found = checking.check(account, at=at, by=manager)

    entry = AuditEntry.objects.order_by("-number")[0]
    assert (entry.action, entry.actor) == ("account.check", f"user:{manager.pk}")
    assert (entry.account_id, entry.subject) == (account.pk, f"officialaccount:{account.pk}")
    assert set(entry.facts) == {"services", "ok", "bad", "unknown"}
    assert entry.facts["bad"] == checking.bad(found) >= 1  # no worker runs here
    assert sum(entry.facts[result] for result in ("ok", "bad", "unknown")) == len(found)


@pytest.mark.parametrize("role", ["author", "reviewer", "sender", "auditor"])
def test_others_than_managers_check_nothing(
    role: str, account: OfficialAccount, at: datetime, line: Line
) -> None:
    with pytest.raises(PermissionDenied):
        checking.check(account, at=at, by=factories.user(role))

    assert line.requests() == []


def test_a_manager_with_a_list_checks_its_accounts_only(
    account: OfficialAccount, at: datetime, manager: User, line: Line
) -> None:
    AccountScope.objects.create(user=manager)

    with pytest.raises(PermissionDenied):
        checking.check(account, at=at, by=manager)
