"""Whatever people do in whatever order: nothing comes without consent, check and an open door."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lineportal.simulator import chat
from lineportal.simulator.channels import Channel
from lineportal.simulator.delivery import Delivery
from lineportal.simulator.given import NotUsable
from lineportal.simulator.log import Content
from lineportal.simulator.people import Message, People, Person
from tests.simulator.driving import DAY, HOUR, PHONE

NEW_PHONE = "+66899999999"
START = 2_000_000_000.0
ACTS = (
    "notify", "agree", "refuse", "ask", "ask_for_new_number", "right_code", "wrong_code",
    "block", "unblock", "hour", "day", "half_a_year",
)  # fmt: skip
LASTS = {"hour": HOUR, "day": DAY + 1, "half_a_year": 180 * DAY}


class Life:
    """One person, one channel, and what happened to them."""

    def __init__(self, consent: str, *, is_due: bool) -> None:
        self.at = START
        self.told: list[Any] = []
        self.people = People()
        self.channel = Channel("1", "secret")
        self.delivery = Delivery({"1": self.channel}, self.people, self._tell)
        verified_at = None if is_due else "2033-05-18T03:00:00Z"
        row = {"phone": PHONE, "consent": consent, "sms_verified_at": verified_at}
        self.people.upsert([row], channel_ids=["1"], at=START)
        [self.person] = self.people
        self.consents = [consent]

    def _tell(self, channel: Channel, event: Any) -> None:
        self.told.append(event)
        if event["type"] == "delivery":
            person = self.person
            assert person.consent == "agreed"
            assert not person.sms_check_is_due(self.at)
            assert not person.has_blocked("1")

    def do(self, act: str) -> None:
        """Let one thing happen; what cannot be done now is refused."""
        person, delivery = self.person, self.delivery
        self.at += LASTS.get(act, 1)
        delivery.catch_up(self.at)
        with contextlib.suppress(NotUsable):
            match act:
                case "notify":
                    message = Message("1", "pnp", None, "tag", Content(b"{}", ()), self.at)
                    delivery.notify(message, person, self.channel)
                case "agree":
                    delivery.agree(person, self.at)
                case "refuse":
                    delivery.refuse(person, self.at)
                case "ask":
                    delivery.ask_sms_code(person, self.at)
                case "ask_for_new_number":
                    delivery.ask_sms_code(person, self.at, phone=NEW_PHONE)
                case "right_code" if person.sms:
                    delivery.enter_sms_code(person, person.sms.code, self.at)
                case "wrong_code":
                    delivery.enter_sms_code(person, "no code", self.at)
                case "block":
                    delivery.block(person, [self.channel], self.at)
                case "unblock":
                    delivery.unblock(person, [self.channel], self.at)
        self.consents.append(person.consent)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(("agreed", "not_set", "rejected")),
    st.booleans(),
    st.lists(st.sampled_from(ACTS), max_size=40),
)
def test_no_order_of_acts_breaks_the_rules(consent: str, is_due: bool, acts: list[str]) -> None:
    life = Life(consent, is_due=is_due)
    for act in acts:
        life.do(act)
    person = life.person

    delivered = person.inbox or []
    events = [event for event in life.told if event["type"] == "delivery"]
    assert len(events) == len(delivered) == life.channel.delivered.total()
    assert all(m.delivered_at and m.delivered_at - m.accepted_at <= DAY for m in delivered)

    set_at = next((n for n, value in enumerate(life.consents) if value != "not_set"), None)
    assert set_at is None or "not_set" not in life.consents[set_at:]

    shown = chat.entries(person)
    assert len({entry.id for entry in shown}) == len(shown)
    assert [entry.at for entry in shown] == sorted(entry.at for entry in shown)
    for before, entry in zip([None, *shown], shown, strict=False):
        if entry.kind in ("message", "consent_prompt") or (
            entry.kind == "sms_prompt" and entry.message
        ):
            assert before is not None
            assert (before.kind, before.at) == ("notice", entry.at)
    assert chat.awaiting(person, life.at) in (None, "consent", "sms_code")


def test_who_gets_everything_at_once_costs_no_chat() -> None:
    # Load tests hold a million such people.
    life = Life("agreed", is_due=False)
    life.do("notify")
    assert isinstance(life.person, Person)
    assert (life.person.chat, life.person.waiting, life.person.sms) == (None, None, None)
    assert [entry.kind for entry in chat.entries(life.person)] == ["notice", "message"]
