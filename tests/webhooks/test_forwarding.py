"""Who may have webhooks passed on, and where to: by API, command and the account's page."""

from __future__ import annotations

import hashlib
import io
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from lineportal.accounts import roles
from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from lineportal.sending import bot_address, forwarding, forwards, routing
from lineportal.sending.forwards import Tried
from lineportal.sending.models import BotAnswer, Forward, Forwarding
from recipients.intake import Invalid
from tests import factories
from tests.api.client import Api
from tests.webhooks.test_forwards import come

BOT = "https://bot.example/line?key=s3cret"
PATH = "accounts/thai-post/forwarding/"


@pytest.fixture(autouse=True)
def _bots_host_is_listed(settings: Any) -> None:
    settings.BOT_HOSTS = ["bot.example", "127.0.0.1", "localhost"]


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def put(api: Api, body: Any) -> Any:
    return api.client.put(f"/api/v1/{PATH}", body, content_type="application/json")


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("forward_webhooks", "thai-post", *words, stdout=out)
    return out.getvalue().strip()


# --- where to


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://elsewhere.example/", "LINEPORTAL_BOT_HOSTS"),
        ("http://bot.example/", "https://"),
        ("ftp://bot.example/", "https://"),
        ("bot.example/line", "LINEPORTAL_BOT_HOSTS"),
        ("https://bot.example:port/", "web address"),
        ("https://user:pw@bot.example/", "name or password"),
        ("https://user@bot.example/", "name or password"),
        ("https://bot.example/a b", "without spaces"),
        ("https://bot.example/\nX: y", "without spaces"),
        ("https://elsewhere.example\\@bot.example/", "without spaces"),
        ("https://bot.example/ก", "without spaces"),
        ("https://bot.example/" + "x" * 500, "200 characters"),
        ("", "whole address"),
    ],
)
def test_an_address_that_cannot_be_is_refused(
    url: str, words: str, account: OfficialAccount, at: datetime
) -> None:
    with pytest.raises(Invalid, match=words) as refusal:
        forwarding.pass_on(account, url=url, by=None, at=at)

    assert refusal.value.field == "url"
    assert not Forwarding.objects.exists()


def test_no_webhook_address_of_ours_is_a_bot(account: OfficialAccount, at: datetime) -> None:
    other = factories.account("other", channel="1650000002")
    own = routing.webhook_url(other)
    encoded = "".join(f"%{ord(letter):02x}" for letter in other.webhook_id)

    for url in (
        own,
        own.replace("127.0.0.1", "localhost"),
        own.replace("http://127.0.0.1:8000", "https://bot.example"),  # a proxy before us
        own.replace(other.webhook_id, encoded),
        f"{own}?x=1",
    ):
        with pytest.raises(Invalid, match="own webhook address"):
            forwarding.pass_on(account, url=url, by=None, at=at)


def test_the_addresses_that_bots_have_are_taken(account: OfficialAccount, at: datetime) -> None:
    for url in (BOT, "https://bot.example:8443/a/b;c?d=e%20f", "http://127.0.0.1:3000/callback"):
        bot_address.check(url)


def test_a_provider_that_the_account_has_no_road_by_is_refused(
    account: OfficialAccount, at: datetime
) -> None:
    with pytest.raises(Invalid, match="choose one of: line"):
        forwarding.pass_on(account, url=BOT, by=None, at=at, provider="carrier-pigeon")


# --- who may


@pytest.mark.parametrize("role", sorted(roles.ROLES))
def test_managers_switch_it_and_everybody_else_only_sees_it(
    role: str, account: OfficialAccount, at: datetime
) -> None:
    user = factories.user(role)
    acts = (
        lambda: forwarding.pass_on(account, url=BOT, by=user, at=at),
        lambda: forwarding.try_again(account, by=user, at=at),
        lambda: forwarding.stop(account, by=user, at=at),
    )
    if role != "manager":
        forwarding.pass_on(account, url=BOT, by=None, at=at)

    for act in acts:
        if role == "manager":
            act()
        else:
            with pytest.raises(PermissionDenied):
                act()
    shown = forwarding.shown_url(Forwarding.objects.get(), user)
    assert shown == (BOT if role == "manager" else "https://bot.example/line?…")


