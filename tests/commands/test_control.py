"""The commands that hold back, let go, and send again."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from lineportal.accounts.models import OfficialAccount
from lineportal.providers.base import Outcome
from lineportal.sending.models import Campaign, Message, Stop
from lineportal.sending.statuses import Status
from tests import factories


def run(*words: str) -> str:
    """Return what a command printed."""
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue().strip()


def refusal(*words: str) -> str:
    with pytest.raises(CommandError) as caught:
        run(*words)
    return str(caught.value)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    account = factories.account()
    factories.recipient(account, 0, consent="agreed")
    factories.approved(account)
    return account


def test_a_campaign_is_paused_resumed_and_cancelled(account: OfficialAccount) -> None:
    run("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n")
    pk = str(Campaign.objects.get().pk)

    assert run("control_campaign", pk, "pause") == f"Campaign {pk} is paused."
    assert "cannot be paused" in refusal("control_campaign", pk, "pause")
    assert run("control_campaign", pk, "resume") == f"Campaign {pk} is running."
    assert "No message of this campaign failed" in refusal("control_campaign", pk, "retry")
    assert run("control_campaign", pk, "cancel") == f"Campaign {pk} is cancelled."
    assert "no campaign" in refusal("control_campaign", "0", "pause")


def test_what_failed_is_sent_again(account: OfficialAccount) -> None:
    run("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n")
    for status in (Status.SENDING, Status.FAILED):
        Message.objects.update(status=status, outcome=Outcome.FAULT)
    pk = str(Campaign.objects.get().pk)

    assert run("control_campaign", pk, "retry") == "1 messages are queued again."
    assert Message.objects.get().status == Status.QUEUED


def test_a_canary_is_named_at_the_start(account: OfficialAccount) -> None:
    words = ["start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n"]

    run(*words, "--canary", "10")

    assert Campaign.objects.get().canary_size == 10
    assert "whole number" in refusal(*words[:-1], "m", "--canary", "0")


@pytest.mark.parametrize("extent", [["--account", "thai-post"], []])
def test_sending_is_stopped_and_allowed_again(extent: list[str], account: OfficialAccount) -> None:
    assert "is stopped" in run("stop_sending", *extent, "--reason", "Maintenance.")
    assert "stopped already" in refusal("stop_sending", *extent, "--reason", "Maintenance.")
    assert "may send again" in run("allow_sending", *extent)
    assert "is not stopped" in refusal("allow_sending", *extent)
    assert Stop.objects.get().lifted_at


def test_an_unknown_account_is_named(account: OfficialAccount) -> None:
    assert "no account" in refusal("stop_sending", "--account", "nobody", "--reason", "x")
    assert "no account" in refusal("allow_sending", "--account", "nobody")
