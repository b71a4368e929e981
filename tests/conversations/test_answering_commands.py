"""Canned answers and the try-out at the shell."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations.models import CannedAnswer
from tests import factories
from tests.conversations import automatic


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def run(name: str, *arguments: str, account: str = "thai-post") -> str:
    out = io.StringIO()
    call_command(name, *arguments, "--account", account, stdout=out)
    return out.getvalue().strip()


def test_a_canned_answer_is_written_changed_listed_and_retired(account: OfficialAccount) -> None:
    assert run("list_canned_answers") == "There is none yet."
    assert run("keep_canned_answer", "hi", "--title", "Hello", "--text", "Welcome") == (
        "hi is written."
    )
    run("keep_canned_answer", "hi", "--text", "Welcome\nback")
    assert run("list_canned_answers") == "hi\tin use\tHello\tWelcome back"
    assert run("keep_canned_answer", "hi", "--retire") == "hi is retired."
    assert not CannedAnswer.objects.get().is_on


@pytest.mark.parametrize("arguments", [("a b", "--title", "t", "--text", "t"), ("new",)])
def test_what_makes_no_sense_is_refused_in_a_sentence(
    account: OfficialAccount, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(CommandError, match=":"):
        run("keep_canned_answer", *arguments)


@pytest.mark.parametrize("name", ["list_canned_answers", "keep_canned_answer x", "try_answer"])
def test_an_account_that_is_not_there(db: None, name: str) -> None:
    more = ["--text", "x"] if name != "list_canned_answers" else []
    with pytest.raises(CommandError, match="There is no account"):
        run(*name.split(), *more, account="nobody")


def test_what_would_be_said_is_tried(account: OfficialAccount) -> None:
    assert run("try_answer", "--text", "price").startswith("off")
    automatic.settings(account)
    automatic.rule(account, "price")

    assert run("try_answer", "--text", "Price?") == "nothing"
    assert run("try_answer", "--text", "PRICE") == "answer\nby the words: price\nAbout price"
    assert run("try_answer", "--text", "stop") == "stop"
