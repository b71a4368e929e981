"""Linking in the chat: the address, LINE's answer to it, and the button that ends the link."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, connections

from lineportal.accounts.models import Road
from lineportal.conversations import linking as talks
from lineportal.conversations import talking
from lineportal.conversations.models import ChatMessage, LinkOffer
from lineportal.sending import link_offers
from recipients import link_codes, linking
from recipients.models import Link, LinkConflict, LinkEnd, Source
from tests import factories
from tests.conversations import linked, talk
from tests.conversations.talk import BEN, NOON
from tests.line import Line

SECOND = timedelta(seconds=1)


def said(account: Any) -> list[str]:
    """Return the machine's words in the order they were written."""
    rows = ChatMessage.objects.filter(account=account, speaker="machine").order_by("pk")
    return list(rows.values_list("text", flat=True))


@pytest.mark.django_db
def test_a_customer_who_agreed_is_linked_and_told_so_in_their_language() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    nonce = linked.nonce_for(phone, user)

    talk.hear(account, linked.agreed(nonce, NOON + SECOND))

    made = Link.objects.get()
    assert (made.phone_recipient, made.user_recipient) == (phone, user)
    assert made.source == Source.LINE
    assert talks.phone_of(user) == made
    [told] = said(account)
    assert "เชื่อมหมายเลขของคุณกับแชทนี้แล้ว" in told
    [row] = ChatMessage.objects.filter(speaker="machine")
    assert row.content["contents"]["footer"]["contents"][0]["action"]["data"] == talks.UNLINK


@pytest.mark.django_db
def test_the_event_again_and_late_links_once() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    event = linked.agreed(linked.nonce_for(phone, user), NOON + SECOND)
    again = linked.agreed(event["link"]["nonce"], NOON + 2 * SECOND)  # under another id

    talk.hear(account, event, event, at=NOON + timedelta(hours=3))  # LINE came late
    talk.hear(account, event, again, at=NOON + timedelta(hours=4))

    assert Link.objects.count() == 1
    assert not LinkConflict.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "case", ["failed", "unknown", "too old", "of another account", "of another user", "empty"]
)
def test_what_proves_nothing_links_nobody(case: str) -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    nonce, at, of = linked.nonce_for(phone, user), NOON + SECOND, account
    by, result = talk.ANNA, "ok"
    if case == "failed":
        result = "failed"
    elif case == "unknown":
        nonce = "x" * 43
    elif case == "empty":
        nonce = ""
    elif case == "too old":
        at = NOON + timedelta(minutes=10)
    elif case == "of another account":
        of = factories.account("other", channel="1650000009")
        linked.by_user(of)
    else:
        by = BEN
        linked.by_user(account, BEN)

    talk.hear(of, linked.agreed(nonce, at, user=by, result=result), at=at + SECOND)

    assert not Link.objects.exists()
    assert not LinkConflict.objects.exists()
    assert "ไม่สามารถเชื่อมหมายเลข" in said(of)[-1]


@pytest.mark.django_db
def test_a_conflict_is_kept_for_people_and_nothing_moves() -> None:
    account = factories.account()
    phone, anna = linked.by_phone(account), linked.by_user(account)
    ben = linked.by_user(account, BEN)
    talk.hear(account, linked.agreed(linked.nonce_for(phone, anna), NOON + SECOND))

    talk.hear(account, linked.agreed(linked.nonce_for(phone, ben), NOON + SECOND, user=BEN))

    assert Link.objects.get().user_recipient == anna
    assert LinkConflict.objects.get().user_recipient == ben


@pytest.mark.django_db
def test_the_customer_ends_the_link_by_the_button() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    talk.hear(account, linked.agreed(linked.nonce_for(phone, user), NOON + SECOND))
    press = {"postback": {"data": talks.UNLINK}, "replyToken": "r9"}

    talk.hear(account, talk.event("postback", NOON + 5 * SECOND, **press))
    talk.hear(account, talk.event("postback", NOON + 6 * SECOND, **press))

    assert Link.objects.get().end_reason == LinkEnd.CUSTOMER
    assert said(account)[1:] == [
        "หมายเลขของคุณไม่ได้เชื่อมกับแชทนี้แล้ว", "ไม่มีหมายเลขที่เชื่อมกับแชทนี้",
    ]  # fmt: skip


