"""A person in every table, forgotten: nothing in the whole database names them any more."""

from __future__ import annotations

import base64
import io
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from lineportal.providers.line import phone_hash
from lineportal.sending import audience, campaigns, forgetting, inbox, messages, reissued, rows
from lineportal.sending.models import (
    Attempt,
    Campaign,
    Message,
    RequestKey,
    WebhookDelivery,
    WebhookEvent,
)
from lineportal.sending.statuses import Status
from recipients import erasure, friendship, imports, rebuild
from recipients.models import (
    ConsentEvidence,
    ConsentRecord,
    Reachability,
    Recipient,
    RecipientImport,
)
from tests import factories
from tests.api.client import Api
from tests.webhooks.test_line_webhook import body_of, event

PHONE, NATIONAL = "+66897654321", "0897654321"
USER_ID = "U7e57ab1e" + "c0ffee" * 4
NAME = "Zxqvornblat Wongsawat"
# However the person may be written, in texts, bytes and JSON.
NEEDLES = [
    "897654321", "089-765-4321", "89 765 4321", USER_ID, NAME, "Zxqvornblat", phone_hash(PHONE),
]  # fmt: skip
SECOND = timedelta(seconds=1)


def tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name)"
            " FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
            " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        return [name for (name,) in cursor.fetchall()]


def found() -> dict[str, int]:
    """Return by table how many rows name the person, in any column."""
    spellings = [*NEEDLES, *(needle.encode().hex() for needle in NEEDLES)]
    spellings += [json.dumps(needle)[1:-1] for needle in NEEDLES]
    counts = {}
    for table in tables():
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM {table} AS t WHERE t::text ILIKE ANY(%s)",
                [[f"%{each}%" for each in spellings]],
            )
            [(count,)] = cursor.fetchall()
        if count:
            counts[table.removeprefix("public.")] = count
    return counts


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def api(account: OfficialAccount) -> Api:
    return Api(factories.user("manager"))


@pytest.fixture
def person(account: OfficialAccount, api: Api, at: datetime) -> Recipient:
    return in_every_table(account, api, at)


