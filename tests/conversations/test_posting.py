"""How an answer goes out: what each outcome makes of it, and that nothing arrives twice."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from pytest_django.live_server_helper import LiveServer

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.audit.models import AuditEntry
from lineportal.conversations import posting, talking
from lineportal.conversations.models import ChatMessage, Conversation
from lineportal.conversations.posting import Claimed
from lineportal.providers.base import Outcome, SendResult
from lineportal.sending import forgetting, inbox, naming, stops, talker, worker
from recipients.models import Recipient
from tests import factories
from tests.conversations import talk
from tests.conversations.talk import ANNA, BEN, NOON
from tests.line import Line
from tests.sending.test_worker_process import wait, workers
from tests.working import in_database, post_answers, run, with_roads

SOON = NOON + timedelta(seconds=5)
LATE = NOON + timedelta(minutes=5)
HOUR = timedelta(hours=1)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    made = factories.account()
    talk.hear(made, talk.text("Where is my parcel?"))
    return made


@pytest.fixture
def agent(db: None) -> User:
    return factories.user("agent")


def road_of(account: OfficialAccount) -> Road:
    return account.roads.get(service="oa")


def claimed(account: OfficialAccount, at: datetime) -> Claimed | None:
    return posting.claim(talk.with_(account).pk, road_of(account), at=at)


def begun(account: OfficialAccount, agent: User, at: datetime) -> tuple[Claimed, ChatMessage]:
    message = talking.answer(talk.with_(account), "Today.", by=agent, at=at)
    claim = claimed(account, at)
    assert claim is not None
    return claim, message


TABLE = [
    # outcome, code, way -> progress, way of the next try
    (Outcome.ACCEPTED, "", "reply", "sent", "reply"),
    (Outcome.REFUSED, "invalid_reply_token", "reply", "waiting", "push"),
    (Outcome.REFUSED, "other", "reply", "refused", "reply"),
    (Outcome.FAULT, "bad_request", "reply", "failed", "reply"),
    (Outcome.THROTTLED, "rate", "reply", "waiting", "push"),
    (Outcome.UNAVAILABLE, "", "reply", "waiting", "push"),
    (Outcome.UNCERTAIN, "", "reply", "uncertain", "reply"),
    (Outcome.ACCEPTED, "", "push", "sent", "push"),
    (Outcome.REFUSED, "invalid_reply_token", "push", "refused", "push"),
    (Outcome.FAULT, "quota", "push", "failed", "push"),
    (Outcome.THROTTLED, "rate", "push", "waiting", "push"),
    (Outcome.UNAVAILABLE, "", "push", "waiting", "push"),
    (Outcome.UNCERTAIN, "", "push", "waiting", "push"),
]


@pytest.mark.parametrize(("outcome", "code", "way", "progress", "then"), TABLE)
def test_what_an_outcome_makes_of_an_answer(
    outcome: Outcome,
    code: str,
    way: str,
    progress: str,
    then: str,
    account: OfficialAccount,
    agent: User,
) -> None:
    claim, message = begun(account, agent, SOON if way == "reply" else LATE)
    assert (claim.way, bool(claim.token)) == (way, way == "reply")

    assert posting.record(claim, SendResult(outcome, code=code), at=LATE)

    message.refresh_from_db()
    assert (message.progress, message.way) == (progress, then)
    assert (message.next_at is not None) == (progress == "waiting")
    again = claimed(account, LATE + HOUR)
    assert (again is not None) == (progress == "waiting")
    if again:
        assert (again.way, again.reference, again.body) == ("push", claim.reference, claim.body)


def test_a_later_answer_never_overtakes_an_earlier_one(
    account: OfficialAccount, agent: User
) -> None:
    first, _message = begun(account, agent, LATE)
    talking.answer(talk.with_(account), "And one more thing.", by=agent, at=LATE)
    assert claimed(account, LATE) is None

    posting.record(first, SendResult(Outcome.THROTTLED), at=LATE)
    assert posting.due(account.pk, at=LATE, limit=9) == []
    assert claimed(account, LATE) is None
    again = claimed(account, LATE + HOUR)
    assert again is not None
    assert again.id == first.id

    posting.record(again, SendResult(Outcome.ACCEPTED), at=LATE + HOUR)
    second = claimed(account, LATE + HOUR)
    assert second is not None
    assert second.id > first.id


def test_a_token_is_tried_for_one_answer_only(account: OfficialAccount, agent: User) -> None:
    first, _message = begun(account, agent, SOON)
    posting.record(first, SendResult(Outcome.ACCEPTED), at=SOON)

    second, _message = begun(account, agent, SOON)

    assert (first.way, second.way, second.token) == ("reply", "push", "")


@pytest.mark.parametrize("how", ["blocked", "standby", "stranger for long"])
def test_who_may_not_be_written_to_any_more_gets_nothing(
    how: str, account: OfficialAccount, agent: User
) -> None:
    message = talking.answer(talk.with_(account), "Today.", by=agent, at=LATE)
    at = LATE
    if how == "blocked":
        Recipient.objects.update(friend_status="blocked")
    elif how == "standby":
        Conversation.objects.update(standby_since=LATE)
    else:
        at = NOON + timedelta(days=8)

    assert claimed(account, at) is None

    message.refresh_from_db()
    assert message.progress == "failed"
    assert message.detail.endswith(".")
    assert message.attempts == 0


def test_an_account_that_is_off_keeps_its_answers_waiting(
    account: OfficialAccount, agent: User
) -> None:
    message = talking.answer(talk.with_(account), "Today.", by=agent, at=LATE)
    OfficialAccount.objects.update(is_active=False)

    assert claimed(account, LATE) is None
    assert posting.due_accounts(at=LATE) == []

    message.refresh_from_db()
    assert message.progress == "waiting"


def test_a_push_that_may_have_arrived_never_counts_as_failed(
    account: OfficialAccount, agent: User
) -> None:
    claim, message = begun(account, agent, LATE)
    posting.record(claim, SendResult(Outcome.UNCERTAIN), at=LATE)
    Recipient.objects.update(friend_status="blocked")

    assert claimed(account, LATE + HOUR) is None

    message.refresh_from_db()
    assert message.progress == "uncertain"


def test_a_push_is_not_repeated_when_line_has_forgotten_its_key(
    account: OfficialAccount, agent: User
) -> None:
    claim, message = begun(account, agent, LATE)
    posting.record(claim, SendResult(Outcome.UNCERTAIN), at=LATE)

    assert claimed(account, LATE + timedelta(hours=23)) is None

    message.refresh_from_db()
    assert message.progress == "uncertain"


@pytest.mark.parametrize(("way", "progress"), [("reply", "uncertain"), ("push", "waiting")])
def test_what_a_dead_worker_left_is_settled(
    way: str, progress: str, account: OfficialAccount, agent: User
) -> None:
    claim, message = begun(account, agent, SOON if way == "reply" else LATE)
    assert posting.sweep(at=LATE) == 0 or way == "reply"
    posting.sweep(at=LATE + posting.LEASE + timedelta(seconds=1))

    message.refresh_from_db()
    assert message.progress == progress
    again = claimed(account, LATE + HOUR)
    assert (again.reference if again else None) == (claim.reference if way == "push" else None)
    # The dead one was only slow: that it surely arrived is believed, nothing else.
    assert not posting.record(claim, SendResult(Outcome.FAULT), at=LATE + HOUR)
    assert posting.record(claim, SendResult(Outcome.ACCEPTED), at=LATE + HOUR)
    message.refresh_from_db()
    assert message.progress == "sent"


def test_an_uncertain_answer_is_sent_again_by_who_saw_the_risk_once(
    account: OfficialAccount, agent: User
) -> None:
    claim, message = begun(account, agent, SOON)
    with pytest.raises(talking.CannotAnswer, match="Only what failed"):
        talking.send_again(message, by=agent, at=LATE, saw_risk=True)
    posting.record(claim, SendResult(Outcome.UNCERTAIN), at=SOON)
    with pytest.raises(talking.CannotAnswer, match="twice"):
        talking.send_again(message, by=agent, at=LATE)

    again = talking.send_again(message, by=agent, at=LATE, saw_risk=True)

    assert (again.again_of, again.content, again.progress) == (message, message.content, "waiting")
    assert again.reference != message.reference
    assert AuditEntry.objects.filter(action="conversation.send_again").count() == 1
    with pytest.raises(talking.CannotAnswer, match="already"):
        talking.send_again(message, by=agent, at=LATE, saw_risk=True)


# --- against the simulator, with the worker's own code


def calls(line: Line) -> list[tuple[str, int | None]]:
    """Return the replies and pushes that LINE saw, with its answers."""
    return [
        (entry["path"].rsplit("/", 1)[1], entry["status"])
        for entry in line.requests("/v2/bot/message/")
    ]


def arrived(line: Line, user: str = ANNA) -> list[str]:
    entries = line.call("GET", f"people/{user}/chat")["entries"]
    return [entry["text"] for entry in entries if entry["sender"] != "person"]


@pytest.fixture
def talked(live_server: LiveServer, line: Line) -> OfficialAccount:
    """An account to which Anna and Ben, both friends, just wrote."""
    made = factories.account(api_base_url=line.url)
    line.channel(webhook_url=f"{live_server.url}/webhooks/line/{made.webhook_id}/")
    for n, user in enumerate((ANNA, BEN)):
        line.people({"phone": factories.phone(n), "line_user_id": user, "friend_status": "friend"})
        line.call("POST", f"people/{user}/say", {"text": "Where is my parcel?"})
    now = datetime.now(UTC)
    inbox.read(at=now)
    return made


def answered(account: OfficialAccount, words: str = "Today.", user: str = ANNA) -> ChatMessage:
    by = User.objects.filter(groups__name="agent").first() or factories.user("agent")
    return talking.answer(talk.with_(account, user), words, by=by, at=datetime.now(UTC))


def no_token() -> None:
    Conversation.objects.update(reply_token="")


def test_an_answer_within_the_minute_is_a_reply(talked: OfficialAccount, line: Line) -> None:
    message = answered(talked)
    post_answers(talked)

    message.refresh_from_db()
    assert (message.progress, message.way, message.detail) == ("sent", "reply", "")
    assert message.provider_message_id
    assert calls(line) == [("reply", 200)]
    assert arrived(line) == ["Today."]


def test_a_token_that_line_no_longer_takes_makes_one_push(
    talked: OfficialAccount, line: Line
) -> None:
    message = answered(talked)
    Conversation.objects.update(reply_token="used-before")
    post_answers(talked)

    message.refresh_from_db()
    assert (message.progress, message.way) == ("sent", "push")
    assert calls(line) == [("reply", 400), ("push", 200)]
    assert arrived(line) == ["Today."]


def test_a_reply_of_unknown_end_is_never_repeated(talked: OfficialAccount, line: Line) -> None:
    line.fault("status", status=500, after_acceptance=True, path="/v2/bot/message/reply")
    message = answered(talked)
    post_answers(talked)
    post_answers(talked)

    message.refresh_from_db()
    assert message.progress == "uncertain"
    assert len(calls(line)) == 1
    assert arrived(line) == ["Today."]


def test_a_push_whose_answer_was_lost_is_repeated_under_its_key_and_arrives_once(
    talked: OfficialAccount, line: Line
) -> None:
    line.fault("status", status=500, after_acceptance=True, path="/v2/bot/message/push")
    message = answered(talked)
    no_token()
    post_answers(talked)
    message.refresh_from_db()
    assert message.progress == "waiting"
    ChatMessage.objects.update(next_at=datetime.now(UTC) - HOUR)
    post_answers(talked)

    message.refresh_from_db()
    assert (message.progress, message.http_status) == ("sent", 409)
    assert message.provider_message_id
    assert [kind for kind, _status in calls(line)] == ["push", "push"]
    assert arrived(line) == ["Today."]


def test_two_workers_at_once_post_everything_once_and_in_order(
    talked: OfficialAccount, line: Line
) -> None:
    words = [f"Line {n}" for n in range(6)]
    for each in words:
        answered(talked, each)
        answered(talked, each, BEN)
    post_answers(talked, workers=3)

    assert arrived(line) == arrived(line, BEN) == words
    assert set(ChatMessage.objects.exclude(progress="").values_list("progress", flat=True)) == {
        "sent"
    }
    assert len(calls(line)) == 12


def test_a_stop_keeps_answers_waiting(talked: OfficialAccount, line: Line, at: datetime) -> None:
    message = answered(talked)
    stops.stop(talked, by=None, at=at, reason="A wrong text")
    post_answers(talked)

    assert talker.due_accounts(at=at + HOUR) == []
    message.refresh_from_db()
    assert (message.progress, calls(line)) == ("waiting", [])


def test_who_blocks_between_answer_and_post_gets_nothing(
    talked: OfficialAccount, line: Line
) -> None:
    message = answered(talked)
    line.call("POST", f"people/{ANNA}/block", {})
    inbox.read(at=datetime.now(UTC))
    post_answers(talked)

    message.refresh_from_db()
    assert (message.progress, calls(line)) == ("failed", [])


def test_who_writes_gets_the_name_of_their_profile(talked: OfficialAccount, line: Line) -> None:
    async def asked(roads: worker.Roads) -> None:
        await naming.ask(roads, in_database)
        await naming.ask(roads, in_database)

    run(with_roads(asked))

    held = talk.with_(talked)
    assert (held.name, held.language) == ("Person aaaa", "en")
    assert len(line.requests("/v2/bot/profile/")) == 2  # one of each person


@pytest.mark.parametrize(("way", "progress"), [("reply", "uncertain"), ("push", "sent")])
def test_a_worker_killed_between_post_and_record_leaves_nobody_written_twice(
    way: str, progress: str, talked: OfficialAccount, line: Line
) -> None:
    # LINE takes the message, and keeps the worker waiting for the answer.
    line.fault("hang_after_acceptance", seconds=8, path=f"/v2/bot/message/{way}")
    message = answered(talked)
    if way == "push":
        no_token()
    with workers(2) as (first, second):
        wait(lambda: arrived(line) == ["Today."], "the message is taken")
        for one in (first, second):
            one.send_signal(signal.SIGKILL)
            one.wait()
    message.refresh_from_db()
    assert message.progress == "sending"
    ChatMessage.objects.filter(pk=message.pk).update(leased_until=datetime.now(UTC) - HOUR)

    with workers(1):
        wait(lambda: _progress(message) == progress, "the message is settled")

    assert arrived(line) == ["Today."]
    assert len(calls(line)) == (1 if way == "reply" else 2)


def _progress(message: ChatMessage) -> str:
    return ChatMessage.objects.values_list("progress", flat=True).get(pk=message.pk)


def test_what_line_says_of_an_answer_to_the_forgotten_is_not_kept(
    account: OfficialAccount, agent: User
) -> None:
    claim, message = begun(account, agent, NOON)
    forgetting.erase(talk.with_(account).recipient, at=NOON, by=None)
    came = SendResult(
        Outcome.ACCEPTED, request_id="r1", detail="words", message_ids=("m1",), quote_token="q1"
    )

    assert posting.record(claim, came, at=NOON)

    message.refresh_from_db()
    assert (message.progress, message.text, message.content) == ("sent", "", None)
    assert (message.request_id, message.detail, message.quote_token) == ("", "", "")
    assert message.provider_message_id is None
