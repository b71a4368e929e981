"""The thread over the API: entries, files as base64, and who may do what."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from django.contrib.auth.models import User

from lineportal.accounts.models import AccountScope
from templates_app.models import MessageTemplate, ReviewEntry
from tests import factories
from tests.api.client import Api
from tests.api.test_hostile_requests import refused

MAY = {"author": 201, "reviewer": 201, "manager": 201, "sender": 403, "auditor": 403}
PDF = {"name": "../plan.pdf", "content": base64.b64encode(b"the plan").decode()}


@pytest.fixture
def template(db: None) -> MessageTemplate:
    return factories.draft(factories.account())


@pytest.fixture
def path(template: MessageTemplate) -> str:
    return f"templates/{template.pk}/thread/"


@pytest.mark.parametrize("role", MAY)
def test_each_role_reads_and_those_who_may_write(role: str, path: str) -> None:
    api = Api(factories.user(role))

    answer = api.post(path, {"kind": "question", "text": "Who gets it?"})

    assert answer.status_code == MAY[role]
    read = api.get(path)
    assert (read.status_code, len(read.json())) == (200, int(MAY[role] == 201))


def test_a_question_is_asked_and_answered_with_a_file(path: str, author: User) -> None:
    asking, answering = Api(author, "templates"), Api(factories.user("reviewer"), "review")
    factories.user("auditor", username="mali")
    asked = asking.post(path, {"kind": "question", "text": "May I say this?", "mentions": ["mali"]})
    assert asked.status_code == 201
    assert (asked.json()["is_open"], asked.json()["not_mailed"]) == (True, ["mali"])

    answer = answering.post(
        path, {"kind": "answer", "text": "See", "answers": asked.json()["id"], "files": [PDF]}
    ).json()

    first, second = asking.get(path).json()
    assert (first["is_open"], first["mentions"], first["by"]) == (False, ["mali"], author.username)
    assert second == answer
    [file] = answer["files"]
    assert (file["name"], file["sha256"]) == ("plan.pdf", hashlib.sha256(b"the plan").hexdigest())
    download = asking.get(f"{path}files/{file['id']}/")
    assert (download.status_code, download.content) == (200, b"the plan")
    assert download["Content-Type"] == "application/octet-stream"
    assert download["Content-Disposition"] == 'attachment; filename="plan.pdf"'
    assert download["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "line_decided", "text": "yes"}, "kind"),
        ({"kind": "comment"}, "text"),
        ({"kind": "comment", "text": "x", "files": [{"name": "a", "content": "?"}]}, "files"),
        ({"kind": "comment", "text": "x", "files": [{"name": "a", "content": ""}]}, "files"),
        ({"kind": "comment", "text": "x", "files": [PDF] * 6}, "files"),
        ({"kind": "comment", "text": "x", "mentions": ["stranger"]}, "mentions"),
        ({"kind": "answer", "text": "x"}, "answers"),
        ({"kind": "answer", "text": "x", "answers": 10**18}, "answers"),
        ({"kind": "dossier_sent", "party": "LINE"}, "happened_on"),
        ({"kind": "dossier_sent", "happened_on": "2026-01-01"}, "party"),
        ({"kind": "line_asked", "text": "x", "happened_on": "2199-01-01"}, "happened_on"),
    ],
)
def test_what_an_entry_lacks_is_named(body: dict[str, Any], field: str, path: str) -> None:
    answer = Api(factories.user("manager")).post(path, body)

    refused(answer, 400, "invalid")
    assert any(name.startswith(field) for name in answer.json()["fields"])
    assert not ReviewEntry.objects.exists()


def test_a_file_of_another_version_or_account_is_not_found(
    template: MessageTemplate, path: str
) -> None:
    api = Api(factories.user("manager"))
    entry = api.post(path, {"kind": "comment", "text": "x", "files": [PDF]}).json()
    file = entry["files"][0]["id"]
    other = factories.draft(template.account, key="other")
    stranger = factories.user("reviewer")
    AccountScope.objects.create(user=stranger)

    refused(api.get(f"templates/{other.pk}/thread/files/{file}/"), 404, "not_found")
    refused(Api(stranger).get(f"{path}files/{file}/"), 404, "not_found")
    refused(Api(stranger).get(path), 404, "not_found")
    refused(Api(factories.user("manager"), "messages").get(path), 403, "forbidden")


def test_every_state_takes_an_entry_over_the_api(db: None) -> None:
    approved = factories.approved(factories.account())
    api = Api(factories.user("author"))

    assert api.post(f"templates/{approved.pk}/thread/", {"kind": "comment", "text": "x"})

    kinds = [line["kind"] for line in api.get(f"templates/{approved.pk}/thread/").json()]
    assert kinds == ["line_decided", "comment"]