def in_every_table(account: OfficialAccount, api: Api, at: datetime) -> Recipient:
    """Return somebody who came by every door, and of whom everything is kept that can be."""
    by = factories.user("manager")
    parcel, news = factories.approved(account), factories.two_way(account)

    made = api.post(
        "recipients/",
        {"account": account.slug, "phone": PHONE, "line_user_id": USER_ID, "consent": "agreed",
         "attributes": {**factories.VALUES, "name": NAME}},
    )  # fmt: skip
    assert made.status_code == 201
    person = Recipient.objects.get(pk=made.json()["id"])
    for record in ConsentRecord.objects.filter(recipient=person):
        ConsentEvidence.objects.create(record=record, text=f"{NAME} told us from {NATIONAL}")
    scan = {"name": f"{NATIONAL}.txt", "content": base64.b64encode(NAME.encode()).decode()}
    for act, words in (
        ("basis", {"purpose": "news", "basis": "consent"}), ("marketing", {"value": "opted_out"}),
    ):  # fmt: skip
        body = {**words, "evidence": f"{act}: {NAME}", "evidence_file": scan}
        assert api.post(f"recipients/{person.pk}/{act}/", body).status_code == 200
    assert ConsentEvidence.objects.filter(file__isnull=False).count() == 2

    job = imports.receive(
        account, name=f"only {NATIONAL}.csv", at=at, by=by, source_text=f"call of {PHONE}",
        file=io.BytesIO(f"phone,name\n{NATIONAL},{NAME}\n12,x\n".encode()),
    )  # fmt: skip
    assert imports.run(job, at=at).unchanged == 1
    suppression = {"account": account.slug, "phone": NATIONAL, "reason": f"{NAME}, {NATIONAL}"}
    assert api.post("suppressions/", suppression).status_code == 201
    lift = f"suppressions/?account={account.slug}&phone={NATIONAL}"
    assert api.delete(lift).status_code == 204
    api.post("suppressions/", {**suppression, "phone": "0812300077", "reason": "wife of "
                               "089-765-4321"})  # fmt: skip

    console = Client()
    console.force_login(factories.superuser())
    console.post(
        reverse("admin:recipients_recipient_add"),
        {"account": account.pk, "phone": NATIONAL, "attributes": "{}", "consent": "not_set",
         "friend_status": "not_friend"},
    )  # fmt: skip

    for n, kind in enumerate(("follow", "unfollow", "follow")):
        friend = event(kind, at + n * SECOND, number=n, source={"type": "user", "userId": USER_ID})
        inbox.store(account.pk, provider="line", body=body_of(friend), at=at)
    inbox.read(at=at)

    values = {"name": NAME, "tracking_no": NATIONAL, "parcel_from": NAME}
    lines = rows.from_json(
        [{"phone": NATIONAL, "item": NATIONAL, "values": values}], account=account
    )
    own = campaigns.create(account, template=parcel, name=f"to {NATIONAL}", by=by, at=at)
    rows.add(own, lines, at=at)
    campaigns.start(own, by=by, at=at)
    chosen = {"phones": [NATIONAL, "0812300077"], "line_user_ids": USER_ID}
    campaigns.create(account, template=parcel, name="by number", by=by, at=at, audience=chosen)
    for n, template in enumerate((parcel, news, parcel)):
        to = {"line_user_id": USER_ID} if template is news else {"phone": NATIONAL}
        answer = api.post(
            "messages/",
            {"account": account.slug, "template": template.pk, "values": {"name": NAME}, **to},
            **{"Idempotency-Key": f"{NATIONAL}-{n}"},
        )
        assert answer.status_code == 202, answer.json()
    tried = Message.objects.filter(recipient=person).order_by("-pk")[0]
    for status in (Status.SENDING, Status.FAILED):
        Message.objects.filter(pk=tried.pk).update(
            status=status, attempts=1, attempt_started_at=at, detail=f"no such user {NATIONAL}"
        )
    tried.refresh_from_db()
    messages.send_again(tried, by=by, at=at)

    # What is not read yet, or cannot be: by id, by tag, and broken off in the middle.
    told = event("message", at, number=10, source={"type": "user", "userId": USER_ID},
                 message={"type": "text", "text": f"I am {NAME}"})  # fmt: skip
    first = Attempt.objects.get()
    tag = event("delivery", at, number=11, delivery={"data": first.reference.hex})
    for body in (body_of(told), body_of(tag), body_of(told)[:-9]):
        inbox.store(account.pk, provider="line", body=body, at=at)
    return person


def test_everything_names_the_person_before(person: Recipient) -> None:
    expected = {
        "recipients_recipient", "recipients_consentevidence", "recipients_recipientimport",
        "recipients_suppression", "sending_message", "sending_attempt", "sending_campaign",
        "sending_campaignrow", "sending_requestkey", "sending_webhookdelivery",
        "sending_webhookevent",
    }  # fmt: skip

    assert set(found()) == expected


def test_nothing_names_the_person_after(
    person: Recipient, account: OfficialAccount, api: Api, at: datetime
) -> None:
    other = factories.recipient(account, 5)
    told = event("message", at, number=20, source={"type": "user", "userId": factories.user_id(5)})
    inbox.store(account.pk, provider="line", body=body_of(told), at=at)
    ledger, counts = ConsentRecord.objects.count(), Message.objects.count()

    answer = api.delete(f"recipients/{person.pk}/?reason=asked by {NATIONAL}, {NAME}")

    assert answer.status_code == 204
    assert found() == {}
    chosen = Campaign.objects.get(name="by number").audience
    assert chosen == {"phones": ["0812300077"], "recipients": [person.pk]}
    assert Message.objects.count() == counts
    assert ConsentRecord.objects.count() >= ledger
    assert set(Message.objects.filter(recipient=person).values_list("status", "rule")) == {
        ("skipped", "erased"), ("delivered", ""),
    }  # fmt: skip
    # Of the ledger that we know, what and when stay; what proved it is gone, but for its digest.
    assert not ConsentEvidence.objects.exists()
    assert ConsentRecord.objects.exclude(evidence_sha256="").count() == 2
    assert not Reachability.objects.filter(recipient=person).exists()
    assert not list(rebuild.differences())
    # Nobody else is touched.
    inbox.read(at=at)
    other.refresh_from_db()
    assert (other.phone, other.erased_at) == (factories.phone(5), None)
    assert WebhookEvent.objects.get(line_user_id=factories.user_id(5)).payload != {}
    assert WebhookDelivery.objects.exclude(body=b"").count() == 1


