"""Accounts by the console's own pages: opened, given roads, re-keyed, checked; no secret shown."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from lineportal.accounts import credentials
from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.providers import PROVIDERS
from lineportal.sending import roads
from tests import factories
from tests.elsewhere import GIVEN, KEY, PASSWORD, answering
from tests.line import CHANNEL, SECRET, Line

pytestmark = pytest.mark.usefixtures("elsewhere")
ADD = reverse("admin:accounts_officialaccount_add")
ELSEWHERE = {f"credential_{name}": value for name, value in GIVEN.items()}
SECRETS = (SECRET, KEY, PASSWORD, "their-new-secret")


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def client(manager: User) -> Client:
    return client_of(manager)


@pytest.fixture
def account(line: Line, db: None) -> OfficialAccount:
    line.channel()
    return factories.account(api_base_url=line.url, service="lon")


def url(account: OfficialAccount, name: str = "change", *words: str) -> str:
    return reverse(f"admin:accounts_officialaccount_{name}", args=[account.pk, *words])


def text_of(answer: Any) -> str:
    text = answer.content.decode()
    assert not [secret for secret in SECRETS if secret in text]
    return html.unescape(text)


def fields_of(text: str) -> set[str]:
    return set(re.findall(r'name="(\w+)"', text)) - {"csrfmiddlewaretoken"}


def test_the_provider_is_asked_for_first(client: Client) -> None:
    page = text_of(client.get(ADD))

    for kind in PROVIDERS.values():
        assert f'href="?provider={kind.name}"' in page
        assert kind.title in page
    assert "<small>LINE Official Notification: Thailand.</small>" in page
    assert "<small>Two-way Official Account: Thailand, Taiwan.</small>" in page
    assert "credential_" not in page


@pytest.mark.parametrize("name", [*PROVIDERS, "elsewhere"])
def test_every_providers_settings_are_its_form(name: str, client: Client) -> None:
    kind = PROVIDERS[name]

    page = text_of(client.get(f"{ADD}?provider={name}"))

    wanted = {f"credential_{setting.name}" for setting in kind.settings}
    assert {each for each in fields_of(page) if each.startswith("credential_")} == wanted
    for setting in kind.settings:
        assert setting.label in page
        assert setting.help in page
        widget = re.search(rf"<(input|select)[^>]*name=.credential_{setting.name}.[^>]*>", page)
        assert widget
        is_hidden = 'type="password"' in widget[0]
        assert is_hidden == (setting.is_secret and not setting.choices)
        assert ("required" in widget[0]) == setting.is_required
    countries = re.findall(r'<option value="([A-Z]{2})"', page)
    assert set(countries) == {code for offer in kind.serves.values() for code in offer.countries}
    services = re.findall(r'<option value="(lon|oa)"', page)
    assert services == [each for each in ("lon", "oa") if each in kind.serves]


def test_an_account_is_opened_at_the_chosen_provider(client: Client) -> None:
    form = {"slug": "shop", "name": "Shop", "country": "TW", "service": "oa", **ELSEWHERE,
            "credential_style": "loud", "rate_per_second": "7"}  # fmt: skip

    answer = client.post(f"{ADD}?provider=elsewhere", form, follow=True)

    account = OfficialAccount.objects.get()
    road = account.roads.get()
    assert (road.service, road.provider, road.rate_per_second) == ("oa", "elsewhere", 7)
    assert credentials.of(road) == {**GIVEN, "style": "loud"}
    page = text_of(answer)
    assert f"http://127.0.0.1:8000/webhooks/elsewhere/{account.webhook_id}/" in page
    assert "The account is open." in page


def test_an_account_on_line_has_both_services_unless_told_otherwise(client: Client) -> None:
    form = {"slug": "shop", "name": "Shop", "country": "TH", "service": "",
            "credential_channel_id": CHANNEL, "credential_channel_secret": SECRET,
            "rate_per_second": "500"}  # fmt: skip

    answer = client.post(f"{ADD}?provider=line", form)

    assert answer.status_code == 302
    assert OfficialAccount.objects.get().roads.count() == 2


@pytest.mark.parametrize(
    ("details", "sentence"),
    [
        ({"country": "TW", "service": "lon"}, "Elsewhere & Co does not serve lon in TW"),
        ({"country": "JP"}, "Select a valid choice"),
        ({"slug": "not a slug"}, "A slug has letters, digits, hyphens and underscores only."),
        ({"slug": "x" * 51}, "A slug has at most 50 characters."),
        ({"slug": "thai-post"}, "There is an account “thai-post” already."),
        ({"rate_per_second": "101"}, "Choose a rate from 1 to 100 messages a second."),
        ({"api_base_url": "https://evil.example"}, "LINEPORTAL_API_HOSTS"),
        ({"credential_api_key": ""}, "This field is required."),
        ({"credential_api_key": f"{KEY} x"}, "has a space, a line break"),
        ({"credential_style": "odd"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_said_on_the_form_and_no_secret_comes_back(
    details: dict[str, str], sentence: str, client: Client, account: OfficialAccount
) -> None:
    form = {"slug": "shop", "name": "Shop", "country": "TH", "service": "oa", **ELSEWHERE,
            "rate_per_second": "7", **details}  # fmt: skip

    answer = client.post(f"{ADD}?provider=elsewhere", form)

    assert answer.status_code == 409
    page = text_of(answer)
    assert sentence in page
    assert 'value="thai-post-elsewhere"' in page  # what is no secret need not be typed again
    assert OfficialAccount.objects.count() == 1


def test_the_page_tells_of_both_roads_and_what_to_enter_where(
    client: Client, account: OfficialAccount, at: datetime
) -> None:
    before = text_of(client.get(url(account)))
    assert "There is no road for Two-way Official Account yet" in before
    assert "Add a road" in before
    roads.add(account, service="oa", provider="elsewhere", given=GIVEN, at=at, by=None)

    page = text_of(client.get(url(account)))

    assert "LINE Official Notification, by LINE" in page
    assert "Two-way Official Account, by Elsewhere & Co" in page
    assert "at most 20 messages a second" in page
    for name in ("line", "elsewhere"):
        assert f"http://127.0.0.1:8000/webhooks/{name}/{account.webhook_id}/" in page
    assert "Add a road" not in page


def test_a_road_is_added_by_another_provider(client: Client, account: OfficialAccount) -> None:
    add = url(account, "road_add")
    assert 'href="?provider=elsewhere"' in text_of(client.get(add))
    form = text_of(client.get(f"{add}?provider=elsewhere"))
    assert re.findall(r'<option value="(lon|oa)"', form) == ["oa"]  # the other one is taken

    answer = client.post(
        f"{add}?provider=elsewhere", {**ELSEWHERE, "service": "oa", "rate_per_second": "7"}
    )

    assert (answer.status_code, answer["Location"]) == (302, url(account))
    assert credentials.of(account.roads.get(service="oa"))["api_key"] == KEY
    assert "has a road for each service already" in text_of(client.get(add))
    # A form that was open meanwhile leads back to the choice.
    late = client.post(f"{add}?provider=elsewhere", {**ELSEWHERE, "service": "oa"})
    assert (late.status_code, late["Location"]) == (302, add)


def test_a_provider_that_has_nothing_for_the_account_is_shown_but_no_link(client: Client) -> None:
    japan = factories.account("japan", country="JP", service="lon")

    page = text_of(client.get(url(japan, "road_add")))

    assert 'href="?provider=line"' in page
    assert 'href="?provider=elsewhere"' not in page
    assert "Not for what Japan (Japan) still needs." in page
    refused = client.get(f"{url(japan, 'road_add')}?provider=elsewhere")
    assert refused["Location"] == url(japan, "road_add")


@pytest.fixture
def partner(db: None) -> OfficialAccount:
    return factories.account("partner", provider="elsewhere", service="oa", given=GIVEN)


def test_credentials_are_replaced_and_those_left_empty_stay(
    client: Client, partner: OfficialAccount
) -> None:
    page = url(partner, "road_credentials", "oa")
    shown = text_of(client.get(page))
    assert "credential_from" not in fields_of(shown)  # who sends stays
    assert 'value="elsewhere-word"' in shown  # no secret, so it is shown
    form = {
        "credential_api_key": "",
        "credential_webhook_user": "another",
        "credential_webhook_password": "their-new-secret",
        "credential_style": "plain",
    }

    answer = client.post(page, form, follow=True)

    assert "The credentials are replaced." in text_of(answer)
    assert "still taken until" in text_of(answer)
    given = credentials.of(partner.roads.get())
    assert given == {
        **GIVEN, "webhook_user": "another", "webhook_password": "their-new-secret",
    }  # fmt: skip
    entry = AuditEntry.objects.order_by("-number")[0]
    assert entry.facts["names"] == ["webhook_password", "webhook_user"]


def test_an_optional_secret_is_taken_away_by_its_box(
    client: Client, partner: OfficialAccount
) -> None:
    page = url(partner, "road_credentials", "oa")
    assert "without_api_key" not in fields_of(text_of(client.get(page)))
    form = {"credential_webhook_user": GIVEN["webhook_user"], "credential_style": "plain",
            "without_webhook_password": "on"}  # fmt: skip

    assert client.post(page, form).status_code == 302
    assert "webhook_password" not in credentials.of(partner.roads.get())
    assert "without_webhook_password" not in fields_of(text_of(client.get(page)))


def test_nothing_new_is_no_replacement(client: Client, partner: OfficialAccount) -> None:
    form = {"credential_webhook_user": GIVEN["webhook_user"], "credential_style": "plain"}

    answer = client.post(url(partner, "road_credentials", "oa"), form)

    assert answer.status_code == 409
    assert "Give at least one credential to replace." in text_of(answer)


def test_one_channel_gets_its_secret_on_both_roads_unless_told_otherwise(client: Client) -> None:
    account = factories.account("both")
    page = url(account, "road_credentials", "lon")
    assert "For both services" in text_of(client.get(page))

    def secrets() -> list[str]:
        rows = account.roads.order_by("service")
        return [credentials.of(road)["channel_secret"] for road in rows]

    client.post(page, {"credential_channel_secret": "their-new-secret", "both": "on"})
    assert secrets() == ["their-new-secret", "their-new-secret"]
    client.post(page, {"credential_channel_secret": "only-here"})
    assert secrets() == ["only-here", "their-new-secret"]


def test_pace_and_address_are_changed(client: Client, account: OfficialAccount) -> None:
    page = url(account, "road", "lon")
    assert 'value="500"' in text_of(client.get(page))

    refused = client.post(page, {"rate_per_second": "9999", "api_base_url": ""})
    assert refused.status_code == 409
    assert "Choose a rate from 1 to 2000" in text_of(refused)
    assert client.post(page, {"rate_per_second": "9", "api_base_url": ""}).status_code == 302
    road = account.roads.get()
    assert (road.rate_per_second, road.api_base_url) == (9, "")


def test_a_check_is_one_press_and_stays_on_the_page(
    client: Client, account: OfficialAccount, at: datetime
) -> None:
    with answering(401) as address:
        roads.add(
            account, service="oa", provider="elsewhere", given=GIVEN, api_base_url=address,
            at=at, by=None,
        )  # fmt: skip
        assert "Check this account" in text_of(client.get(url(account)))

        answer = client.post(url(account, "act", "check"))

    assert (answer.status_code, answer["Location"]) == (302, f"{url(account)}#check")
    for _turn in range(2):  # loaded again, nobody is asked again
        page = text_of(client.get(url(account)))
        assert "things have to be mended." in page  # no worker runs, and the key is not known
        assert "The key is not known." in page
        assert "No worker runs" in page
    other = factories.account("other", channel="2000000002")
    assert 'id="check"' not in text_of(client.get(url(other)))
    assert AuditEntry.objects.filter(action="account.check").count() == 1


def test_what_was_found_is_not_shown_for_ever(
    client: Client, account: OfficialAccount, at: datetime
) -> None:
    client.post(url(account, "act", "check"))
    session = client.session
    session["account_check"] = {
        **session["account_check"], "at": (at - timedelta(minutes=61)).isoformat(),
    }  # fmt: skip
    session.save()

    assert 'id="check"' not in text_of(client.get(url(account)))


PAGES = [("road_add",), ("road_credentials", "lon"), ("road", "lon")]


@pytest.mark.parametrize("role", ["author", "reviewer", "sender", "auditor"])
def test_others_see_the_roads_and_no_door(role: str, account: OfficialAccount) -> None:
    client = client_of(factories.user(role))

    page = text_of(client.get(url(account)))
    assert "LINE Official Notification, by LINE" in page
    for words in ("Check this account", "Replace credentials", "Change pace", "Add a road"):
        assert words not in page
    for name in PAGES:
        assert client.get(url(account, *name)).status_code == 403
        assert client.post(url(account, *name)).status_code == 403
    assert client.post(url(account, "act", "check")).status_code == 403
    assert client.get(ADD).status_code == client.post(ADD).status_code == 403


def test_an_account_that_is_not_on_the_list_is_not_there(
    account: OfficialAccount, manager: User, client: Client
) -> None:
    AccountScope.objects.create(user=manager)

    for name in (*PAGES, ("act", "check")):
        assert client.get(url(account, *name)).status_code == 404
        assert client.post(url(account, *name)).status_code == 404


def test_a_road_that_is_not_there_has_no_page(client: Client, account: OfficialAccount) -> None:
    for name in (("road_credentials", "oa"), ("road", "oa"), ("road", "sms")):
        assert client.get(url(account, *name)).status_code == 404


def test_the_account_itself_is_changed_as_before(client: Client, account: OfficialAccount) -> None:
    answer = client.post(url(account), {"name": "New name"})

    assert answer.status_code == 302
    account.refresh_from_db()
    assert (account.name, account.is_active) == ("New name", False)
