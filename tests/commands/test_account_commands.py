"""The commands of accounts and roads: what they print, refuse, and never print."""

from __future__ import annotations

import io
import re
from datetime import datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from lineportal.accounts import credentials
from lineportal.accounts.models import OfficialAccount
from lineportal.audit.models import AuditEntry
from tests import factories
from tests.elsewhere import GIVEN, KEY, PASSWORD, answering
from tests.line import SECRET, Line

pytestmark = pytest.mark.usefixtures("elsewhere")
PAIRS = [f"{name}={value}" for name, value in GIVEN.items()]


def run(*words: str) -> str:
    """Return what a command printed."""
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=out)
    text = out.getvalue()
    assert not [secret for secret in (SECRET, KEY, PASSWORD) if secret in text]
    return text.strip()


def refusal(*words: str) -> str:
    with pytest.raises(CommandError) as caught:
        run(*words)
    text = str(caught.value)
    assert caught.value.returncode == 1
    assert text.endswith(".")
    assert "\n" not in text
    assert not [secret for secret in (SECRET, KEY, PASSWORD, "s3cret") if secret in text]
    return text


@pytest.fixture
def account(line: Line, db: None) -> OfficialAccount:
    line.channel()
    return factories.account(api_base_url=line.url, service="lon")


def test_an_account_at_a_partner_is_told_where_its_webhooks_go(db: None) -> None:
    said = run(
        "create_account", "shop", "--name", "Shop", "--country", "tw", "--provider", "elsewhere",
        "--service", "oa", "--credential", *PAIRS,
    )  # fmt: skip

    account = OfficialAccount.objects.get()
    url = f"http://127.0.0.1:8000/webhooks/elsewhere/{account.webhook_id}/"
    assert said == f"Webhook address to enter at Elsewhere & Co: {url}"


def test_a_road_is_added_changed_and_given_new_credentials(
    account: OfficialAccount, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n", encoding="utf-8")
    pairs = [*(pair for pair in PAIRS if not pair.startswith("api_key")),
             f"api_key=@{tmp_path / 'key'}"]  # fmt: skip

    said = run(
        "add_road", "thai-post", "--service", "oa", "--provider", "elsewhere", "--rate", "9",
        "--credential", *pairs,
    )  # fmt: skip
    assert re.findall("(?m)^Webhook address to enter at (.+?): .*/(.+?)/[^/]+/$", said) == [
        ("LINE", "line"), ("Elsewhere & Co", "elsewhere"),
    ]  # fmt: skip
    road = account.roads.get(service="oa")
    assert (credentials.of(road), road.rate_per_second) == (GIVEN, 9)

    said = run("change_road", "thai-post", "--service", "oa", "--rate", "8")
    assert "8 messages a second" in said

    said = run("replace_credentials", "thai-post", "--service", "oa", "--credential",
               "api_key=second", "webhook_user=")  # fmt: skip
    assert said.endswith("has new credentials.")
    given = credentials.of(account.roads.get(service="oa"))
    assert given["api_key"] == "second"
    assert "webhook_user" not in given
    assert given["webhook_password"] == PASSWORD
    entries = AuditEntry.objects.order_by("number").values_list("action", "actor")
    assert list(entries)[-3:] == [
        ("account.add_road", "system"), ("account.change_road", "system"),
        ("account.replace_credentials", "system"),
    ]  # fmt: skip


def test_a_channel_gets_its_new_secret_on_both_roads(db: None) -> None:
    account = factories.account()

    said = run("replace_credentials", "thai-post", "--credential", "channel_secret=second")

    assert len(said.splitlines()) == 2
    assert {credentials.of(road)["channel_secret"] for road in account.roads.all()} == {"second"}


ADD = ["add_road", "thai-post", "--service", "oa", "--provider", "elsewhere"]
REPLACE = ["replace_credentials", "thai-post", "--service", "lon", "--credential"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["add_road", "nobody", *ADD[2:]], "There is no account “nobody”."),
        ([*ADD[:4], "--provider", "telegram"], "There is no provider “telegram”; choose one of: "),
        (ADD, "Elsewhere & Co needs the credential api_key and from."),
        ([*ADD[:3], "lon", *ADD[4:], "--credential", *PAIRS], "has a road for lon already"),
        ([*ADD, "--rate", "101", "--credential", *PAIRS], "Choose a rate from 1 to 100"),
        ([*REPLACE, "s3cret-s3cret"], "Give each credential as name=value or name=@file."),
        ([*REPLACE, "channel_secret=@/nowhere/s"], "The file for the credential “channel_secret”"),
        ([*REPLACE, "channel_secret=@/dev/null"], "“channel_secret” is empty."),
        ([*REPLACE, "channel_id=2"], "channel_id says who sends and stays as it is"),
        (REPLACE[:4], "Give at least one credential to replace."),
        ([*REPLACE[:3], "oa", "--credential", "channel_secret=s3cret"], "has no road for oa."),
        (["change_road", "thai-post", "--service", "lon"], "Give --rate, --api-base-url or both."),
        (["change_road", "thai-post", "--service", "oa", "--rate", "1"], "has no road for oa."),
        (["check_account", "nobody"], "There is no account “nobody”."),
        (["check_account", "thai-post", "--service", "sms"], "Choose “lon” or “oa”."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    words: list[str], sentence: str, account: OfficialAccount
) -> None:
    assert sentence in refusal(*words)


def test_a_check_prints_a_line_for_each_thing_and_ends_with_1_if_one_is_bad(
    account: OfficialAccount, at: datetime
) -> None:
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("check_account", "thai-post", stdout=out)

    lines = out.getvalue().splitlines()
    assert caught.value.returncode == 1
    n = sum(line.startswith("bad ") for line in lines)
    assert str(caught.value) == f"{n} of {len(lines)} checks are bad."
    assert {line.split()[0] for line in lines} <= {"ok", "bad", "unknown"}
    assert lines[0] == "ok       The account is switched on."
    assert lines[1].startswith("bad      No worker runs")
    assert any(line.startswith("ok       lon, LINE: ") for line in lines)
    assert SECRET not in out.getvalue()


def test_a_check_of_a_sound_account_ends_with_0(account: OfficialAccount, at: datetime) -> None:
    factories.worker_seen(at)
    with answering(200) as url:
        run(*ADD, "--api-base-url", url, "--credential", *PAIRS)

        assert "bad" not in run("check_account", "thai-post", "--service", "oa")


def test_a_check_is_of_one_road_where_it_is_asked_so(account: OfficialAccount) -> None:
    with answering(200) as url:
        run(*ADD, "--api-base-url", url, "--credential", *PAIRS)
        out = io.StringIO()
        with pytest.raises(CommandError):
            call_command("check_account", "thai-post", "--service", "oa", stdout=out)

    assert "oa, Elsewhere & Co: The key is known." in out.getvalue()
    assert "LINE: " not in out.getvalue()


def test_the_providers_are_listed_with_what_they_need(db: None) -> None:
    said = run("list_providers")

    assert "| `elsewhere` | `lon` | yes | - | - |" in said
    assert "| `elsewhere` | `style` | Style | - | - | one of `plain`, `loud`." in said
