"""The inbox and a conversation's page: who may do what, hostile words, few queries, one answer."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.conversations import searching, talking
from lineportal.conversations.models import CannedAnswer, ChatMessage, Conversation
from recipients.models import Link, Recipient
from tests import factories
from tests.conversations import talk

MOST_QUERIES = 20
ACTS: dict[str, dict[str, Any]] = {
    "answer": {"text": "On its way"},
    "assign": {"to": ""},
    "offer-link": {},
    "take-over": {},
    "give-back": {},
    "close": {},
    "reopen": {},
}
READS = {
    "author": False, "reviewer": False, "sender": False, "auditor": True, "agent": True,
    "manager": True,
}  # fmt: skip
ANSWERS = {"agent", "manager"}


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def account(db: None, now: datetime) -> OfficialAccount:
    made = factories.account()
    talk.hear(made, talk.text("Where is my parcel?", now), at=now)
    return made


@pytest.fixture
def agent(db: None) -> User:
    return factories.user("agent")


def login(user: User, **how: Any) -> Client:
    client = Client(**how)
    client.force_login(user)
    return client


def inbox(client: Client, query: str = "") -> str:
    answer = client.get(f"{reverse('admin:conversations')}{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def url(held: Conversation) -> str:
    return reverse("admin:conversation", args=[held.pk])


def page(client: Client, held: Conversation, query: str = "") -> str:
    answer = client.get(f"{url(held)}{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def do(client: Client, held: Conversation, act: str, **given: Any) -> Any:
    return client.post(reverse("admin:conversation_act", args=[held.pk, act]), given)


@pytest.mark.parametrize("role", READS)
def test_who_reads(role: str, account: OfficialAccount) -> None:
    client, held = login(factories.user(role)), talk.with_(account)
    addresses = [
        reverse("admin:conversations"), reverse("admin:conversations_rows"), url(held),
        reverse("admin:conversation_messages", args=[held.pk]),
    ]  # fmt: skip

    found = {client.get(address).status_code for address in addresses}

    assert found == ({200} if READS[role] else {403})


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", READS)
def test_who_acts(role: str, act: str, account: OfficialAccount) -> None:
    held = talk.with_(account)

    answer = do(login(factories.user(role)), held, act, **ACTS[act])

    assert answer.status_code == (302 if role in ANSWERS else 403)
    assert held.messages.exclude(speaker="customer").exists() == (
        role in ANSWERS and act == "answer"
    )


def test_an_auditor_reads_without_buttons_and_leaves_it_unread(account: OfficialAccount) -> None:
    held = talk.with_(account)

    shown = page(login(factories.user("auditor")), held)

    assert "Where is my parcel?" in shown
    assert "/do/" not in shown
    assert talk.with_(account).unread == 1


def test_who_answers_has_read_it_by_opening_it_but_not_by_a_page_fetched_ahead(
    account: OfficialAccount, agent: User
) -> None:
    held, client = talk.with_(account), login(agent)

    client.get(url(held), headers={"Sec-Purpose": "prefetch"})
    assert talk.with_(account).unread == 1

    page(client, held)
    assert talk.with_(account).unread == 0


def test_another_accounts_conversation_is_not_there(account: OfficialAccount, agent: User) -> None:
    other = factories.account("elsewhere", channel="2000000009")
    AccountScope.objects.create(user=agent).accounts.add(other)
    held, client = talk.with_(account), login(agent)

    assert client.get(url(held)).status_code == 404
    assert client.get(reverse("admin:conversation_messages", args=[held.pk])).status_code == 404
    assert {do(client, held, act, **given).status_code for act, given in ACTS.items()} == {404}
    for query in ("", f"?account={account.pk}", "?q=parcel"):
        shown = inbox(client, query)
        assert url(held) not in shown


def test_nothing_is_done_without_the_forms_own_mark(account: OfficialAccount, agent: User) -> None:
    client = login(agent, enforce_csrf_checks=True)

    assert do(client, talk.with_(account), "answer", text="hello").status_code == 403
    assert ChatMessage.objects.count() == 1


def test_no_act_is_done_by_a_link(account: OfficialAccount, agent: User) -> None:
    held = talk.with_(account)
    for act in ACTS:
        address = reverse("admin:conversation_act", args=[held.pk, act])
        assert login(agent).get(address).status_code == 405
    assert do(login(agent), held, "destroy").status_code == 404


def test_a_double_click_answers_once(account: OfficialAccount, agent: User) -> None:
    held, client, once = talk.with_(account), login(agent), str(uuid.uuid4())

    for _ in range(2):
        assert do(client, held, "answer", text="On its way", once=once).status_code == 302

    [said] = held.messages.filter(speaker="person")
    assert str(said.reference) == once


def test_a_mark_of_another_conversation_answers_nothing(
    account: OfficialAccount, agent: User, now: datetime
) -> None:
    talk.hear(account, talk.text("Hello?", now, user=talk.BEN), at=now)
    client, once = login(agent), str(uuid.uuid4())
    do(client, talk.with_(account), "answer", text="One", once=once)

    answer = do(client, talk.with_(account, talk.BEN), "answer", text="Two", once=once)

    assert answer.status_code == 409
    assert "Two" in answer.content.decode()
    assert ChatMessage.objects.filter(speaker="person").count() == 1


def test_what_was_typed_is_not_lost_by_a_refusal(account: OfficialAccount, agent: User) -> None:
    held = talk.with_(account)
    Recipient.objects.filter(conversation=held).update(friend_status="blocked")

    answer = do(login(agent), held, "answer", text="A long <answer>")

    assert answer.status_code == 409
    shown = answer.content.decode()
    assert "A long &lt;answer&gt;</textarea>" in shown
    assert "blocked the account" in shown


def test_a_canned_answer_goes_in_one_press_without_script(
    account: OfficialAccount, agent: User, now: datetime
) -> None:
    made = CannedAnswer.objects.create(
        account=account, shortcut="hours", title="Hours", text="We open at nine.", changed_at=now
    )
    held, client = talk.with_(account), login(agent)
    assert "/hours" in page(client, held)

    do(client, held, "answer", do="canned", canned=made.pk, text="half a thought")

    assert held.messages.get(speaker="person").text == "We open at nine."


@pytest.mark.parametrize("given", ["", "0", "x", "99999999999999999999", "²"])
def test_a_canned_answer_or_person_that_is_not_there_is_refused(
    given: str, account: OfficialAccount, agent: User
) -> None:
    held, client = talk.with_(account), login(agent)

    assert do(client, held, "answer", do="canned", canned=given).status_code == 409
    if given:
        assert do(client, held, "assign", to=given).status_code == 409


def test_the_way_an_answer_goes_is_said(
    account: OfficialAccount, agent: User, now: datetime
) -> None:
    held, client = talk.with_(account), login(agent)
    assert "Goes as a free reply" in page(client, held)

    Conversation.objects.update(reply_token_at=now - timedelta(minutes=1))
    assert "Goes as a push" in page(client, held)


HOSTILE = {
    "html": ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
    "turned round": ("pay \u202egnp.exe", "pay [U+202E]gnp.exe"),
    "a template": ("{{ 7|add:7 }} {% url %}", "{{ 7|add:7 }} {% url %}"),
    "quotes": ("\"' onmouseover=x", "&quot;&#x27; onmouseover=x"),
    "heaped marks": ("a" + "\u0301" * 500, "a" + "\u0301" * 4 + "<"),
    "emoji": ("👨‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👨‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
    "long": ("ย" * 10_000, "ย" * 10_000),
    "thai": ("ที่นี่น้ำ", "ที่นี่น้ำ"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_words_are_shown_as_they_stand_and_do_nothing(
    case: str, account: OfficialAccount, agent: User, now: datetime
) -> None:
    words, shown = HOSTILE[case]
    held = talk.with_(account)
    talk.hear(account, talk.text(words, now), at=now)
    Conversation.objects.update(name=words[:100])
    client = login(agent)

    conversation, listed = page(client, held), inbox(client)

    assert shown in conversation
    for html in (conversation, listed):
        assert "<script>alert" not in html
        assert "\u202e" not in html
    found = re.search(r'id="talk".*?</section>', conversation, re.DOTALL)
    assert found is not None
    assert "http" not in found.group()


def test_a_link_in_a_customers_words_is_no_link(
    account: OfficialAccount, agent: User, now: datetime
) -> None:
    talk.hear(account, talk.text("see https://evil.example/x", now), at=now)

    shown = page(login(agent), talk.with_(account))

    assert "see https://evil.example/x</p>" in shown
    assert 'href="https://evil.example' not in shown


def test_each_kind_is_drawn(account: OfficialAccount, agent: User, now: datetime) -> None:
    talk.hear(
        account,
        talk.message("sticker", now, packageId="446", stickerId="1988", keywords=["happy"]),
        talk.message("location", now, title="Home", address="1 Road", latitude=13.7, longitude=1.5),
        talk.message("file", now, fileName="<b>bill</b>.pdf", fileSize=4_000_000_000),
        talk.message("image", now, contentProvider={"type": "line"}),
        talk.message("hologram", now),
        talk.event("postback", now, postback={"data": "action=<i>"}),
        at=now,
    )

    shown = page(login(agent), talk.with_(account))

    for words in ("446 / 1988", "happy", "Home\n1 Road", "13.7, 1.5", "Being fetched",
                  "Of a kind that is not shown here.", "action=&lt;i&gt;"):  # fmt: skip
        assert words in shown
    assert "<b>bill" not in shown


def test_what_was_taken_back_or_edited_says_so(
    account: OfficialAccount, agent: User, now: datetime
) -> None:
    talk.hear(account, talk.text("secret", now, message_id="1"), at=now)
    talk.hear(account, talk.text("teh", now, message_id="2"), at=now)
    talk.hear(account, talk.unsend("1", now), talk.edit("2", "the", now), at=now)

    shown = page(login(agent), talk.with_(account))

    assert "Taken back by the customer." in shown
    assert "secret" not in shown
    assert "edited" in shown


@pytest.mark.parametrize(
    ("progress", "way", "words"),
    [("waiting", "", "Waiting"), ("sending", "", "Sending"), ("sent", "reply", "free reply"),
     ("sent", "push", "as a push"), ("failed", "", "It was not sent."),
     ("refused", "", "does not take"), ("uncertain", "", "Nobody knows whether LINE took it")],
)  # fmt: skip
def test_what_became_of_ours_is_said(
    progress: str, way: str, words: str, account: OfficialAccount, agent: User, now: datetime
) -> None:
    held = talk.with_(account)
    talking.answer(held, "hello", by=agent, at=now)
    ChatMessage.objects.filter(speaker="person").update(progress=progress, way=way)

    assert words in page(login(agent), held)


def test_a_part_is_sent_again_only_when_something_changed(
    account: OfficialAccount, agent: User, now: datetime
) -> None:
    held, client = talk.with_(account), login(agent)
    Conversation.objects.update(reply_token="")
    for name, args in (("conversation_messages", [held.pk]), ("conversations_rows", [])):
        part = reverse(f"admin:{name}", args=args)
        known = re.search(r"known=([0-9a-f]{16})", client.get(part).content.decode())
        assert known is not None
        assert client.get(f"{part}?known={known.group(1)}").status_code == 204
        talk.hear(account, talk.text("More", now + timedelta(seconds=1)), at=now)
        assert b"More" in client.get(f"{part}?known={known.group(1)}").content


def test_filters_narrow_the_inbox(account: OfficialAccount, agent: User, now: datetime) -> None:
    talk.hear(account, talk.text("Ben's words", now, user=talk.BEN), at=now)
    talk.hear(account, talk.event("follow", now, user="U" + "c" * 32, replyToken="t"), at=now)
    anna, ben = talk.with_(account), talk.with_(account, talk.BEN)
    talking.assign(anna, agent, by=agent, at=now)
    client = login(agent)

    def listed(query: str) -> set[int]:
        return {int(pk) for pk in re.findall(r"/conversations/(\d+)/#latest", inbox(client, query))}

    assert listed("") == {anna.pk, ben.pk}  # who only followed said nothing
    assert listed("?whose=mine") == {anna.pk}
    assert listed("?whose=nobody") == {ben.pk}
    assert listed(f"?account={account.pk}&unread=1") == {anna.pk, ben.pk}
    talking.close(ben, by=agent, at=now)
    assert listed("") == {anna.pk}
    assert listed("?state=done") == {ben.pk}
    assert listed("?unread=1&whose=x&state=y&account=z&before=1_2") == {anna.pk}


def test_older_messages_and_older_conversations_follow_without_gap(
    account: OfficialAccount, agent: User, now: datetime
) -> None:
    words = [f"word-{n:03}" for n in range(120)]
    said = [talk.text(each, now + timedelta(seconds=n // 3)) for n, each in enumerate(words)]
    talk.hear(account, *said, at=now + timedelta(minutes=5))
    held, client = talk.with_(account), login(agent)
    seen: list[str] = []
    query = ""
    for _ in range(4):
        shown = page(client, held, query)
        seen = re.findall(r"word-\d{3}(?=</p>)", shown) + seen
        older = re.search(r"\?before=\d+", shown)
        query = older.group() if older else ""
        if not query:
            break

    assert seen == words
    middle = ChatMessage.objects.get(text="word-060")
    around = page(client, held, f"?around={middle.pk}")
    assert "lp-marked" in around
    assert "word-040" in around
    assert "word-080" in around
    assert "word-119" not in around


@pytest.mark.parametrize("where", ["inbox", "search", "conversation"])
def test_a_full_page_takes_few_queries(
    where: str, account: OfficialAccount, agent: User, now: datetime
) -> None:
    for n in range(60):
        talk.hear(account, talk.text(f"parcel {n}", now, user=f"U{n:032x}"), at=now)
    talk.hear(account, *(talk.text(f"parcel {n}", now) for n in range(60)), at=now)
    held, client = talk.with_(account), login(agent)
    page(client, held)

    with CaptureQueriesContext(connection) as queries:
        if where == "conversation":
            page(client, held)
        else:
            inbox(client, "?q=parcel" if where == "search" else "")

    assert len(queries) <= MOST_QUERIES


def test_the_side_bar_counts_what_is_unread(account: OfficialAccount, agent: User) -> None:
    client = login(agent)

    assert re.search(r"Inbox</span>.*?>\s*1\s*</span>", client.get("/").content.decode(), re.DOTALL)
    page(client, talk.with_(account))
    shown = client.get("/").content.decode()
    assert not re.search(r"Inbox</span>\s*<span", shown)


def test_a_linked_number_is_shown_masked_with_its_age(
    account: OfficialAccount, now: datetime
) -> None:
    person = factories.recipient(account, 1)
    held = talk.with_(account)
    Link.objects.create(
        account=account, phone_recipient=person, user_recipient=held.recipient, source="person",
        linked_at=now - timedelta(days=400), confirmed_at=now - timedelta(days=400),
    )  # fmt: skip

    page = login(factories.user("agent")).get(f"/conversations/{held.pk}/").text

    assert "Too old to send by" in page
    assert str(person.phone) not in page
    assert "Offer to link their number" not in page


def test_a_search_that_ended_early_says_so(
    account: OfficialAccount, agent: User, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    monkeypatch.setattr(searching, "NEWEST", 1)
    monkeypatch.setattr(searching, "CANDIDATES_LIMIT", 2)
    talk.hear(account, talk.text("abc", now), *(talk.text(f"ab bc {n}", now) for n in range(9)))
    ended_early = "Only the newest were searched"

    assert ended_early in inbox(login(agent), "?q=abc")
    assert ended_early not in inbox(login(agent), "?q=nowhere")
