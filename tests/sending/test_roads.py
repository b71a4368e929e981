"""An account's roads: added, changed, given new credentials; by whom, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.test import Client

from lineportal.accounts import credentials
from lineportal.accounts.models import AccountScope, OfficialAccount, Road
from lineportal.audit.models import AuditEntry
from lineportal.providers import PROVIDERS
from lineportal.sending import opening, roads, routing
from recipients.intake import Invalid
from tests import factories
from tests.elsewhere import GIVEN, KEY, PASSWORD, Elsewhere
from tests.line import CHANNEL, SECRET

pytestmark = pytest.mark.usefixtures("elsewhere", "db")
SECRETS = (SECRET, KEY, PASSWORD, "new-secret")


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account(service="lon")


def add(account: OfficialAccount, at: datetime, **details: Any) -> Road:
    road = {"service": "oa", "provider": "elsewhere", "given": GIVEN, "at": at, "by": None}
    return roads.add(account, **{**road, **details})


def last_entry() -> AuditEntry:
    entry = AuditEntry.objects.order_by("-number")[0]
    assert not [secret for secret in SECRETS if secret in str(entry.facts)]
    return entry


def test_notifications_go_by_one_provider_and_two_way_by_another(
    account: OfficialAccount, at: datetime, manager: User
) -> None:
    road = add(account, at, by=manager)

    assert (road.sender, road.rate_per_second) == (GIVEN["from"], Elsewhere.default_rate)
    assert KEY not in road.credentials
    assert list(routing.webhook_urls(account)) == ["line", "elsewhere"]
    assert routing.webhook_url(account).endswith(f"/webhooks/line/{account.webhook_id}/")
    entry = last_entry()
    assert (entry.action, entry.actor) == ("account.add_road", f"user:{manager.pk}")
    assert entry.facts == {"service": "oa", "provider": "elsewhere"}


@pytest.mark.parametrize("role", ["author", "reviewer", "sender", "auditor", "manager"])
def test_only_a_manager_touches_roads(role: str, account: OfficialAccount, at: datetime) -> None:
    user, may = factories.user(role), role == "manager"
    of = {"service": "lon", "at": at, "by": user}
    acts = (
        lambda: add(account, at, by=user),
        lambda: roads.change(account, rate_per_second=9, **of),
        lambda: roads.replace_credentials(account, given={"channel_secret": "new-secret"}, **of),
    )
    for act in acts:
        if may:
            act()
        else:
            with pytest.raises(PermissionDenied):
                act()
    assert account.roads.count() == (2 if may else 1)


def test_a_manager_with_a_list_touches_its_accounts_only(
    account: OfficialAccount, at: datetime, manager: User
) -> None:
    other = factories.account("other", channel="2000000002", service="lon")
    AccountScope.objects.create(user=manager).accounts.set([account])

    roads.change(account, service="lon", rate_per_second=9, at=at, by=manager)
    with pytest.raises(PermissionDenied):
        roads.change(other, service="lon", rate_per_second=9, at=at, by=manager)
    with pytest.raises(PermissionDenied):
        roads.replace_credentials(
            other, service="lon", given={"channel_secret": "x"}, at=at, by=manager
        )
    with pytest.raises(PermissionDenied):
        add(other, at, by=manager)


@pytest.mark.parametrize(
    ("details", "field", "sentence"),
    [
        ({"service": "sms"}, "service", "Choose “lon” or “oa”."),
        ({"provider": "telegram"}, "provider", "There is no provider “telegram”; choose one of: "),
        ({"rate_per_second": 0}, "rate_per_second", "Choose a rate from 1 to 100 messages"),
        ({"rate_per_second": 101}, "rate_per_second", "Choose a rate from 1 to 100 messages"),
        ({"api_base_url": "https://evil.example"}, "api_base_url", "LINEPORTAL_API_HOSTS"),
        ({"api_base_url": "http://api.elsewhere.example"}, "api_base_url", "begin with https://"),
        ({"api_base_url": "https://u:p@api.elsewhere.example"}, "api_base_url", "without a name"),
        ({"api_base_url": "https://api.elsewhere.example/?a="}, "api_base_url", "without a “?”"),
        ({"api_base_url": "https://api.elsewhere.example/\n"}, "api_base_url", "not a web address"),
        ({"api_base_url": "https://api.elsewhere.example/" + "x" * 200}, "api_base_url", "at most"),
        ({"given": {"from": "me"}}, "credentials", "Elsewhere & Co needs the credential api_key."),
        ({"given": {**GIVEN, "pin": "1"}}, "credentials", "Elsewhere & Co has no credential pin"),
        ({"given": {**GIVEN, "style": "odd"}}, "credentials", "style is one of plain, loud."),
        ({"given": {**GIVEN, "from": "x" * 101}}, "credentials", "from has at most 100 characters"),
        ({"given": {**GIVEN, "api_key": "a b"}}, "credentials", "has a space"),
    ],
)
def test_a_road_that_cannot_be_is_refused_with_a_sentence(
    details: dict[str, Any], field: str, sentence: str, account: OfficialAccount, at: datetime
) -> None:
    with pytest.raises(Invalid) as refusal:
        add(account, at, **details)

    assert refusal.value.field == field
    assert sentence in str(refusal.value)
    assert account.roads.count() == 1


def test_a_country_that_the_provider_does_not_serve_is_refused_and_told(at: datetime) -> None:
    japan = factories.account("japan", country="JP", service="lon")

    with pytest.raises(Invalid) as refusal:
        add(japan, at)

    assert str(refusal.value).startswith("Elsewhere & Co does not serve oa in JP; supported are: ")


def test_a_second_road_for_a_service_is_refused(account: OfficialAccount, at: datetime) -> None:
    with pytest.raises(roads.RoadExists, match="has a road for lon already"):
        add(account, at, service="lon")


def test_a_sender_of_another_account_is_refused(account: OfficialAccount, at: datetime) -> None:
    add(account, at)
    other = factories.account("other", channel="2000000002", service="lon")

    with pytest.raises(routing.AccountExists, match="in use by another account"):
        add(other, at)


def test_an_account_begins_with_the_first_service_that_its_provider_has(at: datetime) -> None:
    opened = {"name": "n", "provider": "elsewhere", "at": at, "by": None}
    thai = opening.open_account(slug="th", country="TH", given=GIVEN, **opened)
    taiwan = opening.open_account(
        slug="tw", country="TW", given={**GIVEN, "from": "taiwan"}, **opened
    )

    assert [road.service for road in thai.roads.all()] == ["lon"]
    assert [road.service for road in taiwan.roads.all()] == ["oa"]


def test_a_road_changes_its_pace_and_address_and_keeps_who_it_is(
    account: OfficialAccount, at: datetime
) -> None:
    Road.objects.update(used_at=at)
    before = account.roads.get()

    road = roads.change(
        account, service="lon", rate_per_second=7, api_base_url="http://127.0.0.1:9", at=at, by=None
    )

    assert (road.rate_per_second, road.api_base_url) == (7, "http://127.0.0.1:9")
    assert (road.provider, road.sender) == (before.provider, before.sender)
    assert road.credentials == before.credentials
    entry = last_entry()
    assert entry.facts["names"] == ["api_base_url", "rate_per_second"]
    assert "127.0.0.1" not in str(entry.facts)
    same = {"rate_per_second": 7, "api_base_url": "http://127.0.0.1:9"}
    roads.change(account, service="lon", at=at, by=None, **same)
    assert last_entry().number == entry.number  # nothing changed, nothing to tell
    roads.change(account, service="lon", at=at, by=None, api_base_url="")
    assert account.roads.get().api_base_url == ""


@pytest.mark.parametrize(
    "wrong",
    [{"rate_per_second": 2001}, {"rate_per_second": 0}, {"api_base_url": "https://evil.example"}],
)
def test_a_change_that_cannot_be_changes_nothing(
    wrong: dict[str, Any], account: OfficialAccount, at: datetime
) -> None:
    with pytest.raises(Invalid):
        roads.change(account, service="lon", at=at, by=None, **wrong)

    assert account.roads.get().rate_per_second == 500


def test_what_is_not_there_is_not_changed(account: OfficialAccount, at: datetime) -> None:
    for act in (
        lambda: roads.change(account, service="oa", at=at, by=None, rate_per_second=1),
        lambda: roads.replace_credentials(account, service="oa", given=GIVEN, at=at, by=None),
    ):
        with pytest.raises(roads.NoRoad, match="no road for oa"):
            act()


def test_new_credentials_leave_what_is_not_named(account: OfficialAccount, at: datetime) -> None:
    add(account, at)

    road = roads.replace_credentials(
        account, service="oa", given={"api_key": "second-key"}, at=at, by=None
    )

    assert credentials.of(road) == {**GIVEN, "api_key": "second-key"}
    assert (road.credentials_version, road.previous_secret) == (2, "")
    assert last_entry().facts == {"service": "oa", "version": 2, "names": ["api_key"]}


def test_a_blank_value_takes_an_optional_credential_away(
    account: OfficialAccount, at: datetime
) -> None:
    add(account, at)

    road = roads.replace_credentials(
        account, service="oa", given={"webhook_password": ""}, at=at, by=None
    )

    assert "webhook_password" not in credentials.of(road)
    with pytest.raises(Invalid, match="needs the credential api_key"):
        roads.replace_credentials(account, service="oa", given={"api_key": ""}, at=at, by=None)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Give at least one credential to replace."),
        ({"from": "somebody-else"}, "from says who sends and stays as it is"),
        ({"from": ""}, "from says who sends and stays as it is"),
        ({"pin": "1"}, "has no credential pin"),
        ({"style": "odd"}, "style is one of plain, loud."),
    ],
)
def test_credentials_that_cannot_be_replace_nothing(
    given: dict[str, str], sentence: str, account: OfficialAccount, at: datetime
) -> None:
    add(account, at)

    with pytest.raises(Invalid) as refusal:
        roads.replace_credentials(account, service="oa", given=given, at=at, by=None)

    assert sentence in str(refusal.value)
    road = account.roads.get(service="oa")
    assert (credentials.of(road), road.credentials_version) == (GIVEN, 1)


@pytest.mark.parametrize("name", sorted(Elsewhere.webhook_settings))
def test_what_webhooks_are_verified_with_stays_valid_for_72_hours(
    name: str, account: OfficialAccount, at: datetime
) -> None:
    add(account, at)
    roads.replace_credentials(account, service="oa", given={name: "new"}, at=at, by=None)

    def signing(moment: datetime) -> set[str | None]:
        found = credentials.webhook_signers(account.webhook_id, provider="elsewhere", at=moment)
        assert found is not None
        assert all(KEY not in given.values() for given in found.credentials[1:])
        return {given.get(name) for given in found.credentials}

    assert signing(at + timedelta(hours=71, minutes=59)) == {"new", GIVEN[name]}
    assert signing(at + timedelta(hours=72)) == {"new"}


def test_every_provider_says_which_settings_its_webhooks_are_verified_with() -> None:
    for kind in PROVIDERS.values():
        names = {setting.name for setting in kind.settings}
        assert kind.webhook_settings <= names, kind.name
        assert {kind.sender_setting, kind.key_setting or kind.sender_setting} <= names, kind.name
        required = {setting.name for setting in kind.settings if setting.is_required}
        assert kind.sender_setting in required, kind.name
        assert 1 <= kind.default_rate <= kind.ceiling_per_second <= 2000, kind.name


def test_webhooks_with_the_old_and_the_new_word_are_taken_meanwhile(
    account: OfficialAccount, at: datetime
) -> None:
    add(account, at)
    roads.replace_credentials(
        account, service="oa", given={"webhook_password": "new"}, at=at, by=None
    )
    url = f"/webhooks/elsewhere/{account.webhook_id}/"

    def status(word: str) -> int:
        headers = {"X-Word": word}
        return (
            Client().post(url, b"{}", content_type="application/json", headers=headers).status_code
        )

    assert [status(word) for word in ("new", PASSWORD, "other")] == [200, 200, 401]


def test_one_channel_of_two_roads_gets_its_new_secret_at_once(at: datetime) -> None:
    both = factories.account("both")

    changed = roads.replace_all_credentials(
        both, given={"channel_secret": "new-secret"}, at=at, by=None
    )

    assert [road.service for road in changed] == ["lon", "oa"]
    assert {credentials.of(road)["channel_secret"] for road in both.roads.all()} == {"new-secret"}
    assert {credentials.of(road)["channel_id"] for road in both.roads.all()} == {CHANNEL}


def test_roads_of_two_providers_get_theirs_apart(account: OfficialAccount, at: datetime) -> None:
    add(account, at)

    with pytest.raises(Invalid, match="name the service"):
        roads.replace_all_credentials(account, given={"channel_secret": "x"}, at=at, by=None)


def test_credentials_that_no_key_opens_are_given_anew_whole(
    account: OfficialAccount, at: datetime, settings: Any
) -> None:
    add(account, at)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(Invalid, match="needs the credential api_key"):
        roads.replace_credentials(account, service="oa", given={"style": "loud"}, at=at, by=None)
    road = roads.replace_credentials(account, service="oa", given=GIVEN, at=at, by=None)

    assert credentials.of(road) == GIVEN


def test_an_account_is_renamed_within_its_limits(
    account: OfficialAccount, at: datetime, manager: User
) -> None:
    renamed = opening.change_account(account.pk, name="New", is_active=False, by=manager, at=at)
    assert (renamed.name, renamed.is_active) == ("New", False)
    for name in ("", " ", "x" * 101):
        with pytest.raises(Invalid, match="at most 100"):
            opening.change_account(account.pk, name=name, is_active=True, by=manager, at=at)
