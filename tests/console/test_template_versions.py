"""A key's versions as pages: drawn, compared, and where each is used."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.sending import campaigns, withdrawal
from templates_app import drafting, workflow
from templates_app.models import MessageTemplate
from tests import factories

MOST_QUERIES = 30
PAGE = "admin:templates_app_messagetemplate_"


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def changed(template: MessageTemplate, at: datetime, **parts: Any) -> MessageTemplate:
    """Return a new draft version beside a decided one, with these parts of its content changed."""
    by = factories.user("author")
    draft = drafting.revise(template, by=by, at=at)
    return drafting.edit(draft, by=by, at=at, changes={"content": {**draft.content, **parts}})


def decided(template: MessageTemplate, at: datetime) -> MessageTemplate:
    template = workflow.submit(template, by=factories.user("author"), at=at)
    by = factories.user("reviewer")
    return workflow.approve(template, by=by, at=at, line_reference="LINE-2")


@pytest.fixture
def versions(account: OfficialAccount, at: datetime) -> list[MessageTemplate]:
    """Version 1 approved, 2 approved and current, 3 a draft."""
    first = factories.approved(account)
    second = decided(changed(first, at, title="จดหมายของคุณมาถึงแล้ว"), at)
    items = [{"label": "จาก", "value": "{{sender_name}}"}]
    return [first, second, changed(second, at, items=items)]


def get(user: User, url: str, most: int = MOST_QUERIES) -> tuple[int, str]:
    client = Client()
    client.force_login(user)
    client.get(url)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = client.get(url)
    assert len(queries) <= most, len(queries)
    return answer.status_code, answer.content.decode()


def page(name: str, template: MessageTemplate) -> str:
    return reverse(PAGE + name, args=[template.pk])


def test_every_version_is_drawn_with_its_badges(
    versions: list[MessageTemplate], sender: User, auditor: User, at: datetime
) -> None:
    first, second, _draft = versions
    campaigns.create(first.account, template=first, name="November", by=sender, at=at)
    withdrawal.revoke_template(first, by=factories.user("reviewer"), at=at, reason="too loud")

    status, html = get(auditor, page("versions", second))

    assert status == 200
    assert html.count('class="lp-phone"') == 3
    assert html.count(">Current<") == 1
    assert "Used in 1 campaign" in html
    assert ">Revoked<" in html
    assert "too loud" in html
    assert html.index("Version 3") < html.index("Version 2") < html.index("Version 1")


def test_many_versions_come_in_pages(account: OfficialAccount, at: datetime, auditor: User) -> None:
    template = factories.approved(account)
    for _n in range(13):
        draft = workflow.submit(
            drafting.revise(template, by=factories.user("author"), at=at),
            by=factories.user("author"), at=at,
        )  # fmt: skip
        template = workflow.reject(draft, by=factories.user("reviewer"), at=at, reason="no")

    _status, first_page = get(auditor, page("versions", template))
    _status, last_page = get(auditor, f"{page('versions', template)}?page=3")

    assert (first_page.count('class="lp-phone"'), last_page.count('class="lp-phone"')) == (6, 2)
    assert "14 versions" in first_page
    _status, own_page = get(auditor, page("change", template))
    assert "All versions, drawn and compared" in own_page


def test_two_versions_are_compared_word_by_word(
    versions: list[MessageTemplate], auditor: User
) -> None:
    url = page("difference", versions[2])

    status, html = get(auditor, f"{url}?first=2&second=1")
    assert status == 200
    assert "</span>พัสดุ</del>" in html
    assert "</span>จดหมาย</ins>" in html

    assert "Title" in html

    _status, html = get(auditor, f"{url}?first=2&second=3")
    assert "Item 1: value" in html
    assert "API callers must now also pass" in html
    assert '<ins class="lp-json">sender_name</ins>' in html
    assert '<del class="lp-json">parcel_from</del>' in html
    _status, same = get(auditor, f"{url}?first=2&second=2")
    assert "Nothing: both versions" in same


@pytest.mark.parametrize("query", ["", "first=1", "first=1&second=9", "first=²&second=1",
                                   "first=1&second=99999999999", "first=a&second=1"])  # fmt: skip
def test_versions_that_are_not_there_are_not_found(
    query: str, versions: list[MessageTemplate], auditor: User
) -> None:
    assert get(auditor, f"{page('difference', versions[0])}?{query}")[0] == 404


def test_pages_of_other_accounts_are_not_found(
    versions: list[MessageTemplate], manager: User
) -> None:
    AccountScope.objects.create(user=manager)

    for name in ("versions", "difference"):
        assert get(manager, f"{page(name, versions[0])}?first=1&second=2")[0] == 404


def test_words_of_a_template_are_never_markup(account: OfficialAccount, at: datetime) -> None:
    hostile = {**factories.PARCEL, "title": "<script>1</script>"}
    template = factories.approved(account, content=hostile)
    changed(template, at, title="<script>2</script>")

    html = get(factories.user("auditor"), f"{page('difference', template)}?first=1&second=2")[1]

    assert "<script>1" not in html
    assert "<script>2" not in html


def test_revoking_says_first_what_will_stop(
    versions: list[MessageTemplate], sender: User, reviewer: User, at: datetime
) -> None:
    first = versions[0]
    for n in range(3):
        factories.recipient(first.account, n, consent="agreed")
    for name in ("Morning", "Evening"):
        made = campaigns.create(first.account, template=first, name=name, by=sender, at=at)
        campaigns.start(made, by=sender, at=at)
    url = reverse(PAGE + "act", args=[first.pk, "revoke"])

    html = get(reviewer, url)[1]

    assert "2 running campaigns will pause." in html
    assert "6 queued messages will be cancelled." in html
    assert "Evening" in html
    unused = get(reviewer, reverse(PAGE + "act", args=[versions[1].pk, "revoke"]))[1]
    assert "Nothing runs or waits on this version." in unused
    _status, own_page = get(reviewer, page("change", first))
    assert "Where it is used" in own_page