def test_the_chain_of_who_did_what_stays_whole(person: Recipient, at: datetime) -> None:
    by = factories.user("manager")
    forgetting.erase(person, at=at, by=by, reason=f"{NAME} asked, tel. {PHONE}")

    assert chain.first_break(AuditEntry.objects.order_by("number").iterator()) is None
    call_command("verify_audit")
    entry = AuditEntry.objects.get(action="recipient.erase")
    assert entry.facts == {"reason": "*** asked, tel. ***"}
    assert entry.actor == f"user:{by.pk}"


def test_what_a_caller_asked_before_still_answers_as_at_first(
    person: Recipient, account: OfficialAccount, api: Api, at: datetime
) -> None:
    template = Message.objects.filter(campaign=None).order_by("pk")[0].template_id
    body = {
        "account": account.slug, "template": template, "values": {"name": NAME}, "phone": NATIONAL,
    }  # fmt: skip
    key = {"Idempotency-Key": f"{NATIONAL}-0"}
    first = api.post("messages/", body, **key).json()
    forgetting.erase(person, at=at, by=None)

    again = api.post("messages/", body, **key)

    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    assert api.post("messages/", {**body, "values": {}}, **key).json()["error"] == "key_reused"
    # One more request leaves nothing either.
    new = api.post("messages/", body, **{"Idempotency-Key": f"{NATIONAL} new"})
    assert new.json()["rule"] == "erased"
    assert found() == {}
    assert RequestKey.objects.count() == 4


def test_what_arrives_late_leaves_nothing_and_opens_no_row(
    person: Recipient, account: OfficialAccount, at: datetime
) -> None:
    forgetting.erase(person, at=at + 10 * SECOND, by=None)
    before = Recipient.objects.count()
    source = {"type": "user", "userId": USER_ID}
    late = [
        event("unfollow", at + 20 * SECOND, number=30, source=source),
        event("follow", at + 5 * SECOND, number=31, source=source),
        event("message", at + 5 * SECOND, number=32, source=source, message={"text": NAME}),
    ]
    for each in late:
        inbox.store(account.pk, provider="line", body=body_of(each), at=at)
    inbox.read(at=at + 21 * SECOND)

    assert Recipient.objects.count() == before
    assert found() == {}
    assert WebhookEvent.objects.filter(event_id=late[0]["webhookEventId"]).exists()


def test_a_follow_after_it_is_the_persons_own_new_act(
    person: Recipient, account: OfficialAccount, at: datetime
) -> None:
    forgetting.erase(person, at=at, by=None)
    source = {"type": "user", "userId": USER_ID}
    again = [
        event("follow", at + 5 * SECOND, number=31, source=source),
        event("unfollow", at + 20 * SECOND, number=30, source=source),
    ]
    inbox.store(account.pk, provider="line", body=body_of(*again), at=at)
    inbox.read(at=at + 21 * SECOND)

    row = Recipient.objects.get(line_user_id=USER_ID)
    assert (row.pk != person.pk, row.friend_status, row.phone) == (True, "blocked", None)
    assert friendship.STATUS_AFTER["unfollow"] == row.friend_status


def test_a_word_after_it_is_a_new_contact_of_their_own(
    person: Recipient, account: OfficialAccount, at: datetime
) -> None:
    forgetting.erase(person, at=at, by=None)
    said = {"type": "text", "id": "1", "text": "Hello again"}
    source = {"type": "user", "userId": USER_ID}
    word = event("message", at + 5 * SECOND, number=31, source=source, message=said)
    inbox.store(account.pk, provider="line", body=body_of(word), at=at)
    inbox.read(at=at + 21 * SECOND)

    row = Recipient.objects.get(line_user_id=USER_ID)
    assert (row.pk != person.pk, row.phone, row.attributes) == (True, None, {})
    assert row.conversation.messages.get().text == "Hello again"


