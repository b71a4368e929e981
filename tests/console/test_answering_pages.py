"""The pages of canned answers, automatic answers and greetings."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.conversations.models import Answering, AnswerRule, CannedAnswer
from tests import factories
from tests.conversations import automatic

ROLES = ("author", "reviewer", "sender", "agent", "auditor", "manager", "superuser")
DESKS = ("cannedanswer", "answerrule", "answering")


@pytest.fixture
def account(db: None) -> OfficialAccount:
    made = factories.account()
    automatic.settings(made, away=automatic.canned(made, "We are closed <b>now</b>"))
    automatic.rule(made, "price")
    return made


def login(role: str) -> Client:
    client = Client()
    client.force_login(factories.superuser() if role == "superuser" else factories.user(role))
    return client


def url(desk: str, what: str, *args: Any) -> str:
    return reverse(f"admin:conversations_{desk}_{what}", args=args)


def rows() -> dict[str, Any]:
    return {
        "cannedanswer": CannedAnswer.objects.first(), "answerrule": AnswerRule.objects.first(),
        "answering": Answering.objects.first(),
    }  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_and_changes_what_it_may(role: str, account: OfficialAccount) -> None:
    client = login(role)
    sees = 200 if role in ("agent", "auditor", "manager", "superuser") else 403
    adds = 200 if role in ("manager", "superuser") else 403
    for desk, row in rows().items():
        assert client.get(url(desk, "changelist")).status_code == sees, desk
        page = client.get(url(desk, "change", row.pk))
        assert page.status_code == sees, desk
        assert ('name="_save"' in page.content.decode()) is (adds == 200), desk
        assert client.get(url(desk, "add")).status_code == adds, desk


def test_a_list_of_accounts_hides_the_others(account: OfficialAccount) -> None:
    user = factories.user("manager")
    AccountScope.objects.create(user=user)
    client = Client()
    client.force_login(user)
    for desk, row in rows().items():
        assert "Thai-Post" not in client.get(url(desk, "changelist")).content.decode()
        assert client.get(url(desk, "change", row.pk)).status_code in (302, 404)
    assert "Thai-Post" not in client.get(url("answerrule", "add")).content.decode()


def test_it_is_written_by_the_forms(account: OfficialAccount) -> None:
    client = login("manager")
    given = {"account": account.pk, "shortcut": "hi", "title": "Hello", "text": "Welcome"}
    assert client.post(url("cannedanswer", "add"), given).status_code == 302
    made = CannedAnswer.objects.get(shortcut="hi")

    words = {"account": account.pk, "words": "hello\r\nhi there\r\n", "match": "within",
             "act": "answer", "answer": made.pk, "position": 7, "is_on": "on"}  # fmt: skip
    assert client.post(url("answerrule", "add"), words).status_code == 302
    rule = AnswerRule.objects.get(position=7)
    assert (rule.words, rule.answer) == (["hello", "hi there"], made)

    settings = Answering.objects.get()
    office = {"is_on": "on", "greeting": made.pk, "away_every_hours": 4, "hours_from": "09:00",
              "hours_to": "18:00", "hours_weekdays": ["mon", "fri"]}  # fmt: skip
    assert client.post(url("answering", "change", settings.pk), office).status_code == 302
    settings.refresh_from_db()
    assert (settings.greeting, settings.away, settings.away_every_hours) == (made, None, 4)
    assert settings.hours == {
        "from": "09:00", "to": "18:00", "weekdays": ["mon", "fri"], "on_holidays": False,
        "closed_on": [],
    }  # fmt: skip


def test_what_is_refused_stands_beside_its_field(account: OfficialAccount) -> None:
    client = login("manager")
    words = {"account": account.pk, "words": "stop", "match": "whole", "act": "link",
             "position": 7, "is_on": "on"}  # fmt: skip
    page = client.post(url("answerrule", "add"), words)
    assert page.status_code == 200
    assert "stops marketing" in page.content.decode()

    settings = Answering.objects.get()
    office = {"is_on": "on", "away_every_hours": 4, "hours_from": "18:00", "hours_to": "09:00",
              "hours_weekdays": ["mon"]}  # fmt: skip
    page = client.post(url("answering", "change", settings.pk), office)
    assert "The end comes after the beginning" in page.content.decode()
    assert client.post(url("cannedanswer", "add"), {"account": account.pk}).status_code == 200


def test_an_answer_is_retired_and_a_rule_removed(account: OfficialAccount) -> None:
    client = login("manager")
    rule = AnswerRule.objects.get()
    retire = url("cannedanswer", "act", rule.answer_id, "retire")
    assert client.post(retire).status_code == 409

    assert client.post(url("answerrule", "act", rule.pk, "remove")).status_code == 302
    assert client.post(retire).status_code == 302
    assert not AnswerRule.objects.exists()
    assert not CannedAnswer.objects.get(pk=rule.answer_id).is_on


@pytest.mark.parametrize(
    ("text", "shown"),
    [("price", "About price"), ("STOP", "Marketing stops"), ("hello", "waits in the inbox")],
)
def test_what_would_be_said_can_be_tried(account: OfficialAccount, text: str, shown: str) -> None:
    page = login("agent").get(url("answering", "change", Answering.objects.get().pk), {"try": text})

    assert shown in page.content.decode()


def test_hostile_words_are_shown_as_words(account: OfficialAccount) -> None:
    Answering.objects.update(hours={"from": "00:00", "to": "00:01"})
    page = login("agent").get(
        url("answering", "change", Answering.objects.get().pk), {"try": "<script>x</script>"}
    )

    assert "<script>x" not in page.content.decode()
    assert "<b>now</b>" not in page.content.decode()
