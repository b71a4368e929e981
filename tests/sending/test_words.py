"""The proof of a message: the exact words, this version, this hash, approved by whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pgtrigger
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.sending import campaigns, forgetting, words
from lineportal.sending.models import Message
from templates_app.models import MessageTemplate
from tests import factories
from tests.api.client import Api
from tests.line import Line
from tests.templates_app.raw_sql import execute

FROZEN_GUARD = "templates_app.MessageTemplate:what_was_decided_on_stays_as_it_was"


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def queued(account: OfficialAccount, by: User, at: datetime, **person: object) -> Message:
    factories.recipient(account, **person)
    made = campaigns.create(
        account, template=factories.approved(account), name="November", by=by, at=at
    )
    campaigns.start(made, by=by, at=at)
    return Message.objects.get()


def test_the_words_are_the_frozen_bubble_with_the_messages_values(
    account: OfficialAccount, sender: User, at: datetime
) -> None:
    message = queued(account, sender, at)

    found = words.of(message)

    text = json.dumps(found.words, ensure_ascii=False)
    assert "เรียน คุณสมชาย ใจดี" in text
    assert "{{" not in text
    assert (found.is_intact, found.content_hash) == (True, message.template.content_hash)
    assert (found.body_sha256, found.is_same_body) == ("", None)
    assert found.template.line_reference == "LINE-2026-0001"
    entry = AuditEntry.objects.get(number=found.audit_number)
    assert (entry.action, entry.facts["content_hash"]) == ("template.approved", found.content_hash)


@pytest.mark.parametrize("service", ["lon", "oa"])
def test_the_words_make_the_very_bytes_that_were_sent(
    service: str, line: Line, drain: Callable[[], None], sender: User, at: datetime
) -> None:
    account = factories.account(api_base_url=line.url)
    template = factories.approved(account) if service == "lon" else factories.two_way(account)
    factories.recipient(account, consent="agreed", friend_status="friend")
    line.channel()
    line.people(
        {
            "phone": factories.phone(0),
            "line_user_id": factories.user_id(0),
            "consent": "agreed",
            "friend_status": "friend",
        }
    )
    made = campaigns.create(account, template=template, name="n", by=sender, at=at)
    campaigns.start(made, by=sender, at=at)

    drain()

    found = words.of(Message.objects.get())
    assert len(found.body_sha256) == 64
    assert found.is_same_body is True


def test_a_changed_row_is_told(account: OfficialAccount, sender: User, at: datetime) -> None:
    message = queued(account, sender, at)
    with pgtrigger.ignore(FROZEN_GUARD):
        execute("UPDATE templates_app_messagetemplate SET purpose = 'another'")

    found = words.of(Message.objects.get(pk=message.pk))

    assert not found.is_intact
    assert found.current_hash != found.content_hash


def test_a_phone_number_among_the_values_is_masked(
    account: OfficialAccount, sender: User, at: datetime
) -> None:
    values = {**factories.VALUES, "parcel_from": factories.phone(7)}
    message = queued(account, sender, at, attributes=values)

    text = json.dumps(words.of(message).words, ensure_ascii=False)

    assert factories.phone(7) not in text
    assert "*007" in text


def test_of_a_forgotten_person_the_hashes_remain(
    account: OfficialAccount, sender: User, at: datetime
) -> None:
    message = queued(account, sender, at)
    forgetting.erase(message.recipient, at=at, by=None)

    found = words.of(Message.objects.get(pk=message.pk))

    assert (found.words, found.emptied) == (None, "erased")
    assert found.emptied_at is not None
    assert found.is_intact


def test_emptied_by_retention_is_told_apart(
    account: OfficialAccount, sender: User, at: datetime
) -> None:
    message = queued(account, sender, at)
    execute("UPDATE sending_message SET status = 'cancelled'")
    execute("UPDATE sending_message SET values_dropped_at = now(), address = '', values = '{}'")

    assert words.of(Message.objects.get(pk=message.pk)).emptied == "dropped"


def test_the_api_and_the_page_say_the_same(
    account: OfficialAccount, sender: User, auditor: User, at: datetime
) -> None:
    message = queued(account, sender, at)
    approver = MessageTemplate.objects.get().approved_by

    found = Api(auditor).get(f"messages/{message.pk}/words/").json()
    client = Client()
    client.force_login(auditor)
    url = reverse("admin:sending_message_change", args=[message.pk])
    html = client.get(url).content.decode()

    assert approver is not None
    assert (found["approved_by"], found["is_intact"]) == (approver.username, True)
    assert (found["line_reference"], found["line_decided_on"]) == ("LINE-2026-0001", "2026-11-01")
    for said in (found["content_hash"], approver.username, "LINE-2026-0001", "สมชาย ใจดี"):
        assert said in html
    assert factories.phone(0) not in html