def test_a_message_under_way_still_gets_its_answer(
    account: OfficialAccount, person: Recipient, at: datetime
) -> None:
    queued = Message.objects.filter(recipient=person, status=Status.QUEUED, past_attempts=None)
    under_way = queued.order_by("pk")[0]
    Message.objects.filter(pk=under_way.pk).update(
        status=Status.SENDING, attempts=1, attempt_started_at=at
    )
    under_way.refresh_from_db()

    forgetting.erase(person, at=at, by=None)

    under_way.refresh_from_db()
    assert (under_way.status, under_way.values, under_way.address) == ("sending", {}, "")
    tag = event("delivery", at + SECOND, number=40, delivery={"data": under_way.reference.hex})
    inbox.store(account.pk, provider="line", body=body_of(tag), at=at)
    inbox.read(at=at + SECOND)
    under_way.refresh_from_db()
    assert under_way.status == Status.DELIVERED


def test_a_former_owner_is_forgotten_with_the_number_they_had(
    person: Recipient, account: OfficialAccount, at: datetime
) -> None:
    at += 60 * SECOND  # what is held was told before
    [made] = reissued.take(person, at=at, by=None, reason=f"{NAME} gave {NATIONAL} back")
    Reachability.objects.update_or_create(
        recipient=made.now, defaults={"reached_at": at, "message_id": 1}
    )

    forgetting.erase(made.former, at=at, by=None)

    # What is left is the new owner's row with their number, and nothing else.
    assert found() == {"recipients_recipient": 1}
    made.now.refresh_from_db()
    assert (made.now.phone, made.now.erased_at, made.now.consent) == (PHONE, None, "not_set")
    assert Reachability.objects.get().recipient_id == made.now.pk
    assert not erasure.is_erased(account, PHONE)


def test_a_late_receipt_leaves_no_reachability_of_the_forgotten(
    account: OfficialAccount, person: Recipient, at: datetime
) -> None:
    Message.objects.filter(recipient=person, status=Status.QUEUED, past_attempts=None).update(
        status=Status.SENDING, attempts=1, attempt_started_at=at
    )
    under_way = Message.objects.filter(recipient=person, status=Status.SENDING)[0]
    forgetting.erase(person, at=at, by=None)

    tag = event("delivery", at + SECOND, number=41, delivery={"data": under_way.reference.hex})
    inbox.store(account.pk, provider="line", body=body_of(tag), at=at)
    inbox.read(at=at + SECOND)

    under_way.refresh_from_db()
    assert under_way.status == Status.DELIVERED
    assert not Reachability.objects.exists()


MAY_ERASE = {"author": 403, "reviewer": 403, "sender": 403, "auditor": 403, "manager": 204}


@pytest.mark.parametrize("role", MAY_ERASE)
def test_forgetting_over_the_api_is_the_managers(role: str, account: OfficialAccount) -> None:
    person = factories.recipient(account, 1)
    path = f"recipients/{person.pk}/?reason=asked"

    assert Api(factories.user(role)).delete(path).status_code == MAY_ERASE[role]

    person.refresh_from_db()
    assert (person.erased_at is not None) == (MAY_ERASE[role] == 204)


@pytest.mark.parametrize("reason", ["", "?reason=", "?reason=%20", "?reason=..."])
def test_forgetting_asks_for_a_reason(reason: str, account: OfficialAccount, api: Api) -> None:
    person = factories.recipient(account, 1)

    answer = api.delete(f"recipients/{person.pk}/{reason}")

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["reason"])
    person.refresh_from_db()
    assert person.erased_at is None


def test_forgetting_twice_is_done_once(account: OfficialAccount, api: Api) -> None:
    person = factories.recipient(account, 1)
    path = f"recipients/{person.pk}/?reason=asked"

    assert [api.delete(path).status_code for _ in range(2)] == [204, 204]
    assert AuditEntry.objects.filter(action="recipient.erase").count() == 1


def test_nobody_is_forgotten_from_another_account(account: OfficialAccount) -> None:
    person = factories.recipient(account, 1)
    elsewhere = factories.account("other", channel="1650000002", secret="s" * 32)
    user = factories.user("manager")
    AccountScope.objects.create(user=user).accounts.set([elsewhere])
    only = Api(user, "templates", "campaigns", "messages")

    assert Api(user).delete(f"recipients/{person.pk}/?reason=x").status_code == 404
    assert only.delete(f"recipients/{person.pk}/?reason=x").status_code == 403
    person.refresh_from_db()
    assert person.erased_at is None


