"""Canned answers, rules and settings: who writes them, and what is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.conversations import answer_rules, answering, canned
from lineportal.conversations.models import Answering, AnswerRule, CannedAnswer
from recipients.intake import Invalid
from tests import factories
from tests.conversations.talk import NOON

GIVEN = {"shortcut": "hours", "title": "Opening hours", "text": "We are open 9 to 6."}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def manager(db: None) -> User:
    return factories.user("manager")


@pytest.fixture
def answer(account: OfficialAccount, manager: User) -> CannedAnswer:
    return canned.keep(account, by=manager, at=NOON, values=GIVEN)


def rule(account: OfficialAccount, by: User, at: datetime = NOON, **values: Any) -> AnswerRule:
    return answer_rules.keep(account, by=by, at=at, values={"words": ["price"], **values})


def test_a_canned_answer_is_written_changed_and_retired(
    answer: CannedAnswer, manager: User
) -> None:
    changed = canned.change(answer, by=manager, at=NOON, changes={"text": " New\r\nwords "})
    retired = canned.retire(answer, by=manager, at=NOON)

    assert (changed.text, changed.shortcut, retired.is_on) == ("New\nwords", "hours", False)
    actions = AuditEntry.objects.filter(action__startswith="canned_answer").order_by("number")
    assert [each.action.split(".")[1] for each in actions] == ["keep", "change", "change"]
    assert "New" not in str([each.facts for each in actions])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shortcut", ""), ("shortcut", "two words"), ("shortcut", "a" * 41), ("shortcut", None),
        ("title", " "), ("title", "a" * 101), ("title", "\x00"), ("text", ""), ("text", 5),
        ("text", "😀" * 2501), ("text", "a\x00"), ("is_on", "yes"), ("other", "x"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_not_written(
    account: OfficialAccount, manager: User, field: str, value: Any
) -> None:
    with pytest.raises(Invalid) as refusal:
        canned.keep(account, by=manager, at=NOON, values={**GIVEN, field: value})

    assert refusal.value.field == field
    assert not CannedAnswer.objects.exists()


def test_a_shortcut_is_one_answer_of_an_account(answer: CannedAnswer, manager: User) -> None:
    with pytest.raises(Invalid, match="shortcut"):
        canned.keep(answer.account, by=manager, at=NOON, values=GIVEN)

    canned.keep(factories.account("other", channel="2"), by=manager, at=NOON, values=GIVEN)


@pytest.mark.parametrize("by_rule", [True, False])
def test_what_is_given_by_itself_is_not_retired(
    answer: CannedAnswer, manager: User, by_rule: bool
) -> None:
    if by_rule:
        rule(answer.account, manager, answer=answer)
    else:
        answering.change(answer.account, by=manager, at=NOON, changes={"away": answer})

    with pytest.raises(Invalid, match="given by itself"):
        canned.retire(answer, by=manager, at=NOON)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("words", {"words": []}), ("words", {"words": ["..."]}), ("words", {"words": ["STOP!"]}),
        ("words", {"words": ["ยกเลิก"]}), ("words", {"words": ["ｓｕｂｓｃｒｉｂｅ"]}),
        ("words", {"words": ["a"] * 21}), ("words", {"words": "price"}), ("words", {"words": [7]}),
        ("words", {"words": ["a" * 101]}), ("match", {"match": "near"}), ("act", {"act": "dance"}),
        ("answer", {}), ("answer", {"answer": 1}), ("position", {"act": "link", "position": 0}),
        ("position", {"act": "link", "position": True}), ("is_on", {"act": "link", "is_on": 1}),
        ("colour", {"colour": 1}),
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused(
    account: OfficialAccount, manager: User, field: str, values: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as refusal:
        rule(account, manager, **values)

    assert refusal.value.field == field


def test_a_rule_gives_an_answer_of_its_own_account(answer: CannedAnswer, manager: User) -> None:
    with pytest.raises(Invalid, match="of this account"):
        rule(factories.account("other", channel="2"), manager, answer=answer)


def test_a_rule_is_changed_and_removed(answer: CannedAnswer, manager: User) -> None:
    made = rule(answer.account, manager, answer=answer, words=["Price", "ＰＲＩＣＥ", "cost"])
    assert made.words == ["Price", "cost"]

    changed = answer_rules.change(made, by=manager, at=NOON, changes={"act": "hand_over"})
    assert (changed.act, changed.answer, changed.words) == ("hand_over", None, ["Price", "cost"])

    answer_rules.remove(made, by=manager, at=NOON)
    assert not AnswerRule.objects.exists()
    assert AuditEntry.objects.filter(action="answer_rule.remove").count() == 1


def test_there_are_two_hundred_rules_at_most(account: OfficialAccount, manager: User) -> None:
    AnswerRule.objects.bulk_create(
        AnswerRule(account=account, words=[f"w{n}"], act="link") for n in range(200)
    )
    with pytest.raises(Invalid, match="200"):
        rule(account, manager, act="link")


def test_settings_are_changed_one_by_one(answer: CannedAnswer, manager: User) -> None:
    account = answer.account
    assert answering.of(account).is_on is False

    answering.change(account, by=manager, at=NOON, changes={"greeting": answer})
    answering.change(
        account, by=manager, at=NOON, changes={"hours": {"from": "09:00", "to": "18:00"}}
    )

    kept = Answering.objects.get()
    assert (kept.is_on, kept.greeting, kept.away_every_hours) == (True, answer, 8)
    assert kept.hours == {"from": "09:00", "to": "18:00"}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("hours", {"hours": []}), ("hours.to", {"hours": {"from": "09:00", "to": "08:00"}}),
        ("away_every_hours", {"away_every_hours": 0}), ("is_on", {"is_on": None}),
        ("greeting", {"greeting": "hi"}), ("colour", {"colour": 1}),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(
    account: OfficialAccount, manager: User, field: str, values: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as refusal:
        answering.change(account, by=manager, at=NOON, changes=values)

    assert refusal.value.field == field


@pytest.mark.parametrize("role", ["author", "reviewer", "sender", "agent", "auditor", "limited"])
def test_only_who_keeps_canned_answers_writes_any_of_it(
    answer: CannedAnswer, manager: User, role: str
) -> None:
    made = rule(answer.account, manager, answer=answer)
    if role == "limited":
        user = factories.user("manager")
        AccountScope.objects.create(user=user)
    else:
        user = factories.user(role)
    acts = [
        lambda: canned.keep(answer.account, by=user, at=NOON, values={**GIVEN, "shortcut": "b"}),
        lambda: canned.change(answer, by=user, at=NOON, changes={"title": "b"}),
        lambda: canned.retire(answer, by=user, at=NOON),
        lambda: rule(answer.account, user, answer=answer),
        lambda: answer_rules.change(made, by=user, at=NOON, changes={"position": 5}),
        lambda: answer_rules.remove(made, by=user, at=NOON),
        lambda: answering.change(answer.account, by=user, at=NOON, changes={"is_on": False}),
    ]
    for act in acts:
        with pytest.raises(PermissionDenied):
            act()
