"""People to be linked, and the way through code, nonce and LINE's event."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations import linking as talks
from recipients import intake, link_codes
from recipients.models import Recipient, Source
from tests import factories
from tests.conversations import talk

TOKEN = "linktoken0123456789abcdef"


def by_phone(account: OfficialAccount, n: int = 1, **details: Any) -> Recipient:
    """Return the n-th person, known by their number alone."""
    given = intake.Details(phone=factories.phone(n), consent="agreed", **details)
    return intake.add(account, given, by=factories.superuser(), at=talk.NOON, source=Source.IMPORT)


def by_user(account: OfficialAccount, user: str = talk.ANNA, at: datetime = talk.NOON) -> Recipient:
    """Return a LINE user who followed."""
    talk.hear(account, talk.event("follow", at, user=user, replyToken="r", follow={}))
    return Recipient.objects.get(account=account, line_user_id=user)


def nonce_for(phone: Recipient, user: Recipient, *, at: datetime = talk.NOON) -> str:
    """Return the nonce of a code of this number that this LINE user entered."""
    return link_codes.enter(link_codes.issue(phone, at=at, by=None).code, user=user, at=at)


def agreed(
    nonce: str, at: datetime, *, user: str = talk.ANNA, result: str = "ok"
) -> dict[str, Any]:
    """Return LINE's event of a user who agreed."""
    link = {"result": result, "nonce": nonce}
    return talk.event("accountLink", at, user=user, link=link, replyToken=f"link{nonce[:8]}")


def offered(user: Recipient, *, at: datetime = talk.NOON, token: str = TOKEN) -> str:
    """Have an address given to a LINE user; return its token."""
    conversation = user.conversation  # type: ignore[attr-defined]
    made = talks.offer(conversation, at=at)
    assert made is not None
    assert talks.give(made.pk, token=token, at=at + timedelta(seconds=1))
    return token
