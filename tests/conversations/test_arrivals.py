"""What customers say becomes conversations: late, twice, in any order, taken back and edited."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.conf import settings

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations.models import ChatMessage, Conversation, Media
from lineportal.sending.models import WebhookDelivery, WebhookEvent
from recipients.models import FriendStatus, Recipient
from tests import factories
from tests.conversations import talk
from tests.conversations.talk import ANNA, BEN, NOON

SECOND = timedelta(seconds=1)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def test_somebody_who_writes_without_being_a_friend_has_a_conversation(
    account: OfficialAccount,
) -> None:
    talk.hear(account, talk.text("สวัสดีค่ะ"))

    held = talk.with_(account)
    assert held.recipient.friend_status == FriendStatus.NOT_FRIEND
    assert (held.state, held.unread, held.last_text) == ("open", 1, "สวัสดีค่ะ")
    assert held.last_heard_at == held.last_message_at == NOON
    assert held.messages.get().text == "สวัสดีค่ะ"


def test_a_message_told_twice_is_kept_once(account: OfficialAccount) -> None:
    first = talk.text("hello", message_id="1")
    again = {**first, "webhookEventId": "01JAGAIN", "deliveryContext": {"isRedelivery": True}}

    talk.hear(account, first, first)
    talk.hear(account, again)

    assert talk.with_(account).unread == 1
    assert ChatMessage.objects.count() == 1


def test_the_newest_word_is_shown_however_late_older_ones_come(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("second", NOON))
    talk.hear(account, talk.text("first", NOON - SECOND))

    held = talk.with_(account)
    assert (held.last_text, held.last_message_at, held.unread) == ("second", NOON, 2)
    words = held.messages.order_by("occurred_at").values_list("text", flat=True)
    assert list(words) == ["first", "second"]


def test_where_a_clock_is_ahead_nothing_is_said_later_than_it_was_heard(
    account: OfficialAccount,
) -> None:
    day = timedelta(days=1)
    talk.hear(account, talk.text("b", NOON + day + SECOND), talk.text("a", NOON + day), at=NOON)
    talk.hear(account, talk.text("c", NOON + day), at=NOON + SECOND)

    held = talk.with_(account)
    words = held.messages.order_by("occurred_at", "pk").values_list("text", flat=True)
    assert list(words) == ["a", "b", "c"]
    assert held.last_message_at == held.reply_token_at == NOON + SECOND


def test_an_older_event_does_not_replace_the_token_of_a_newer_one(account: OfficialAccount) -> None:
    newer, older = talk.text("b", NOON), talk.text("a", NOON - SECOND)

    talk.hear(account, newer)
    talk.hear(account, older)

    held = talk.with_(account)
    assert (held.reply_token, held.reply_token_at) == (newer["replyToken"], NOON)


def test_a_token_is_held_though_an_edit_without_one_comes_with_it(
    account: OfficialAccount,
) -> None:
    said = talk.text("one", NOON, message_id="m1")

    talk.hear(account, said, talk.edit("m1", "two", NOON + SECOND))

    held = talk.with_(account)
    assert (held.reply_token, held.reply_token_at) == (said["replyToken"], NOON)


def test_every_order_of_message_edit_and_unsend_ends_taken_back(account: OfficialAccount) -> None:
    for number, order in enumerate(itertools.permutations(range(3))):
        user = f"U{number:032x}"
        message_id = f"m{number}"
        events = [
            talk.text("I said", NOON, user=user, message_id=message_id),
            talk.edit(message_id, "I say", NOON + SECOND, user=user),
            talk.unsend(message_id, NOON + 2 * SECOND, user=user),
        ]
        for place in order:
            talk.hear(account, events[place])

        [message] = talk.with_(account, user).messages.all()
        assert (message.text, message.facts, message.quote_token) == ("", {}, ""), order
        assert message.unsent_at == NOON + 2 * SECOND
        assert "I sa" not in talk.with_(account, user).last_text


def test_an_edit_replaces_the_words_in_any_order(account: OfficialAccount) -> None:
    for number, order in enumerate(itertools.permutations(range(3))):
        user = f"U{number:032x}"
        message_id = f"m{number}"
        events = [
            talk.text("one", NOON, user=user, message_id=message_id),
            talk.edit(message_id, "two", NOON + SECOND, user=user),
            talk.edit(message_id, "three", NOON + 2 * SECOND, user=user),
        ]
        for place in order:
            talk.hear(account, events[place])

        held = talk.with_(account, user)
        [message] = held.messages.all()
        assert (message.text, message.occurred_at, held.unread) == ("three", NOON, 1), order


def test_nobody_takes_back_or_edits_the_words_of_another(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("mine", message_id="1"))
    talk.hear(account, talk.unsend("1", NOON + SECOND, user=BEN))
    talk.hear(account, talk.edit("1", "theirs", NOON + SECOND, user=BEN))

    assert talk.with_(account).messages.get().text == "mine"


def test_a_file_is_waited_for_and_one_at_anothers_address_is_not(account: OfficialAccount) -> None:
    name = "../../etc/\u202egnp.exe"
    talk.hear(account, talk.message("file", fileName=name, fileSize=settings.MEDIA_LIMIT))
    elsewhere = {"type": "external", "originalContentUrl": "https://example.com/a.png"}
    talk.hear(account, talk.message("image", user=BEN, contentProvider=elsewhere))

    waiting, refused = Media.objects.order_by("pk")
    assert (waiting.state, waiting.claimed_size) == ("waiting", settings.MEDIA_LIMIT)
    assert waiting.name == "gnp.exe"
    assert refused.state == "refused"


def test_what_claims_to_be_too_large_is_never_asked_for(account: OfficialAccount) -> None:
    talk.hear(account, talk.message("file", fileName="a.iso", fileSize=4_294_967_296))

    refused = Media.objects.get()
    assert (refused.state, refused.next_at) == ("refused", None)
    assert "larger than 20 MB" in refused.problem
    assert talk.with_(account).messages.get().kind == "file"


def test_what_is_taken_back_loses_its_file(account: OfficialAccount) -> None:
    event = talk.message("image", contentProvider={"type": "line"})
    talk.hear(account, event)

    talk.hear(account, talk.unsend(event["message"]["id"], NOON + SECOND))

    assert Media.objects.get().state == "deleted"


def test_what_is_said_in_a_group_is_no_conversation(account: OfficialAccount) -> None:
    source = {"type": "group", "groupId": "C" + "0" * 32, "userId": ANNA}

    talk.hear(account, talk.text("all of you", source=source))

    assert not Conversation.objects.exists()
    assert WebhookEvent.objects.get().kind == "other"


def test_an_event_in_standby_is_noted_and_the_next_active_one_ends_it(
    account: OfficialAccount,
) -> None:
    talk.hear(account, talk.text("a", NOON, mode="standby"))
    assert talk.with_(account).standby_since == NOON

    talk.hear(account, talk.text("b", NOON + SECOND))
    assert talk.with_(account).standby_since is None


def test_a_done_conversation_opens_again_with_a_word(account: OfficialAccount) -> None:
    talk.hear(account, talk.text("a"))
    Conversation.objects.update(state="done", unread=0)

    talk.hear(account, talk.text("b", NOON + SECOND))

    assert (talk.with_(account).state, talk.with_(account).unread) == ("open", 1)


def test_messages_of_odd_shapes_are_kept_as_something_else(account: OfficialAccount) -> None:
    odd = [
        talk.message("hologram", what=[1]),
        talk.message("sticker", keywords={"not": "a list"}, packageId=[1]),
        talk.message("location", title=7, address=None, latitude="north"),
        talk.message("file", fileName=3, fileSize=-1),
        talk.event("postback", NOON, postback="no object", replyToken=4),
        talk.event("message", NOON, message=None),
        talk.event("unsend", NOON, unsend=[]),
        talk.event("follow", NOON, follow="no"),
        talk.event("accountLink", NOON, link=[]),
    ]
    for each in odd:
        talk.hear(account, each)

    assert not WebhookDelivery.objects.exclude(problem="").exists()
    heard = talk.with_(account).messages.filter(speaker="customer")
    kinds = set(heard.values_list("kind", flat=True))
    assert kinds == {"other", "sticker", "location", "file", "button"}


def test_two_accounts_keep_the_same_persons_words_apart(account: OfficialAccount) -> None:
    other = factories.account("other", channel="2000000002")

    talk.hear(account, talk.text("to the first", message_id="1"))
    talk.hear(other, talk.text("to the second", message_id="1"))

    assert Recipient.objects.filter(line_user_id=ANNA).count() == 2
    assert talk.with_(account).messages.get().text == "to the first"
    assert talk.with_(other).messages.get().text == "to the second"