def test_the_page_asks_for_a_reason_and_forgets(account: OfficialAccount) -> None:
    person = factories.recipient(account, 1)
    console = Client()
    console.force_login(factories.user("manager"))
    page = reverse("admin:recipients_recipient_act", args=[person.pk, "erase"])

    assert console.post(page, {"reason": ""}).status_code == 409
    assert console.post(page, {"reason": "asked"}).status_code == 302
    person.refresh_from_db()
    assert person.erased_at is not None


def test_other_texts_of_the_account_lose_the_number_only(
    account: OfficialAccount, at: datetime
) -> None:
    person = factories.recipient(account, 1, phone=PHONE)
    details: dict[str, Any] = {"account": account, "created_at": at, "file_sha256": "x"}
    names = ["+66 (0)89 765 4321.csv", "0897654321", "089-765-4322", str(uuid.UUID(int=1))]
    for name in names:
        RecipientImport.objects.create(file_name=name, state="failed", **details)

    forgetting.erase(person, at=at, by=None)

    kept = RecipientImport.objects.order_by("pk").values_list("file_name", flat=True)
    assert list(kept) == ["***.csv", "***", *names[2:]]


def trial(account: OfficialAccount, content: bytes, at: datetime) -> RecipientImport:
    job = imports.receive(
        account, name="x", file=io.BytesIO(content), at=at, by=None, is_dry_run=True
    )
    return imports.run(job, at=at)


def test_kept_files_of_trials_go_where_they_name_the_person_or_may(
    account: OfficialAccount, at: datetime
) -> None:
    person = factories.recipient(account, 1, phone=PHONE, line_user_id=USER_ID)
    wide = "".join(chr(ord(each) + 0xFEE0) for each in NATIONAL)
    thai = "".join(chr(ord(each) - ord("0") + 0x0E50) for each in NATIONAL)
    naming = [
        f"phone\n{NATIONAL}\n".encode(),
        b"phone\n+66 (0)89-765.4321\n" + b"0812300001\n" * 100_000,
        f"phone,name\n{wide},สมชาย\n".encode(),
        f"phone\n{thai}\n".encode(),
        f"line_user_id\n{USER_ID}\n".encode(),
        f"phone\n{NATIONAL}\n".encode("utf-16"),
    ]
    others = [b"phone\n0812300001\n0812300002\n", "phone,name\n0812300003,สมชาย\n".encode()]
    jobs = [trial(account, content, at) for content in (*naming, *others)]
    assert all(job.parts.exists() for job in jobs)

    forgetting.erase(person, at=at, by=None)

    assert [job.parts.exists() for job in jobs] == [False] * len(naming) + [True] * len(others)


def test_refused_rows_lose_what_stood_in_them(account: OfficialAccount, at: datetime) -> None:
    person = factories.recipient(account, 1, phone=PHONE, line_user_id=None)
    rows_ = f"phone,consent,name\n{NATIONAL},perhaps,{NAME}\n12,agreed,somebody\n"
    job = imports.receive(account, name="x", file=io.BytesIO(rows_.encode()), at=at, by=None)
    assert imports.run(job, at=at).refused == 2
    assert found()["recipients_importrefusal"] == 1

    forgetting.erase(person, at=at, by=None)

    assert found() == {}
    assert [bool(row.cells) for row in job.refusals.order_by("row")] == [False, True]


def test_a_draft_whose_only_person_was_forgotten_is_for_nobody(
    account: OfficialAccount, at: datetime
) -> None:
    person = factories.recipient(account, 1)
    factories.recipient(account, 2)
    made = campaigns.create(
        account, template=factories.approved(account), name="one", by=factories.user("sender"),
        at=at, audience={"phones": [factories.phone(1)]},
    )  # fmt: skip

    forgetting.erase(person, at=at, by=None)

    made.refresh_from_db()
    assert made.audience == {"recipients": [person.pk]}
    assert audience.preview(made, at=at) == [("excluded", "erased", 1)]