@pytest.mark.django_db
def test_who_blocked_since_is_linked_but_gets_no_word() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    nonce = linked.nonce_for(phone, user)

    blocked = talk.event("unfollow", NOON + 2 * SECOND)
    talk.hear(account, blocked, linked.agreed(nonce, NOON + SECOND))

    assert Link.objects.exists()
    assert said(account) == []
    phone.refresh_from_db()
    assert phone.friend_status == "blocked"


# --- the address


@pytest.mark.django_db
def test_an_address_is_said_once_and_takes_five_wrong_codes() -> None:
    account = factories.account()
    phone, user = linked.by_phone(account), linked.by_user(account)
    code = link_codes.issue(phone, at=NOON, by=None).code
    token = linked.offered(user)
    [row] = ChatMessage.objects.filter(speaker="machine")
    made = talks.given(account, token, at=NOON + SECOND)
    assert made is not None
    assert token in row.content["contents"]["footer"]["contents"][0]["action"]["uri"]
    assert not talks.give(made.pk, token="second", at=NOON)
    assert LinkOffer.objects.get().token_digest != token

    for _number in range(5):
        assert talks.enter(made, "22222222", at=NOON + SECOND) is None

    with pytest.raises(talks.Locked):
        talks.enter(made, code, at=NOON + SECOND)
    assert talks.given(account, token, at=NOON + timedelta(minutes=11)) is None


@pytest.mark.django_db
def test_an_hour_brings_five_addresses() -> None:
    account = factories.account()
    user = linked.by_user(account)
    agent = factories.user("agent")
    for number in range(5):
        linked.offered(user, at=NOON + number * SECOND, token=f"token{number}")

    assert talks.offer(user.conversation, at=NOON + timedelta(minutes=5)) is None
    with pytest.raises(talking.CannotAnswer, match="5 addresses"):
        talks.offer_by(user.conversation, by=agent, at=NOON + timedelta(minutes=5))
    assert talks.offer_by(user.conversation, by=agent, at=NOON + timedelta(hours=2))
    with pytest.raises(PermissionDenied):
        talks.offer_by(user.conversation, by=factories.user("auditor"), at=NOON)


@pytest.fixture
def in_database() -> Iterator[Any]:
    with ThreadPoolExecutor(1) as pool:

        async def run(function: Any, *args: Any, **kw: Any) -> Any:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(pool, lambda: function(*args, **kw))

        yield run
        pool.submit(connections.close_all).result()


@pytest.mark.django_db(transaction=True)
def test_a_worker_asks_line_for_the_token_and_gives_the_address(
    line: Line, in_database: Any
) -> None:
    account = factories.account()
    Road.objects.update(api_base_url=line.url)
    line.channel()
    line.people({"line_user_id": talk.ANNA, "phone": factories.phone(1)})
    user = linked.by_user(account)
    stranger = linked.by_user(account, BEN)
    for person in (user, stranger):
        talks.offer(person.conversation, at=NOON)
    line.call("POST", f"people/{talk.ANNA}/follow", {})

    given = asyncio.run(link_offers.offer(account.pk, in_database))
    again = asyncio.run(link_offers.offer(account.pk, in_database))

    assert (given, again) == (1, 0)
    states = dict(LinkOffer.objects.values_list("conversation__recipient", "state"))
    assert states == {user.pk: "given", stranger.pk: "failed"}


@pytest.mark.django_db(transaction=True)
def test_two_who_link_one_number_at_once_make_one_link() -> None:
    account = factories.account()
    phone = linked.by_phone(account)
    users = [linked.by_user(account, f"U{n:032x}") for n in range(1, 5)]

    def run(user: Any) -> str:
        try:
            linking.link(phone, user, at=NOON + SECOND, by=None, source=Source.IMPORT)
        except linking.StandsAgainst:
            return "refused"
        finally:
            connection.close()
        return "linked"

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, users))

    assert sorted(results) == ["linked", "refused", "refused", "refused"]
    assert linking.open_links().count() == 1
