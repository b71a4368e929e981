"""A file of people by the API: tried first, with meanings for its columns, its rows repaired."""

from __future__ import annotations

import io
import json
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from lineportal.accounts.models import AccountScope
from recipients import imports
from recipients.models import Recipient, RecipientImport
from tests import factories
from tests.api.client import Api

FILE = "mobile,consent,備註\n0812300001,agreed,x\n0812300002,rejected,y\n12,agreed,z\n"
MAPPING = {"mobile": "phone", "備註": "-"}


@pytest.fixture
def api(db: None) -> Api:
    factories.account()
    return Api(factories.user("manager"))


def send(api: Api, **fields: Any) -> HttpResponse:
    file = SimpleUploadedFile("people.csv", FILE.encode())
    return api.client.post(
        "/api/v1/recipients/imports/", {"account": "thai-post", "file": file, **fields}
    )


def done(answer: HttpResponse) -> RecipientImport:
    assert answer.status_code == 202, answer.content
    job = RecipientImport.objects.get(pk=answer.json()["id"])
    return imports.run(job, at=job.created_at)


def test_a_dry_run_says_what_would_change_and_is_applied(api: Api) -> None:
    tried = done(send(api, dry_run="true", mapping=json.dumps(MAPPING), tag="spring"))
    found = api.get(f"recipients/imports/{tried.pk}/").json()
    assert found["dry_run"] is True
    assert (found["created"], found["refused"]) == (2, 1)
    assert found["header"] == ["mobile", "consent", "備註"]
    assert found["errors"] == [
        {"row": 4, "column": "A", "reason": found["errors"][0]["reason"]},
    ]
    assert not Recipient.objects.exists()

    applied = done(api.post(f"recipients/imports/{tried.pk}/apply/"))
    assert (applied.created, applied.refused) == (2, 1)
    people = Recipient.objects.order_by("phone")
    assert [(each.consent, each.tags, each.attributes) for each in people] == [
        ("agreed", ["spring"], {}), ("rejected", ["spring"], {}),
    ]  # fmt: skip

    again = api.post(f"recipients/imports/{tried.pk}/apply/")
    assert (again.status_code, again.json()["error"]) == (409, "wrong_state")


def test_a_header_without_a_phone_is_refused_as_a_matter_of_its_columns(api: Api) -> None:
    job = done(send(api))

    found = api.get(f"recipients/imports/{job.pk}/").json()

    assert (found["state"], found["problem_kind"]) == ("failed", "columns")
    assert "Row 1" in found["problem"]


def test_the_refused_rows_come_as_a_workbook(api: Api) -> None:
    job = done(send(api, mapping=json.dumps(MAPPING)))

    answer = api.get(f"recipients/imports/{job.pk}/refused/")

    book = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    rows = list(book.active.iter_rows(values_only=True))
    assert rows[1][0] == "4"
    assert rows[1][2:] == ("12", "agreed", "z")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"mapping": "[1]"}, "mapping"),
        ({"mapping": "{"}, "mapping"),
        ({"mapping": '{"mobile": 7}'}, "mapping"),
        ({"mapping": '{"mobile": "a\\u0000b"}'}, "mapping"),
        ({"tag": "x" * 51}, "tag"),
        ({"dry_run": "perhaps"}, "dry_run"),
    ],
)
def test_what_cannot_be_understood_is_named(fields: dict[str, str], name: str, api: Api) -> None:
    answer = send(api, **fields)

    assert (answer.status_code, list(answer.json()["fields"])) == (400, [name])
    assert not RecipientImport.objects.exists()


def test_another_accounts_import_is_not_there(api: Api) -> None:
    job = done(send(api, dry_run="true", mapping=json.dumps(MAPPING)))
    user = factories.user("manager")
    scope = AccountScope.objects.create(user=user)
    scope.accounts.add(factories.account("second", channel="1650000002"))
    stranger = Api(user)

    assert stranger.get(f"recipients/imports/{job.pk}/refused/").status_code == 404
    assert stranger.post(f"recipients/imports/{job.pk}/apply/").status_code == 404


def test_an_auditor_reads_counts_but_no_rows(api: Api) -> None:
    job = done(send(api, dry_run="true", mapping=json.dumps(MAPPING)))
    auditor = Api(factories.user("auditor"))

    for answer in (
        auditor.get(f"recipients/imports/{job.pk}/refused/"),
        auditor.post(f"recipients/imports/{job.pk}/apply/"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
