"""What people do with a conversation: who may, when nothing may be sent, and what is on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.conversations import talking
from lineportal.conversations.models import CannedAnswer, Conversation
from recipients.intake import Invalid
from recipients.models import Recipient
from tests import factories
from tests.conversations import talk
from tests.conversations.talk import NOON

MAY = {
    "author": False, "reviewer": False, "sender": False, "auditor": False, "agent": True,
    "manager": True,
}  # fmt: skip
ACTS: dict[str, Callable[[Conversation, User], Any]] = {
    "answer": lambda held, by: talking.answer(held, "hello", by=by, at=NOON),
    "assign": lambda held, by: talking.assign(held, by, by=by, at=NOON),
    "take over": lambda held, by: talking.take_over(held, by=by, at=NOON),
    "give back": lambda held, by: talking.give_back(held, by=by, at=NOON),
    "close": lambda held, by: talking.close(held, by=by, at=NOON),
    "reopen": lambda held, by: talking.reopen(held, by=by, at=NOON),
}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    made = factories.account()
    talk.hear(made, talk.text("Where is my parcel?"))
    return made


@pytest.fixture
def agent(db: None) -> User:
    return factories.user("agent")


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", MAY)
def test_who_may_do_each_act(act: str, role: str, account: OfficialAccount) -> None:
    by = factories.user(role)
    if MAY[role]:
        ACTS[act](talk.with_(account), by)
    else:
        with pytest.raises(PermissionDenied):
            ACTS[act](talk.with_(account), by)
        assert not AuditEntry.objects.filter(action__startswith="conversation.").exists()


@pytest.mark.parametrize("act", ACTS)
def test_nobody_acts_on_an_account_that_is_not_on_their_list(
    act: str, account: OfficialAccount, agent: User
) -> None:
    AccountScope.objects.create(user=agent).accounts.set([factories.account("b", channel="2")])

    with pytest.raises(PermissionDenied):
        ACTS[act](talk.with_(account), agent)


def test_an_answer_is_queued_and_makes_the_conversation_its_authors(
    account: OfficialAccount, agent: User
) -> None:
    message = talking.answer(talk.with_(account), " It comes today. ", by=agent, at=NOON)

    held = talk.with_(account)
    assert (message.text, message.progress, message.speaker) == (
        "It comes today.", "waiting", "person",
    )  # fmt: skip
    assert message.content == {"type": "text", "text": "It comes today."}
    assert (held.unread, held.assignee, held.handed_over_at) == (0, agent, NOON)
    assert held.last_text == "It comes today."
    assert AuditEntry.objects.get(action="conversation.answer").account_id == account.pk


def recipient(account: OfficialAccount, **fields: Any) -> None:
    Recipient.objects.filter(conversation__account=account).update(**fields)


BARRED: dict[str, Callable[[OfficialAccount], Any]] = {
    "blocked": lambda account: recipient(account, friend_status="blocked"),
    "switched off": lambda account: OfficialAccount.objects.update(is_active=False),
    "another module": lambda account: Conversation.objects.update(standby_since=NOON),
    "no road": lambda account: account.roads.filter(service="oa").delete(),
    "seven days": lambda account: Conversation.objects.update(
        last_heard_at=NOON - timedelta(days=7, seconds=1),
        reply_token_at=NOON - timedelta(minutes=1),
    ),
}


@pytest.mark.parametrize("case", BARRED)
def test_nothing_is_queued_where_nothing_may_be_sent(
    case: str, account: OfficialAccount, agent: User
) -> None:
    BARRED[case](account)

    with pytest.raises(talking.CannotAnswer, match=case):
        talking.answer(talk.with_(account), "hello", by=agent, at=NOON)
    assert not talk.with_(account).messages.exclude(speaker="customer").exists()


def test_a_friend_who_never_wrote_may_be_answered(account: OfficialAccount, agent: User) -> None:
    BARRED["seven days"](account)
    recipient(account, friend_status="friend")

    assert talking.answer(talk.with_(account), "hello", by=agent, at=NOON).progress == "waiting"


@pytest.mark.parametrize("text", ["", " \n ", "a\0b", "a\ud800", "x" * 5001, "😀" * 2501])
def test_a_text_that_line_would_not_take_is_refused(
    text: str, account: OfficialAccount, agent: User
) -> None:
    with pytest.raises(Invalid):
        talking.answer(talk.with_(account), text, by=agent, at=NOON)


def test_a_token_is_good_for_less_than_a_minute_and_one_try(account: OfficialAccount) -> None:
    held = talk.with_(account)
    assert talking.has_token(held, at=NOON + timedelta(seconds=49))
    assert not talking.has_token(held, at=NOON + timedelta(seconds=50))
    held.reply_tried_at = NOON
    assert not talking.has_token(held, at=NOON)


def test_only_a_canned_answer_in_use_of_the_same_account_is_given(
    account: OfficialAccount, agent: User
) -> None:
    def canned(of: OfficialAccount, **more: Any) -> CannedAnswer:
        return CannedAnswer.objects.create(
            account=of, shortcut=f"s{CannedAnswer.objects.count()}", title="Hours",
            text="We open at nine.", changed_at=NOON, **more,
        )  # fmt: skip

    held = talk.with_(account)
    others = canned(factories.account("b", channel="2"))
    for wrong in (others, canned(account, is_on=False)):
        with pytest.raises(Invalid):
            talking.answer_canned(held, wrong, by=agent, at=NOON)
    given = talking.answer_canned(held, canned(account), by=agent, at=NOON)
    assert given.text == "We open at nine."


def test_only_somebody_who_may_answer_is_assigned(account: OfficialAccount, agent: User) -> None:
    for role in ("author", "auditor"):
        with pytest.raises(Invalid):
            talking.assign(talk.with_(account), factories.user(role), by=agent, at=NOON)


def test_a_done_conversation_is_nobodys_and_the_machines(
    account: OfficialAccount, agent: User
) -> None:
    talking.answer(talk.with_(account), "hello", by=agent, at=NOON)

    talking.close(talk.with_(account), by=agent, at=NOON)

    held = talk.with_(account)
    assert (held.state, held.assignee, held.handed_over_at) == ("done", None, None)


def test_who_may_not_answer_leaves_it_unread(account: OfficialAccount, agent: User) -> None:
    talking.mark_read(talk.with_(account), by=factories.user("auditor"))
    assert talk.with_(account).unread == 1
    talking.mark_read(talk.with_(account), by=agent)
    assert talk.with_(account).unread == 0
