"""What a linked person is handed out, and what is left of a link when one side is forgotten."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from lineportal.accounts.models import OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.conversations import linking as talks
from lineportal.conversations.models import LinkOffer
from lineportal.sending import forgetting, retention, subject_access, subject_access_pdf
from recipients import link_codes, linking
from recipients.models import Link, LinkCode, LinkConflict, LinkEnd, LinkNonce, Recipient, Source
from tests import factories
from tests.conversations import linked
from tests.conversations.talk import ANNA, BEN, NOON

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def pack_of(person: Recipient) -> dict[str, Any]:
    form = subject_access.Form.JSON
    found: dict[str, Any] = json.loads(
        subject_access.hand_out(person, form=form, purpose="asked", by=None, at=LATER)
    )
    return found


def test_a_pack_names_each_link_and_nothing_of_the_other_record(account: OfficialAccount) -> None:
    phone, anna = linked.by_phone(account), linked.by_user(account)
    ben = linked.by_user(account, BEN)
    link_codes.issue(phone, at=NOON, by=None)
    first = linking.link(
        phone, anna, at=NOON, by=None, source=Source.IMPORT, evidence=f"{phone.phone} is {ANNA}"
    )
    linking.keep_conflict(phone, ben, at=NOON, source=Source.LINE, evidence="LINE account link")
    linking.end(first, at=LATER, by=factories.superuser())

    pack = pack_of(phone)

    [told] = pack["links"]
    assert told["linked_at"].startswith(NOON.isoformat()[:19])
    assert told["told_by"] == "an imported file"
    assert told["ended_at"] is not None
    assert told["ended_because"] == "Somebody of ours ended it"
    assert str(phone.phone) in told["how_it_is_known"]
    assert f"record {anna.pk} is of a LINE user" in told["other_record"]
    [conflict] = pack["links_to_decide"]
    assert f"record {ben.pk} " in conflict["other_record"]
    assert (conflict["settled_at"], conflict["is_linked"]) == (None, None)
    assert len(pack["link_codes"]) == 1
    text = json.dumps(pack)
    for word in (ANNA, BEN, LinkCode.objects.get().digest, "root"):
        assert word not in text
    [told] = pack_of(anna)["links"]
    assert f"record {phone.pk} is of a phone number" in told["other_record"]
    assert str(phone.phone) not in json.dumps(told)
    assert subject_access_pdf.typeset(pack, at=LATER).startswith(b"%PDF")


def test_forgetting_the_number_leaves_the_other_record_and_nothing_that_proves(
    account: OfficialAccount,
) -> None:
    phone, anna = linked.by_phone(account), linked.by_user(account)
    ben = linked.by_user(account, BEN)
    made = linking.link(phone, anna, at=NOON, by=None, source=Source.IMPORT, evidence="shop 12")
    linking.keep_conflict(phone, ben, at=NOON, source=Source.LINE, evidence="LINE account link")
    linked.nonce_for(phone, anna)

    forgetting.erase(phone, at=LATER, by=None)

    made.refresh_from_db()
    assert (made.end_reason, made.ended_at, made.evidence) == (LinkEnd.ERASED, LATER, "")
    conflict = LinkConflict.objects.get()
    assert (conflict.settled_at, conflict.is_linked, conflict.evidence) == (LATER, False, "")
    assert not LinkCode.objects.exists()
    assert not LinkNonce.objects.exists()
    anna.refresh_from_db()
    assert (anna.line_user_id, anna.erased_at) == (ANNA, None)


def test_forgetting_the_user_takes_the_addresses_of_the_chat_too(account: OfficialAccount) -> None:
    phone, anna = linked.by_phone(account), linked.by_user(account)
    linked.offered(anna)
    linked.nonce_for(phone, anna)
    linking.link(phone, anna, at=NOON, by=None, source=Source.LINE, evidence="LINE account link")

    forgetting.erase(anna, at=LATER, by=None)

    assert Link.objects.get().end_reason == LinkEnd.ERASED
    for kind in (LinkOffer, LinkCode, LinkNonce):
        assert not kind.objects.exists()
    phone.refresh_from_db()
    assert (phone.erased_at, phone.phone) == (None, factories.phone(1))


def kept() -> tuple[int, int, int]:
    return LinkCode.objects.count(), LinkNonce.objects.count(), LinkOffer.objects.count()


def test_what_proves_nothing_any_more_is_deleted_thirty_days_later(
    account: OfficialAccount,
) -> None:
    phone, anna = linked.by_phone(account), linked.by_user(account)
    linked.offered(anna)
    nonce = linked.nonce_for(phone, anna)
    made = link_codes.redeem(nonce, user=anna, occurred_at=NOON, at=NOON)
    link_codes.issue(linked.by_phone(account, 2), at=NOON, by=None)  # good until the next day
    elsewhere = factories.account("elsewhere", channel="1650000009")

    def run(at: datetime, of: OfficialAccount = account) -> int:
        return sum(batch.rows for batch in retention.batches(at=at, account=of))

    assert run(NOON + timedelta(days=29)) == 0
    assert kept() == (2, 1, 1)
    assert run(NOON + timedelta(days=40), elsewhere) == 0
    assert run(NOON + timedelta(days=30, hours=1)) == 3
    assert kept() == (1, 0, 0)
    assert run(NOON + timedelta(days=31, hours=1)) == 1
    assert run(NOON + timedelta(days=31, hours=1)) == 0

    assert kept() == (0, 0, 0)
    assert linking.of(phone) == made
    told = AuditEntry.objects.filter(action="retention.empty").order_by("number")
    assert [(each.facts["kind"], each.facts["rows"]) for each in told] == [
        ("link_proofs", 3), ("link_proofs", 1),
    ]  # fmt: skip


def test_an_address_that_waits_for_its_token_is_kept(account: OfficialAccount) -> None:
    anna = linked.by_user(account)
    talks.offer(anna.conversation, at=NOON)  # type: ignore[attr-defined]

    list(retention.batches(at=NOON + timedelta(days=400), account=account))

    assert LinkOffer.objects.get().state == LinkOffer.State.WAITING
