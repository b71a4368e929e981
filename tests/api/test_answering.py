"""Canned answers, rules and settings by the API."""

from __future__ import annotations

from typing import Any

import pytest

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations.models import Answering, AnswerRule, CannedAnswer
from tests import factories
from tests.api.client import Api

GIVEN = {"account": "thai-post", "shortcut": "hi", "title": "Hello", "text": "Welcome"}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def api(account: OfficialAccount) -> Api:
    return Api(factories.user("manager"))


def test_it_is_written_changed_and_read(api: Api) -> None:
    made = api.post("canned-answers/", GIVEN)
    assert made.status_code == 201, made.json()
    pk = made.json()["id"]
    assert api.patch(f"canned-answers/{pk}/", {"text": "New"}).json()["text"] == "New"

    rule = api.post(
        "answer-rules/", {"account": "thai-post", "words": ["hello"], "answer": pk}
    ).json()
    assert (rule["match"], rule["act"], rule["answer"]) == ("whole", "answer", pk)
    changed = api.patch(f"answer-rules/{rule['id']}/", {"match": "within"})
    assert (changed.status_code, changed.json()["match"]) == (200, "within")

    settings = {"greeting": pk, "hours": {"from": "09:00", "to": "18:00"}}
    assert api.get("accounts/thai-post/answering/").json()["is_on"] is False
    assert api.patch("accounts/thai-post/answering/", settings).status_code == 200
    assert api.get("accounts/thai-post/answering/").json() == {
        "is_on": True, "greeting": pk, "greeting_again": None, "away": None, "handed_over": None,
        "hours": {"from": "09:00", "to": "18:00"}, "away_every_hours": 8,
    }  # fmt: skip

    assert api.patch(f"canned-answers/{pk}/", {"is_on": False}).status_code == 400
    assert api.client.delete(f"/api/v1/answer-rules/{rule['id']}/").status_code == 204
    assert [each["id"] for each in api.get("canned-answers/").json()["results"]] == [pk]
    assert not AnswerRule.objects.exists()


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("canned-answers/", {**GIVEN, "text": "a\x00"}, ""), ("canned-answers/", {}, "text"),
        ("canned-answers/", {**GIVEN, "shortcut": "a b"}, "shortcut"),
        ("answer-rules/", {"account": "thai-post", "words": ["stop"], "act": "link"}, "words"),
        ("answer-rules/", {"account": "thai-post", "words": ["a"], "answer": 2**70}, ""),
        ("answer-rules/", {"account": "thai-post", "words": ["a"], "answer": 99}, "answer"),
        ("answer-rules/", {"account": "thai-post", "words": ["a"] * 500, "act": "link"}, "words"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_400(api: Api, path: str, body: dict[str, Any], field: str) -> None:
    answer = api.post(path, body)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid")
    assert not field or field in answer.json()["fields"]
    assert not CannedAnswer.objects.exists()
    assert not AnswerRule.objects.exists()


def test_settings_of_another_accounts_answer_are_400(api: Api) -> None:
    other = factories.account("other", channel="2")
    pk = api.post("canned-answers/", {**GIVEN, "account": other.slug}).json()["id"]

    assert api.patch("accounts/thai-post/answering/", {"away": pk}).status_code == 400
    assert not Answering.objects.exists()


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [("author", 403, 403), ("sender", 403, 403), ("agent", 200, 403), ("auditor", 200, 403)],
)
def test_each_role_does_what_it_may(
    account: OfficialAccount, role: str, reads: int, writes: int
) -> None:
    api = Api(factories.user(role))
    for path in ("canned-answers/", "answer-rules/", "accounts/thai-post/answering/"):
        assert api.get(path).status_code == reads, path
    rule = {"account": "thai-post", "words": ["a"], "act": "link"}
    assert api.post("canned-answers/", GIVEN).status_code == writes
    assert api.post("answer-rules/", rule).status_code == writes
    assert api.patch("accounts/thai-post/answering/", {"is_on": False}).status_code == writes
