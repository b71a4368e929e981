"""Names of who writes: asked for once, and again after a month; never a danger to a page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations import profiles
from recipients.models import Recipient
from tests import factories
from tests.conversations import talk
from tests.conversations.talk import NOON


@pytest.fixture
def account(db: None) -> OfficialAccount:
    made = factories.account()
    talk.hear(made, talk.text("Hello"))
    return made


@given(st.text(max_size=300))
def test_a_name_is_one_printable_line(name: str) -> None:
    shown = profiles.shown_name(name)
    assert len(shown) <= profiles.NAME_LIMIT
    assert not set(shown) & set("\u202e\u2066\u200f\x00\r\n\u2028")
    assert shown.replace("\u3000", " ").split() == shown.split()


def test_a_profile_is_asked_for_once_and_again_after_a_month(account: OfficialAccount) -> None:
    [one] = profiles.wanted(["line"], at=NOON, limit=9)
    assert one.line_user_id not in repr(one)

    profiles.keep(one.conversation_id, name="Anna \u202e<b>", language="th<", at=NOON)

    held = talk.with_(account)
    assert (held.name, held.language) == ("Anna <b>", "th")
    assert profiles.wanted(["line"], at=NOON, limit=9) == []
    later = NOON + timedelta(days=31)
    assert profiles.wanted(["line"], at=later, limit=9) == []
    talk.hear(account, talk.text("Me again", later), at=later)
    assert len(profiles.wanted(["line"], at=later, limit=9)) == 1


def test_nobody_who_was_forgotten_gets_a_name(account: OfficialAccount) -> None:
    held = talk.with_(account)
    Recipient.objects.update(erased_at=NOON)

    assert profiles.wanted(["line"], at=NOON, limit=9) == []
    profiles.keep(held.pk, name="Anna", language="th", at=NOON)
    held.refresh_from_db()
    assert held.name == ""
