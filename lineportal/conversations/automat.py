"""What the machine does about what customers do, in the transaction that reads the inbox.

Opt-outs first, then at most one answer for each conversation, by the token of what was just done:
it costs no quota, and what comes late is not answered at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lineportal.accounts import hours
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from lineportal.conversations import (
    answers,
    arrivals,
    linking,
    matching,
    opting,
    speaking,
    talking,
)
from lineportal.conversations.models import (
    Answering,
    AnswerRule,
    CannedAnswer,
    Conversation,
    Progress,
    Speaker,
)
from recipients.models import FriendStatus
from templates_app import opting_out

GREETING, RULE, AWAY, HANDED_OVER = "greeting", "rule", "away", "handed_over"  # causes
HEARD_WITHIN = timedelta(minutes=5)  # of an event; an older one is left to people


@dataclass(frozen=True, slots=True)
class Plan:
    """What an account answers by itself."""

    settings: Answering
    rules: Sequence[AnswerRule]


@dataclass(frozen=True, slots=True)
class Decision:
    """`act`: "stop", "start", "answer", "hand_over", "link", "away", or blank for nothing."""

    act: str = ""
    rule: AnswerRule | None = None
    answer: CannedAnswer | None = None


def consider(arrived: Sequence[arrivals.Arrived], *, at: datetime) -> None:
    """Record opt-outs, greet, answer, hand over and offer links, in the order of LINE's time."""
    spoken = opting.hear(arrived, at=at)
    fresh = [one for one in arrived if _is_to_answer(one, at=at)]
    held = plans({one.conversation.account_id for one in fresh})
    for one in fresh:
        talk = one.conversation
        plan = held.get(talk.account_id)
        if plan is None or one.event.is_standby or speaking.is_silent(talk):
            continue
        talk.account = plan.settings.account  # read once for all, with its roads
        if one.event.kind == "follow":
            _greet(one, plan, spoken, at=at)
        else:
            _answer(one, plan, spoken, at=at)


def plans(account_ids: Iterable[int]) -> dict[int, Plan]:
    """Return what these accounts answer by themselves; none of an account where that is off."""
    ids = set(account_ids)
    if not ids:
        return {}
    settings = (
        Answering.objects.filter(account__in=ids, is_on=True)
        .select_related("account", "greeting", "greeting_again", "away", "handed_over")
        .prefetch_related("account__roads")
    )
    found = {each.account_id: each for each in settings}
    rules: dict[int, list[AnswerRule]] = {pk: [] for pk in found}
    rows = AnswerRule.objects.filter(account__in=found, is_on=True).select_related("answer")
    for rule in rows.order_by("account", "position", "pk"):
        rules[rule.account_id].append(rule)
    return {pk: Plan(each, rules[pk]) for pk, each in found.items()}


def decide(plan: Plan, text: str, *, at: datetime) -> Decision:
    """Return what is done about a text by somebody to whom the machine may talk. Pure but the date.

    An empty text is something without words, such as a sticker.
    """
    if opting_out.is_stop(text):
        return Decision(opting.STOPPED)
    if opting_out.is_start(text):
        return Decision(opting.STARTED)
    rule = matching.first(plan.rules, text) if text else None
    if rule is not None:
        answer = plan.settings.handed_over if rule.act == AnswerRule.Act.HAND_OVER else rule.answer
        return Decision(rule.act, rule, _in_use(answer))
    away = _in_use(plan.settings.away)
    if away is not None and is_away(plan.settings, plan.settings.account, at=at):
        return Decision(AWAY, answer=away)
    return Decision()


def is_away(settings: Answering, account: OfficialAccount, *, at: datetime) -> bool:
    """Return whether nobody is there at a moment, by the office hours."""
    return settings.hours is not None and not hours.is_open(
        hours.read(settings.hours), account, at=at
    )


def _is_to_answer(one: arrivals.Arrived, *, at: datetime) -> bool:
    if at - one.event.occurred_at > HEARD_WITHIN or opting.asks(one):
        return False
    return one.event.kind == "follow" or (one.event.kind == "said" and one.message is not None)


def _greet(one: arrivals.Arrived, plan: Plan, spoken: set[int], *, at: datetime) -> None:
    talk = one.conversation
    if at - one.event.occurred_at >= talking.TOKEN_LIFE:
        return
    if talk.recipient.friend_status != FriendStatus.FRIEND:  # blocked again meanwhile
        return
    # LINE does not always tell who comes back.
    said = talk.messages.filter(speaker=Speaker.MACHINE, cause=GREETING)
    is_back = one.event.is_unblocked or said.exclude(progress=Progress.FAILED).exists()
    greeting = plan.settings.greeting_again if is_back else plan.settings.greeting
    _say(talk, _in_use(greeting), GREETING, spoken, at=at)


def _answer(one: arrivals.Arrived, plan: Plan, spoken: set[int], *, at: datetime) -> None:
    talk, said = one.conversation, one.event.said
    if said is None or said.kind == "button":  # whose words are ours
        return
    decision = decide(plan, said.text if said.kind == "text" else "", at=at)
    if decision.act == AnswerRule.Act.ANSWER:
        _say(talk, decision.answer, RULE, spoken, at=at)
    elif decision.act == AnswerRule.Act.HAND_OVER:
        _hand_over(talk, decision.answer, spoken, at=at)
    elif decision.act == AnswerRule.Act.LINK:
        if talk.pk not in spoken and not talking.barred(talk, at=at):
            linking.offer(talk, at=at, cause=linking.CAUSE)
            spoken.add(talk.pk)
    elif decision.act == AWAY and not _was_told_away(talk, plan.settings, at=at):
        _say(talk, decision.answer, AWAY, spoken, at=at)


def _hand_over(
    talk: Conversation, answer: CannedAnswer | None, spoken: set[int], *, at: datetime
) -> None:
    _say(talk, answer, HANDED_OVER, spoken, at=at)
    talk.handed_over_at = at
    talk.save(update_fields=["handed_over_at"])
    chain.write(
        "conversation.hand_over", subject=talk, by=None, at=at, account_id=talk.account_id
    )  # fmt: skip


def _was_told_away(talk: Conversation, settings: Answering, *, at: datetime) -> bool:
    since = at - timedelta(hours=settings.away_every_hours)
    told = talk.messages.filter(speaker=Speaker.MACHINE, cause=AWAY, occurred_at__gt=since)
    return told.exclude(progress=Progress.FAILED).exists()


def _say(
    talk: Conversation, answer: CannedAnswer | None, cause: str, spoken: set[int], *, at: datetime
) -> None:
    if answer is None or talk.pk in spoken or not speaking.may(talk, at=at):
        return
    answers.say(talk, answer.text, at=at, author=None, cause=cause, is_reply_only=True)
    spoken.add(talk.pk)


def _in_use(answer: CannedAnswer | None) -> CannedAnswer | None:
    return answer if answer is not None and answer.is_on else None