def test_an_account_that_is_not_on_the_users_list_is_not_theirs(
    account: OfficialAccount, manager: User, at: datetime
) -> None:
    AccountScope.objects.create(user=manager).accounts.set(
        [factories.account("other", channel="1650000002")]
    )

    with pytest.raises(PermissionDenied):
        forwarding.pass_on(account, url=BOT, by=manager, at=at)
    assert Api(manager).get(PATH).status_code == 404


def test_each_act_is_in_the_audit_chain_without_the_address(
    account: OfficialAccount, manager: User, at: datetime
) -> None:
    forwarding.pass_on(account, url=BOT, by=manager, at=at)
    come(account, 2, at=at)
    forwarding.try_again(account, by=manager, at=at)
    forwarding.stop(account, by=manager, at=at)

    entries = AuditEntry.objects.filter(action__startswith="forwarding.").order_by("number")
    digest = hashlib.sha256(BOT.encode()).hexdigest()
    assert [(entry.action, entry.facts) for entry in entries] == [
        ("forwarding.pass_on", {"provider": "line", "url_sha256": digest}),
        ("forwarding.try_again", {"provider": "line", "waiting": 2}),
        ("forwarding.stop", {"provider": "line", "dropped": 2}),
    ]
    assert {entry.account_id for entry in entries} == {account.pk}
    assert chain.first_break(AuditEntry.objects.order_by("number").iterator()) is None


# --- by API


def test_it_is_set_read_and_stopped_by_the_api(
    account: OfficialAccount, manager: User, at: datetime
) -> None:
    api = Api(manager)
    blank = {
        "provider": "line", "url": "", "is_on": False, "waiting": 0, "oldest_waiting_at": None,
        "given_up": 0, "last_tried_at": None, "last_answer": "", "last_http_status": None,
        "last_taken_at": None, "rests_until": None,
    }  # fmt: skip
    assert api.get(PATH).json() == blank

    assert put(api, {"url": BOT}).json() == {**blank, "url": BOT, "is_on": True}
    come(account, 7, at=at)
    failed = forwards.step(Forwarding.objects.get().pk, [], room=5, at=at)
    results = [Tried(each.pk, each.tries, BotAnswer.TURNED_DOWN, 503) for each in failed]
    forwards.step(Forwarding.objects.get().pk, results, room=0, at=at)
    shown = api.get(PATH).json()
    seen = Api(factories.user("auditor")).get(f"{PATH}?provider=line").json()

    assert (shown["waiting"], shown["last_answer"], shown["last_http_status"]) == (
        7, "turned_down", 503,
    )  # fmt: skip
    assert (shown["oldest_waiting_at"] is not None, seen["url"]) == (
        True, "https://bot.example/line?…",
    )  # fmt: skip
    stopped = api.delete(PATH)
    assert (stopped.status_code, stopped.json()["is_on"], stopped.json()["waiting"]) == (
        200, False, 0,
    )  # fmt: skip
    again = api.delete(PATH)
    assert (again.status_code, again.json()["error"]) == (409, "wrong_state")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"), ({"url": ""}, "url"), ({"url": "https://elsewhere.example"}, "url"),
        ({"url": 7}, "url"), ({"url": None}, "url"),
        ({"url": BOT, "provider": "none"}, "provider"), ({"url": "x" * 501}, "url"),
    ],
)  # fmt: skip
def test_what_cannot_be_passed_on_is_400_with_its_field(
    body: Any, field: str, account: OfficialAccount, manager: User
) -> None:
    answer = put(Api(manager), body)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid")
    assert list(answer.json()["fields"]) == [field]


def test_keys_need_the_scope_and_the_permission(account: OfficialAccount, manager: User) -> None:
    assert Api(manager, "messages").get(PATH).status_code == 403
    sender = Api(factories.user("sender"))
    assert put(sender, {"url": BOT}).status_code == 403
    assert sender.delete(PATH).status_code == 403
    assert Client().get(f"/api/v1/{PATH}").status_code == 401
    assert Api(manager).get("accounts/nobody/forwarding/").status_code == 404
    assert Api(manager).get(f"{PATH}?provider=none").status_code == 400


