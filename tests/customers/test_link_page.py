"""The customers' page: four languages, no script, nothing kept, and codes counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.conversations.models import LinkOffer
from recipients import link_codes
from tests import factories
from tests.conversations import linked

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> OfficialAccount:
    return factories.account(name="ร้าน <b>{code}</b>")


@pytest.fixture
def token(account: OfficialAccount) -> str:
    return linked.offered(linked.by_user(account), at=datetime.now(UTC))


def get(account: OfficialAccount, **query: str) -> Any:
    return Client().get(f"/link/{account.slug}/", query)


def post(account: OfficialAccount, token: str, code: str, **headers: str) -> Any:
    given = {"linkToken": token, "code": code}
    return Client(enforce_csrf_checks=True).post(f"/link/{account.slug}/", given, headers=headers)


@pytest.mark.parametrize(
    ("accepts", "chosen", "title"),
    [
        ("th-TH,en;q=0.5", "", "เชื่อมหมายเลขของคุณ"),
        ("zh-TW", "", "連結您的號碼"),
        ("ja;q=1", "", "電話番号の連携"),
        ("en-GB,th", "", "Link your number"),
        ("fr,ja", "", "電話番号の連携"),
        ("fr", "", "เชื่อมหมายเลขของคุณ"),  # the account's country
        ("ja", "zh-Hant", "連結您的號碼"),
        ("ja", "xx<script>", "電話番号の連携"),
    ],
)
def test_the_page_speaks_the_customers_language(
    account: OfficialAccount, token: str, accepts: str, chosen: str, title: str
) -> None:
    query = {"linkToken": token, **({"lang": chosen} if chosen else {})}

    page = Client().get(f"/link/{account.slug}/", query, headers={"Accept-Language": accepts})

    assert f"<h1>{title}</h1>" in page.content.decode()
    assert "<script" not in page.content.decode()
    assert "<b>" not in page.content.decode()
    assert "{code}" in page.content.decode()


def test_nobody_keeps_frames_or_is_told_of_the_page(account: OfficialAccount, token: str) -> None:
    page = get(account, linkToken=token)

    assert page["Cache-Control"] == "no-store"
    assert page["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert "form-action 'self' https://access.line.me" in page["Content-Security-Policy"]
    assert not page.cookies
    assert "http://" not in page.content.decode()
    assert "https://" not in page.content.decode()


def test_a_right_code_leads_to_line_with_a_nonce(account: OfficialAccount, token: str) -> None:
    phone = linked.by_phone(account)
    issued = link_codes.issue(phone, at=datetime.now(UTC), by=None)

    # As browsers send the form of a page that lets nobody know where they were.
    answer = post(account, token, issued.shown, Origin="null")

    assert answer.status_code == 303
    address = urlsplit(answer["Location"])
    assert (address.netloc, address.path) == ("access.line.me", "/dialog/bot/accountLink")
    given = parse_qs(address.query)
    assert given["linkToken"] == [token]
    assert len(given["nonce"][0]) >= 43
    assert answer["Cache-Control"] == "no-store"


def test_a_simulated_line_keeps_its_dialogue_beside_its_calls(
    account: OfficialAccount, token: str
) -> None:
    Road.objects.update(api_base_url="http://127.0.0.1:8099")
    code = link_codes.issue(linked.by_phone(account), at=datetime.now(UTC), by=None).code

    answer = post(account, token, code)

    assert answer["Location"].startswith("http://127.0.0.1:8099/dialog/bot/accountLink?linkToken=")


def test_wrong_codes_are_counted_and_the_sixth_is_not_even_tried(
    account: OfficialAccount, token: str
) -> None:
    code = link_codes.issue(linked.by_phone(account), at=datetime.now(UTC), by=None).code

    for _number in range(5):
        answer = post(account, token, "ABCD-EFGH")
        assert answer.status_code == 400
        assert 'role="alert"' in answer.content.decode()
    last = post(account, token, code)

    assert last.status_code == 200
    assert "linkToken" not in last.content.decode()
    assert LinkOffer.objects.get().wrong_codes == 5


@pytest.mark.parametrize(
    "token",
    [
        "",
        "unknown",
        "\0",
        "x" * 10_000,
        "ไทย",
        "'; DROP TABLE",
        "<script>alert(1)</script>",
    ],
)
def test_a_token_that_is_not_ours_says_to_ask_again(account: OfficialAccount, token: str) -> None:
    for page in (get(account, linkToken=token), post(account, token, "ABCD-EFGH")):
        assert page.status_code == 200
        assert "โปรดขอใหม่ในแชท" in page.content.decode()
        assert "<script" not in page.content.decode()


def test_an_old_address_and_one_of_another_account_say_so_too(
    account: OfficialAccount, token: str
) -> None:
    other = factories.account("other", channel="1650000009")
    assert 'name="code"' not in get(other, linkToken=token).content.decode()
    LinkOffer.objects.update(given_at=datetime.now(UTC) - timedelta(minutes=10))

    assert 'name="code"' not in get(account, linkToken=token).content.decode()


@pytest.mark.parametrize("slug", ["nobody", "%00", "x" * 3_000, "a%0d%0ab", "ไทย"])
def test_an_account_that_is_not_there_is_a_page_too(slug: str) -> None:
    page = Client().get(f"/link/{slug}/?linkToken=x")

    assert page.status_code == 404
