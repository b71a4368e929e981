"""Every page of the console, as each role: shown, refused, and never broken."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import AccountScope
from lineportal.sending import campaigns
from lineportal.sending.models import Campaign, Message
from recipients import imports, suppression
from recipients.models import Recipient, RecipientImport
from templates_app.models import MessageTemplate, State
from tests import factories

LISTS = {
    "templates_app_messagetemplate": "templates_app.view_messagetemplate",
    "templates_app_catalogueentry": "templates_app.view_catalogueentry",
    "templates_app_catalogueedition": "templates_app.view_catalogueedition",
    "recipients_recipient": "recipients.view_recipient",
    "recipients_recipientimport": "recipients.view_recipientimport",
    "recipients_suppression": "recipients.view_suppression",
    "sending_campaign": "sending.view_campaign",
    "sending_message": "sending.view_message",
    "sending_savedaudience": "sending.view_savedaudience",
    "accounts_officialaccount": "accounts.view_officialaccount",
    "audit_auditentry": "audit.view_auditentry",
    "accounts_apikey": "accounts.view_apikey",
    "auth_user": "auth.view_user",
}
ADDS = {
    "templates_app_catalogueedition": {"manager", "superuser"},
    "templates_app_messagetemplate": {"author", "manager", "superuser"},
    "recipients_recipient": {"sender", "manager", "superuser"},
    "recipients_recipientimport": {"sender", "manager", "superuser"},
    "recipients_suppression": {"sender", "manager", "superuser"},
    "sending_campaign": {"sender", "manager", "superuser"},
    "sending_savedaudience": {"sender", "manager", "superuser"},
    "accounts_officialaccount": {"manager", "superuser"},
}
ROLES = ("author", "reviewer", "sender", "auditor", "manager", "superuser")


@pytest.fixture
def world(db: None, at: datetime) -> dict[str, Any]:
    """One of everything, on one account."""
    account = factories.account()
    by = factories.user("sender")
    template = factories.approved(account)
    for n, consent in enumerate(("agreed", "not_set", "rejected")):
        factories.recipient(account, n, consent=consent)
    draft = campaigns.create(account, template=template, name="draft", by=by, at=at)
    started = campaigns.create(account, template=template, name="started", by=by, at=at)
    campaigns.start(started, by=by, at=at)
    factories.draft(account, key="second")
    suppression.add(account, phone=factories.phone(50), reason="asked by phone", at=at, by=by)
    job = imports.receive(
        account, name="people.csv", at=at, by=by,
        file=io.BytesIO(b"phone,consent\n0812345678,agreed\n12,agreed\n"),
    )  # fmt: skip
    imports.run(job, at=at)
    return {"account": account, "draft": draft, "started": started}


def login(role: str) -> tuple[Client, User]:
    user = factories.superuser() if role == "superuser" else factories.user(role)
    client = Client()
    client.force_login(user)
    return client, user


@pytest.mark.parametrize("role", ROLES)
def test_every_list_and_page_is_shown_to_who_may_see_it(role: str, world: dict[str, Any]) -> None:
    client, user = login(role)
    rows = {
        "templates_app_messagetemplate": MessageTemplate.objects.all(),
        "recipients_recipient": Recipient.objects.all(),
        "recipients_recipientimport": RecipientImport.objects.all(),
        "sending_campaign": Campaign.objects.all(),
        "sending_message": Message.objects.all(),
        "accounts_officialaccount": [world["account"]],
    }

    assert client.get(reverse("admin:index")).status_code == 200
    for name, permission in LISTS.items():
        wanted = 200 if user.has_perm(permission) else 403
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == wanted, name
        for row in rows.get(name, []):
            page = client.get(reverse(f"admin:{name}_change", args=[row.pk]))
            assert page.status_code == wanted, name
            assert factories.phone(0) not in page.content.decode()


@pytest.mark.parametrize("role", ROLES)
def test_only_who_may_add_gets_the_form(role: str, world: dict[str, Any]) -> None:
    client, _user = login(role)
    for name, allowed in ADDS.items():
        wanted = 200 if role in allowed else 403
        assert client.get(reverse(f"admin:{name}_add")).status_code == wanted, name


def test_a_user_with_a_list_of_accounts_sees_nothing_of_others(world: dict[str, Any]) -> None:
    client, user = login("manager")
    AccountScope.objects.create(user=user)

    for name in ("sending_campaign", "templates_app_messagetemplate", "recipients_recipient"):
        page = client.get(reverse(f"admin:{name}_changelist")).content.decode()
        assert "Thai-Post" not in page, name
    theirs = reverse("admin:sending_campaign_change", args=[world["started"].pk])
    assert client.get(theirs).status_code in (302, 404)


def test_the_whole_review_works_by_the_pages(world: dict[str, Any]) -> None:
    author, _user = login("author")
    reviewer, _other = login("reviewer")
    template = MessageTemplate.objects.get(key="second")

    def act(client: Client, name: str, **details: str) -> int:
        url = reverse("admin:templates_app_messagetemplate_act", args=[template.pk, name])
        return client.post(url, details).status_code

    assert act(reviewer, "submit") == 403
    assert act(author, "submit") == 302
    assert act(author, "approve", line_reference="x") == 403
    assert act(reviewer, "approve") == 409  # LINE's reference is missing
    assert act(reviewer, "approve", line_reference="LINE-1", line_decided_on="2026-11-01") == 302
    template.refresh_from_db()
    assert template.state == State.APPROVED


def test_a_draft_is_written_and_edited_by_the_form(world: dict[str, Any]) -> None:
    client, _user = login("author")
    form = {
        "account": world["account"].pk, "key": "third", "kind": "text", "language": "th",
        "purpose": "news", "category": "marketing", "text": "hello", "do": "save",
    }  # fmt: skip

    assert client.post(reverse("admin:templates_app_messagetemplate_add"), form).status_code == 302
    template = MessageTemplate.objects.get(key="third")
    url = reverse("admin:templates_app_messagetemplate_edit", args=[template.pk])
    changed = {**form, "text": "hello again", "seen": template.changed_at.isoformat()}
    assert client.post(url, changed).status_code == 302
    template.refresh_from_db()
    assert template.content == {"text": "hello again"}
    refused = client.post(url, {**form, "text": " "})
    assert refused.status_code == 409
    assert "Write the text of the message" in refused.content.decode()


def test_a_campaign_with_a_file_is_made_and_sent_by_the_pages(world: dict[str, Any]) -> None:
    client, _user = login("sender")
    file = io.BytesIO(b"phone,name,tracking_no,parcel_from\n081 312 3999,a,b,c\n")
    file.name = "rows.csv"
    form = {
        "account": world["account"].pk,
        "template": MessageTemplate.objects.get(key="parcel").pk,
        "name": "by file",
        "file": file,
    }

    assert client.post(reverse("admin:sending_campaign_add"), form).status_code == 302
    campaign = Campaign.objects.get(name="by file")
    page = client.get(reverse("admin:sending_campaign_change", args=[campaign.pk]))
    assert "Send 1 messages" in page.content.decode() or "Send 1 message" in page.content.decode()
    start = reverse("admin:sending_campaign_act", args=[campaign.pk, "start"])
    answer = client.post(start)
    assert answer.status_code == 302, [str(m) for m in answer.context["messages"]]
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.RUNNING
    progress = client.get(reverse("admin:sending_campaign_progress", args=[campaign.pk]))
    assert progress.status_code == 200
    export = client.get(reverse("admin:sending_campaign_export", args=[campaign.pk]))
    assert b"".join(export.streaming_content).count(b"\n") == 2


def test_an_import_is_received_by_the_form(world: dict[str, Any]) -> None:
    client, _user = login("sender")
    file = io.BytesIO(b"phone\n0812223333\n")
    file.name = "more.csv"

    answer = client.post(
        reverse("admin:recipients_recipientimport_add"),
        {"account": world["account"].pk, "upload": file},
    )

    assert answer.status_code == 302
    assert RecipientImport.objects.latest("pk").state == "queued"
