"""The desk as each person sees it: columns, ages, filters, pages, and the search."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from lineportal.accounts.models import AccountScope, OfficialAccount
from templates_app import desk, drafting, searching, thread, waits, workflow
from templates_app.desk import Column, Filter
from templates_app.models import MessageTemplate
from tests import factories
from tests.benchmarks import versions

# A Monday, ten in Bangkok.
MONDAY = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def submitted(of: OfficialAccount, key: str, by: User, at: datetime = MONDAY) -> MessageTemplate:
    return workflow.submit(factories.draft(of, key=key, by=by), by=by, at=at)


def sent(template: MessageTemplate, by: User, at: datetime = MONDAY) -> MessageTemplate:
    thread.say(template, "dossier_sent", by=by, at=at, party="LINE", happened_on=at.date())
    return template


def columns(user: User, at: datetime = MONDAY, **wanted: Any) -> dict[str, list[str]]:
    shown = desk.board(user, at=at, wanted=Filter(**wanted))
    return {
        each.column.value: [
            row.template.key for row in each.rows if row.template
        ] + [template.key for template in each.decided]
        for each in shown
        if each.count
    }  # fmt: skip


def test_each_sees_what_waits_for_them_and_for_others(
    account: OfficialAccount, author: User, reviewer: User, auditor: User
) -> None:
    factories.draft(account, key="draft", by=author)
    submitted(account, "review", author)
    asked = submitted(account, "asked", author)
    thread.say(asked, "question", "Who gets it?", by=reviewer, at=MONDAY)
    sent(submitted(account, "sent", author), reviewer)

    assert columns(author) == {"me": ["draft", "asked"], "others": ["review"], "line": ["sent"]}
    assert columns(reviewer) == {"me": ["review"], "others": ["draft", "asked"], "line": ["sent"]}
    assert columns(auditor) == {"others": ["draft", "review", "asked"], "line": ["sent"]}


@pytest.mark.parametrize("wrote", ["created", "edited", "submitted"])
def test_who_wrote_a_version_is_not_waited_for_to_decide(
    wrote: str, account: OfficialAccount, author: User, manager: User
) -> None:
    draft = factories.draft(account, by=manager if wrote == "created" else author)
    if wrote == "edited":
        drafting.edit(draft, by=manager, at=MONDAY, changes={"purpose": "better words"})
    workflow.submit(draft, by=manager if wrote == "submitted" else author, at=MONDAY)
    other = factories.user("manager")

    assert columns(manager) == {"others": ["parcel"]}
    assert columns(other) == {"me": ["parcel"]}
    [row] = desk.board(manager, at=MONDAY)[1].rows
    assert row.people == [other]


def test_ages_are_business_days_of_the_accounts_country_and_zone(db: None, author: User) -> None:
    begun = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # a Friday
    for n, country in enumerate(("TH", "TW", "JP")):
        of = factories.account(country.lower(), country=country, channel=f"20000000{n}0")
        submitted(of, f"key-{country.lower()}", author, at=begun)
    # Monday the 23rd is Labour Thanksgiving Day in Japan alone.
    at = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)

    [shown] = [each for each in desk.board(factories.user("reviewer"), at=at) if each.rows]

    ages = {row.template.key: (row.age, row.is_late) for row in shown.rows if row.template}
    assert ages == {"key-th": (2, True), "key-tw": (2, True), "key-jp": (1, False)}
    assert shown.late == 2


def test_a_draft_is_never_late(account: OfficialAccount, author: User) -> None:
    factories.draft(account, by=author)

    [row] = desk.board(author, at=datetime.now(UTC) + timedelta(days=90))[0].rows

    assert (row.wait.usual, row.is_late) == (None, False)
    assert row.age > 50


def test_nobody_sees_versions_of_accounts_that_are_not_theirs(
    account: OfficialAccount, author: User
) -> None:
    submitted(account, "review", author)
    stranger = factories.user("manager")
    AccountScope.objects.create(user=stranger)

    assert columns(stranger) == {}
    assert columns(stranger, text="parcel", state="submitted") == {}
    assert stranger in desk.people_to_choose(author)
    assert author in desk.people_to_choose(stranger)
    other = factories.user("reviewer")
    AccountScope.objects.create(user=other).accounts.set([account])
    assert other not in desk.people_to_choose(stranger)
    with pytest.raises(PermissionDenied):
        desk.board(factories.user(), at=MONDAY)


def test_what_is_decided_leaves_the_desk_in_time_and_never_the_search(
    account: OfficialAccount, author: User, reviewer: User, at: datetime
) -> None:
    for key in ("approved", "rejected", "revoked"):
        template = submitted(account, key, author, at=at)
        if key == "rejected":
            workflow.reject(template, by=reviewer, at=at, reason="ขาดเลขที่คำสั่งซื้อ")
            continue
        workflow.approve(template, by=reviewer, at=at, line_reference="LINE-77")
        if key == "revoked":
            workflow.revoke(template, by=reviewer, at=at, reason="LINE 收回許可")

    assert sorted(columns(author, at=at)["decided"]) == ["approved", "rejected", "revoked"]
    later = at + timedelta(days=300)
    assert columns(author, at=later) == {}
    assert columns(author, at=later, text="คำสั่งซื้อ") == {"decided": ["rejected"]}
    assert columns(author, at=later, text="收回") == {"decided": ["revoked"]}
    assert columns(author, at=later, text="line-77") == {"decided": ["revoked", "approved"]}
    assert columns(author, at=later, state="revoked") == {"decided": ["revoked"]}
    assert columns(author, at=later, state="rejected") == {"decided": ["revoked", "rejected"]}
    assert columns(author, at=later, state="approved") == {"decided": ["approved"]}


def test_filters_narrow_every_column(
    account: OfficialAccount, author: User, reviewer: User
) -> None:
    other = factories.account("other", channel="2000000002")
    submitted(account, "one", author)
    submitted(other, "two", author)
    factories.draft(account, key="news", by=author, service="oa", language="zh-TW",
                    content={"text": "你好"})  # fmt: skip

    assert columns(reviewer, account="other") == {"me": ["two"]}
    assert columns(reviewer, service="oa") == {"others": ["news"]}
    assert columns(reviewer, language="zh-tw") == {"others": ["news"]}
    assert columns(reviewer, state="draft") == {"others": ["news"]}
    assert columns(reviewer, state="submitted") == {"me": ["one", "two"]}
    assert columns(reviewer, who=author.pk) == {"others": ["news"]}
    assert columns(author, who=reviewer.pk) == {"others": ["one", "two"]}
    assert columns(author, account="nowhere") == {}


def test_the_longest_waiting_is_first_and_a_page_ends(
    account: OfficialAccount, author: User, reviewer: User
) -> None:
    for n in range(desk.PAGE + 5):
        submitted(account, f"k{n:02}", author, at=MONDAY - timedelta(days=n))

    first = desk.board(reviewer, at=MONDAY)[0]
    second = desk.board(reviewer, at=MONDAY, pages={"me": 2})[0]
    beyond = desk.board(reviewer, at=MONDAY, pages={"me": 99})[0]

    assert (first.count, first.pages, len(first.rows), len(second.rows)) == (25, 2, 20, 5)
    keys = [row.template.key for row in (*first.rows, *second.rows) if row.template]
    assert keys == sorted(keys, reverse=True)
    assert [row.pk for row in beyond.rows] == [row.pk for row in second.rows]


CONTENT = {
    "title": "พัสดุของคุณมาถึงแล้ว",
    "greeting": "親愛的{{name}}您好，您的包裹已送達",
    "items": [{"label": "お届け先", "value": "ﾄｳｷｮｳ {{no}}"}],
    "explanation": 'Please keep "hello" for 100%_sure Straße',
    "buttons": [{"label": "Track", "url": "https://example.com/t/{{no}}"}],
}


@pytest.mark.parametrize(
    "text",
    [
        "มาถึง", "พัสดุของ", "包裹", "送達", "お届け", "トウキョウ", "ﾄｳｷｮｳ", "hello", "HELLO",
        '"hello"', "100%_sure", "straße", "TRACK", "example.com/t", "waived note",
        "ｔｒａｃｋ", "some-key", "receiver", "ใครได้รับ", "全部客戶", "包裹 TRACK มาถึง",
    ],
)  # fmt: skip
def test_a_word_of_any_script_is_found_wherever_it_was_written(
    text: str, account: OfficialAccount, author: User, reviewer: User
) -> None:
    template = factories.draft(account, key="some-key", by=author, content=CONTENT)
    factories.draft(account, key="other", by=author, content={"title": "x", "items": [],
                    "buttons": []}, purpose="nothing")  # fmt: skip
    asked = thread.say(template, "question", "ใครได้รับ?", by=reviewer, at=MONDAY)
    thread.say(template, "answer", "全部客戶", by=author, at=MONDAY, answers=asked.pk)
    template = workflow.submit(template, by=author, at=MONDAY)
    workflow.approve(
        template, by=reviewer, at=MONDAY, line_reference="L", note="Waived note",
        line_decided_on=date(2026, 11, 1),
    )  # fmt: skip

    found = searching.matching(MessageTemplate.objects.all(), text)

    assert [each.key for each in found] == ["some-key"]


@pytest.mark.parametrize("text", ["greeting", "label", "100%sure", "hello\\", "มาถึง nowhere", "%"])
def test_what_nobody_wrote_is_not_found(text: str, account: OfficialAccount, author: User) -> None:
    content = {**CONTENT, "explanation": "plain"}
    factories.draft(account, by=author, content=content, purpose="x")

    assert not searching.matching(MessageTemplate.objects.all(), text).exists()


@pytest.mark.parametrize("text", ["", "   ", "\0"])
def test_an_empty_search_asks_for_nothing(
    text: str, account: OfficialAccount, author: User
) -> None:
    factories.draft(account, by=author)

    assert searching.matching(MessageTemplate.objects.all(), text).count() == 1


def test_a_search_follows_an_edit(account: OfficialAccount, author: User, at: datetime) -> None:
    draft = factories.draft(account, by=author)

    drafting.edit(draft, by=author, at=at, changes={"content": {**CONTENT, "title": "สวัสดีปีใหม่"}})

    assert searching.matching(MessageTemplate.objects.all(), "ปีใหม่").exists()
    assert not searching.matching(MessageTemplate.objects.all(), "ไทยขนส่ง").exists()


def test_thousands_of_versions_take_as_many_queries_as_one(
    db: None, at: datetime, django_assert_max_num_queries: Any
) -> None:
    made = versions.fill(5_000, at=at)

    with django_assert_max_num_queries(16):
        shown = desk.board(made["reviewer"], at=at)

    counts = {each.column: each.count for each in shown}
    assert counts[Column.ME] + counts[Column.OTHERS] + counts[Column.LINE] == 1_500
    assert counts[Column.LINE] == 500
    with django_assert_max_num_queries(17):
        found = desk.board(made["author"], at=at, wanted=Filter(text="包裹"))
    assert sum(each.count for each in found) == 1_250


def test_the_many_and_the_few_are_judged_alike(db: None, at: datetime) -> None:
    made = versions.fill(900, at=at, open_ones=100)
    reviewer = made["reviewer"]

    def judged(**wanted: Any) -> dict[int, tuple[str, waits.Why]]:
        pages = range(1, 60)
        return {
            row.pk: (each.column.value, row.wait.why)
            for page in pages
            for each in desk.board(
                reviewer, at=at, wanted=Filter(**wanted),
                pages=dict.fromkeys(("me", "others", "line"), page),
            )
            for row in each.rows
        }  # fmt: skip

    by_account = {}
    for account in made["accounts"]:
        by_account |= judged(account=account.slug)

    assert by_account == judged()
    assert len(by_account) == 900
