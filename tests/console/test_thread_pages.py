"""The thread on a version's page: written in place, read by all, its files only downloaded."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lineportal.accounts.models import AccountScope
from templates_app import attachments, thread
from templates_app.models import MessageTemplate, ReviewEntry, ReviewFile
from tests import factories


@pytest.fixture
def template(db: None) -> MessageTemplate:
    return factories.draft(factories.account())


def login(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(template: MessageTemplate) -> str:
    return reverse("admin:templates_app_messagetemplate_change", args=[template.pk])


def say(client: Client, template: MessageTemplate, **body: Any) -> Any:
    url = reverse("admin:templates_app_messagetemplate_act", args=[template.pk, "say"])
    return client.post(url, {"kind": "comment", **body})


def file_url(template: MessageTemplate, file: ReviewFile) -> str:
    return reverse("admin:templates_app_messagetemplate_file", args=[template.pk, file.pk])


def test_an_entry_with_files_is_written_in_place(template: MessageTemplate, author: User) -> None:
    client = login(author)
    files = [SimpleUploadedFile("a.pdf", b"one"), SimpleUploadedFile("ข.png", b"two")]

    answer = say(client, template, kind="question", text="ใครได้รับ?", attached=files)

    entry = ReviewEntry.objects.get()
    assert answer.url == f"{page_of(template)}#entry-{entry.pk}"
    shown = client.get(page_of(template)).content.decode()
    assert "ใครได้รับ?" in shown
    assert "not answered" in shown
    for file in entry.files.all():
        assert file_url(template, file) in shown
        download = client.get(file_url(template, file))
        assert download.content in (b"one", b"two")
        assert download["Content-Disposition"].startswith("attachment")
        assert download["Content-Type"] == "application/octet-stream"
        assert download["X-Content-Type-Options"] == "nosniff"


def test_what_was_missing_is_asked_on_a_page_that_keeps_what_was_written(
    template: MessageTemplate, reviewer: User
) -> None:
    answer = say(
        login(reviewer), template, kind="dossier_sent", text="the whole pack", mentioned=reviewer.pk
    )

    assert answer.status_code == 409
    shown = answer.content.decode()
    assert "Say to whom the dossier was sent." in shown
    assert "the whole pack" in shown
    assert f'name="mentioned" value="{reviewer.pk}"' in shown
    assert not ReviewEntry.objects.exists()


def test_what_is_written_is_shown_as_words_and_never_as_markup(
    template: MessageTemplate, author: User
) -> None:
    client = login(author)
    say(client, template, text="<script>alert(1)</script>",
        attached=SimpleUploadedFile("<b>x</b>.html", b"<script>"))  # fmt: skip

    shown = client.get(page_of(template)).content.decode()

    assert "<script>alert(1)" not in shown
    assert "<b>x" not in shown


def test_who_has_no_address_is_named_on_the_page(template: MessageTemplate, author: User) -> None:
    client = login(author)
    factories.user("reviewer", username="silent")
    assert "has no e-mail address" in client.get(page_of(template)).content.decode()

    say(client, template, text="@silent look")

    shown = client.get(page_of(template)).content.decode()
    assert "silent (no e-mail address, so not mailed)" in shown


@pytest.mark.parametrize("role", ["sender", "auditor"])
def test_who_only_reads_is_offered_no_form(role: str, template: MessageTemplate) -> None:
    client = login(factories.user(role))

    shown = client.get(page_of(template)).content.decode()

    assert 'id="thread"' in shown
    assert "say-kind" not in shown
    assert say(client, template, text="x").status_code == 403
    assert not ReviewEntry.objects.exists()


def test_a_file_is_only_for_those_who_may_see_the_account(
    template: MessageTemplate, author: User, at: Any
) -> None:
    attached = attachments.read("a.pdf", b"x")
    thread.say(template, "comment", "x", by=author, at=at, files=[attached])
    url = file_url(template, ReviewFile.objects.get())
    stranger = factories.user("manager")
    AccountScope.objects.create(user=stranger)

    assert login(stranger).get(url).status_code == 404
    assert login(factories.user()).get(url).status_code == 404
    assert login(factories.user("auditor")).get(url).status_code == 200
    assert Client().get(url).status_code == 302
    elsewhere = factories.draft(template.account, key="other")
    moved = reverse(
        "admin:templates_app_messagetemplate_file",
        args=[elsewhere.pk, ReviewFile.objects.get().pk],
    )
    assert login(author).get(moved).status_code == 404


def test_a_page_with_a_long_thread_takes_few_queries(
    template: MessageTemplate, author: User, at: Any
) -> None:
    for n in range(20):
        attached = attachments.read("a.pdf", b"x")
        thread.say(template, "question", f"{n} @{author.username}", by=author, at=at,
                   files=[attached])  # fmt: skip
    client = login(author)

    with CaptureQueriesContext(connection) as queries:
        assert client.get(page_of(template)).status_code == 200

    assert len(queries) <= 30