# --- by command


def test_it_is_switched_by_the_command(account: OfficialAccount, at: datetime) -> None:
    assert "are not passed on" in run("--show")
    assert run("--to", BOT) == f"Webhooks of line are passed on to {BOT} from now on."
    come(account, 5, at=at)
    failed = forwards.step(Forwarding.objects.get().pk, [], room=5, at=at)
    results = [Tried(each.pk, each.tries, BotAnswer.TURNED_DOWN, 503) for each in failed]
    forwards.step(Forwarding.objects.get().pk, results, room=0, at=datetime.now(at.tzinfo))

    words = run()

    assert f"passed on to {BOT}." in words
    assert "Waiting: 5, the oldest since" in words
    assert "not taken (503)" in words
    assert run("--again").startswith("5 webhooks wait")
    assert run("--off") == "Webhooks of line are not passed on any more."
    assert set(Forward.objects.values_list("state", flat=True)) == {"dropped"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["thai-post", "--off"], "not passed on"),
        (["thai-post", "--again"], "not passed on"),
        (["thai-post", "--to", "https://elsewhere.example"], "LINEPORTAL_BOT_HOSTS"),
        (["thai-post", "--to", ""], "whole address"),
        (["thai-post", "--provider", "none"], "choose one of"),
        (["nobody"], "no account"),
    ],
)
def test_the_command_refuses_with_a_sentence(
    words: list[str], sentence: str, account: OfficialAccount
) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("forward_webhooks", *words)


# --- by the account's page


def page_of(user: User, account: OfficialAccount) -> tuple[Client, str]:
    client = Client()
    client.force_login(user)
    page = reverse("admin:accounts_officialaccount_change", args=[account.pk])
    return client, client.get(page).content.decode()


def act(name: str, account: OfficialAccount) -> str:
    return reverse("admin:accounts_officialaccount_act", args=[account.pk, name])


def test_it_is_switched_on_the_accounts_page(
    account: OfficialAccount, manager: User, at: datetime
) -> None:
    client, before = page_of(manager, account)
    assert "Pass on to this address" in before
    assert "Stop passing on" not in before

    form = {"url": BOT, "provider": "line"}
    assert client.post(act("pass_on", account), form).status_code == 302
    come(account, 1, at=at)
    _client, on = page_of(manager, account)
    assert BOT in on
    assert "Try again now" in on
    assert "the oldest since" in on

    assert client.post(act("try_passing_on", account), {"provider": "line"}).status_code == 302
    asked = client.get(act("stop_passing_on", account) + "?provider=line").content.decode()
    assert "dropped" in asked
    assert client.post(act("stop_passing_on", account), {"provider": "line"}).status_code == 302
    _client, off = page_of(manager, account)
    assert "Try again now" not in off
    assert not Forwarding.objects.get().is_on


def test_a_wrong_address_is_said_on_the_page(account: OfficialAccount, manager: User) -> None:
    client, _page = page_of(manager, account)

    answer = client.post(act("pass_on", account), {"url": "https://elsewhere.example"})

    assert answer.status_code == 409
    assert "LINEPORTAL_BOT_HOSTS" in answer.content.decode()
    assert client.post(act("stop_passing_on", account), {}).status_code == 409


@pytest.mark.parametrize("role", ["author", "reviewer", "sender", "auditor"])
def test_others_see_how_it_goes_but_no_token_and_no_button(
    role: str, account: OfficialAccount, at: datetime
) -> None:
    forwarding.pass_on(account, url=BOT, by=None, at=at)
    client, page = page_of(factories.user(role), account)

    assert "https://bot.example/line?…" in page
    assert "s3cret" not in page
    assert "Pass on to this address" not in page
    assert client.post(act("pass_on", account), {"url": BOT}).status_code == 403
    assert client.post(act("stop_passing_on", account), {}).status_code == 403
    assert Forwarding.objects.get().is_on
