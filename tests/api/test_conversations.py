"""Conversations over the API: who may, what is shown, and answers that are made once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.api import conversations
from lineportal.conversations.models import CannedAnswer, ChatMessage, Conversation
from recipients.models import Recipient
from tests import factories
from tests.api.client import Api
from tests.conversations import talk
from tests.conversations.talk import ANNA, BEN

KEY = {"Idempotency-Key": "first"}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    made = factories.account()
    talk.hear(made, talk.text("พัสดุของฉันอยู่ที่ไหน", now()), at=now())
    return made


@pytest.fixture
def api(account: OfficialAccount) -> Api:
    return Api(factories.user("agent"), "conversations")


def path(account: OfficialAccount, rest: str = "") -> str:
    return f"conversations/{talk.with_(account).pk}/{rest}"


READS = ("", "messages/")
ACTS: dict[str, Any] = {
    "messages/": {"text": "Tomorrow."}, "assign/": {"assignee": None}, "take_over/": {},
    "give_back/": {}, "close/": {}, "reopen/": {}, "read/": {},
}  # fmt: skip
MAY_READ = {"agent", "manager", "auditor"}
MAY_ACT = {"agent", "manager"}
ROLES = ("author", "reviewer", "sender", "auditor", "agent", "manager")


@pytest.mark.parametrize("role", ROLES)
def test_each_role_reads_and_acts_as_its_table_says(account: OfficialAccount, role: str) -> None:
    api = Api(factories.user(role))
    for rest in READS:
        expected = 200 if role in MAY_READ else 403
        assert api.get(path(account, rest)).status_code == expected, rest
    for rest, body in ACTS.items():
        done = api.post(path(account, rest), body, **KEY)
        expected = (202 if rest == "messages/" else 200) if role in MAY_ACT else 403
        assert done.status_code == expected, (rest, done.content)


def test_another_scope_or_account_sees_nothing(account: OfficialAccount) -> None:
    agent = factories.user("agent")
    assert Api(agent, "messages").get("conversations/").status_code == 403
    AccountScope.objects.create(user=agent).accounts.set([factories.account("b", channel="2")])
    api = Api(agent, "conversations")
    assert api.get("conversations/").json()["results"] == []
    for rest in READS:
        assert api.get(path(account, rest)).status_code == 404
    for rest, body in ACTS.items():
        assert api.post(path(account, rest), body, **KEY).status_code == 404


def test_what_is_told_of_a_conversation(account: OfficialAccount, api: Api) -> None:
    [told] = api.get("conversations/?unread=true&state=open&assignee=none").json()["results"]

    assert (told["unread"], told["friend_status"], told["barred"]) == (1, "not_friend", "")
    assert told["last_text"] == "พัสดุของฉันอยู่ที่ไหน"
    assert told["free_reply_until"] is not None
    assert ANNA not in str(told)
    assert api.get("conversations/?unread=false").json()["results"] == []
    [message] = api.get(path(account, "messages/")).json()["results"]
    assert (message["speaker"], message["kind"], message["progress"]) == ("customer", "text", "")


@pytest.mark.parametrize(("words", "n"), [("พัสดุ", 1), ("อยู่ ที่ไหน", 1), ("ส่ง", 0), ("%", 0)])
def test_conversations_are_found_by_what_was_said(
    account: OfficialAccount, api: Api, words: str, n: int
) -> None:
    assert len(api.get(f"conversations/?q={words.replace('%', '%25')}").json()["results"]) == n


def test_the_newest_of_the_account_asked_for_are_found(
    account: OfficialAccount, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "SEARCH_LIMIT", 1)
    other = factories.account("other", channel="2")
    talk.hear(other, talk.text("พัสดุ", now()), at=now())

    for query, one in ((f"&account={account.slug}", account), ("", other)):
        [row] = api.get(f"conversations/?q=พัสดุ{query}").json()["results"]
        assert row["account"] == one.slug


def test_a_repeat_of_a_key_answers_the_first_result(account: OfficialAccount, api: Api) -> None:
    first = api.post(path(account, "messages/"), {"text": "Tomorrow."}, **KEY)
    again = api.post(path(account, "messages/"), {"text": " Tomorrow.\r\n"}, **KEY)
    other = api.post(path(account, "messages/"), {"text": "Today."}, **KEY)

    assert (first.status_code, first.json()["progress"]) == (202, "waiting")
    assert again.json()["id"] == first.json()["id"]
    assert (other.status_code, other.json()["error"]) == (409, "key_reused")
    assert ChatMessage.objects.exclude(speaker="customer").count() == 1
    one = api.get(path(account, f"messages/{first.json()['id']}/")).json()
    assert one["text"] == "Tomorrow."


@pytest.mark.django_db(transaction=True)
def test_the_same_key_from_eight_callers_at_once_says_it_once() -> None:
    account = factories.account()
    talk.hear(account, talk.text("hello", now()), at=now())
    agent = factories.user("agent")
    apis = [Api(agent) for _ in range(8)]
    where = path(account, "messages/")

    def ask(api: Api) -> tuple[int, int]:
        try:
            answer = api.post(where, {"text": "Hi"}, **KEY)
            return answer.status_code, answer.json()["id"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, apis))

    assert len(answers) == 1
    assert ChatMessage.objects.exclude(speaker="customer").count() == 1


def test_a_canned_answer_is_given_by_its_shortcut(account: OfficialAccount, api: Api) -> None:
    CannedAnswer.objects.create(
        account=account, shortcut="hours", title="Hours", text="We open at nine.", changed_at=now()
    )
    where = path(account, "messages/")

    given = api.post(where, {"canned": "hours"}, **KEY)
    assert given.json()["text"] == "We open at nine."
    for wrong in ({"canned": "none"}, {}, {"text": " "}, {"text": "a", "canned": "hours"}):
        assert api.post(where, wrong, **{"Idempotency-Key": "b"}).status_code == 400
    assert api.post(where, {"text": "a"}).json()["fields"].keys() == {"Idempotency-Key"}


def test_who_blocked_cannot_be_answered(account: OfficialAccount, api: Api) -> None:
    Recipient.objects.update(friend_status="blocked")

    answer = api.post(path(account, "messages/"), {"text": "hello"}, **KEY)

    assert (answer.status_code, answer.json()["error"]) == (409, "cannot_answer")
    assert "blocked" in answer.json()["detail"]


def test_what_is_uncertain_is_sent_again_by_who_saw_the_risk(
    account: OfficialAccount, api: Api
) -> None:
    first = api.post(path(account, "messages/"), {"text": "Tomorrow."}, **KEY).json()
    where = path(account, f"messages/{first['id']}/again/")
    assert api.post(where).json()["error"] == "cannot_answer"
    ChatMessage.objects.filter(pk=first["id"]).update(progress="uncertain")

    assert api.post(where).json()["error"] == "cannot_answer"
    again = api.post(where, {"saw_risk": True})
    assert (again.status_code, again.json()["progress"]) == (202, "waiting")
    assert again.json()["id"] != first["id"]


def test_assigning_names_somebody_who_may_answer(account: OfficialAccount, api: Api) -> None:
    other = factories.user("manager")
    assert api.post(path(account, "assign/"), {"assignee": other.username}).json()[
        "assignee"
    ] == other.username  # fmt: skip
    for wrong in ("nobody at all", factories.user("author").username):
        assert api.post(path(account, "assign/"), {"assignee": wrong}).status_code == 400


def test_the_commands_list_show_answer_and_close(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("my number is 0812345678", now(), user=BEN), at=now())
    ben, by = talk.with_(account, BEN).pk, factories.user("agent").username
    out = StringIO()

    call_command("list_conversations", account=account.slug, unread=True, stdout=out)
    call_command("answer_conversation", ben, text="Thank you.", by=by, stdout=out)
    call_command("show_conversation", ben, stdout=out)
    call_command("close_conversation", ben, by=by, stdout=out)

    told = out.getvalue()
    assert told.count("1 unread") == 2
    assert "person: Thank you. [waiting]" in told
    assert "0812345678" not in told
    assert BEN not in told
    assert Conversation.objects.get(pk=ben).state == "done"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("answer_conversation", 999_999, "--text", "a", "--by", "x"), "no conversation"),
        (("answer_conversation", 0, "--canned", "none", "--by", "agent"), "canned answer"),
        (("answer_conversation", 0, "--text", "a", "--by", "nobody"), "no user"),
        (("close_conversation", 0, "--by", "author"), "You may not"),
    ],
)
def test_a_command_refuses_in_one_sentence(
    account: OfficialAccount, arguments: tuple[Any, ...], sentence: str
) -> None:
    for role in ("agent", "author"):
        factories.user(role, username=role)
    name, pk, *more = arguments
    with pytest.raises(CommandError, match=sentence):
        call_command(name, str(pk or talk.with_(account).pk), *more)
