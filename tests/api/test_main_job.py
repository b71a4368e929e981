"""The main job by the API alone, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from lineportal.accounts.models import AccountScope, ApiKey, OfficialAccount, Road
from lineportal.sending.models import Message
from recipients import imports
from recipients.models import Recipient, RecipientImport
from tests import factories
from tests.api.client import Api
from tests.line import CHANNEL, SECRET, Line

TEMPLATE = {
    "account": "thai-post",
    "key": "parcel",
    "service": "lon",
    "language": "th",
    "purpose": "A parcel has arrived",
    "content": factories.PARCEL,
}


@pytest.fixture
def manager_api(db: None) -> Api:
    return Api(factories.user("manager"))


@pytest.fixture
def reviewer_api(db: None) -> Api:
    return Api(factories.user("reviewer"))


def test_the_whole_job_by_api(
    line: Line, drain: Callable[[], None], manager_api: Api, reviewer_api: Api
) -> None:
    line.channel()
    line.people({"phone": factories.phone(1), "consent": "agreed"})
    made = manager_api.post(
        "accounts/",
        {
            "slug": "thai-post",
            "name": "Thai Post",
            "country": "TH",
            "provider": "line",
            "api_base_url": line.url,
            "credentials": {"channel_id": CHANNEL, "channel_secret": SECRET},
        },
    )
    assert made.status_code == 201, made.content
    assert "/webhooks/line/" in made.json()["webhook_url"]
    assert SECRET not in made.content.decode()

    template = manager_api.post("templates/", TEMPLATE).json()
    assert (template["state"], template["version"]) == ("draft", 1)
    assert template["placeholders"] == ["name", "tracking_no", "parcel_from"]
    path = f"templates/{template['id']}/"
    assert manager_api.post(f"{path}submit/").json()["state"] == "submitted"
    four_eyes = manager_api.post(f"{path}approve/", {"line_reference": "x"})
    assert (four_eyes.status_code, four_eyes.json()["error"]) == (403, "four_eyes")
    missing = reviewer_api.post(f"{path}approve/")
    assert (missing.status_code, list(missing.json()["fields"])) == (400, ["line_reference"])
    decision = {"line_reference": "LINE-1", "line_decided_on": "2026-11-01"}
    assert reviewer_api.post(f"{path}approve/", decision).json()["state"] == "approved"

    person = {"account": "thai-post", "phone": "081 230 0001", "consent": "agreed",
              "attributes": factories.VALUES}  # fmt: skip
    recipient = manager_api.post("recipients/", person).json()
    assert recipient["phone"] == factories.phone(1)
    verdict = manager_api.get(
        f"recipients/{recipient['id']}/eligibility/?template={template['id']}"
    ).json()
    assert (verdict["verdict"], verdict["rule"]) == ("send", "")
    assert {fact["name"] for fact in verdict["inputs"]} >= {"consent", "friend_status", "values"}
    assert {read["result"] for read in verdict["reading"]} == {"passed", "not_asked"}

    campaign = {"account": "thai-post", "template": "parcel", "name": "first"}
    pk = manager_api.post("campaigns/", campaign).json()["id"]
    preview = manager_api.get(f"campaigns/{pk}/preview/").json()
    assert preview == {"total": 1, "by_verdict": {"send": 1}, "by_rule": {}, "quota": None}
    matrix = manager_api.get(f"campaigns/{pk}/matrix/").json()
    assert (matrix["total"], matrix["by_rule"], len(matrix["matrix"])) == (1, {"": 1}, 9)
    assert sum(cell["n"] for cell in matrix["matrix"]) == 1
    assert manager_api.post(f"campaigns/{pk}/start/").status_code in (200, 202)
    drain()
    report = manager_api.get(f"campaigns/{pk}/report/").json()
    assert (report["total"], report["by_status"]) == (1, {"accepted": 1})
    [message] = manager_api.get(f"campaigns/{pk}/messages/").json()["results"]
    proof = manager_api.get(f"messages/{message['id']}/proof/").json()
    assert (proof["verdict"], proof["rules_version"]) == ("send", verdict["rules_version"])
    assert proof["reading"] == verdict["reading"]
    assert message["reference"] == line.sends()[0]["tag"]
    assert message["template_version"] == 1


class Made:
    """An approved template, a draft, and a person, on one account."""

    def __init__(self) -> None:
        self.account = factories.account()
        self.template = factories.approved(self.account)
        self.draft = factories.draft(self.account, key="later")
        self.person = factories.recipient(self.account, 1, consent="agreed")


@pytest.fixture
def made(db: None) -> Made:
    return Made()


REFUSALS: list[tuple[str, Any, int, str]] = [
    ("templates/", TEMPLATE, 409, "exists"),
    ("templates/", {**TEMPLATE, "key": "x", "content": {"items": []}}, 400, "invalid"),
    ("templates/", {**TEMPLATE, "key": "x", "content": []}, 400, "invalid"),
    ("templates/", {**TEMPLATE, "key": "x", "category": "marketing"}, 400, "invalid"),
    ("templates/", {**TEMPLATE, "key": "x", "service": "sms"}, 400, "invalid"),
    ("templates/", {**TEMPLATE, "key": "x", "account": "other"}, 400, "invalid"),
    ("templates/{template}/submit/", {}, 409, "wrong_state"),
    ("templates/{draft}/recall/", {}, 409, "wrong_state"),
    ("templates/{draft}/revise/", {}, 409, "wrong_state"),
    ("templates/99999999999999999999/submit/", {}, 404, "not_found"),
    ("campaigns/", {"account": "thai-post", "template": "later", "name": "n"}, 409, "wrong_state"),
    ("campaigns/", {"account": "thai-post", "template": "nothing", "name": "n"}, 400, "invalid"),
    ("campaigns/", {"account": "thai-post", "template": "parcel", "name": " "}, 400, "invalid"),
    (
        "campaigns/",
        {"account": "thai-post", "template": "parcel", "name": "n", "audience": {"x": 1}},
        400,
        "invalid",
    ),
    ("recipients/", {"account": "thai-post", "phone": "0812300001"}, 409, "exists"),
    ("recipients/", {"account": "thai-post", "phone": "12"}, 400, "invalid"),
    ("recipients/", {"account": "thai-post"}, 400, "invalid"),
    (
        "recipients/",
        {"account": "thai-post", "phone": "0899999999", "consent": "maybe"},
        400,
        "invalid",
    ),
    ("suppressions/", {"account": "thai-post", "phone": "x", "reason": "r"}, 400, "invalid"),
    (
        "accounts/",
        {
            "slug": "s",
            "name": "n",
            "country": "TH",
            "provider": "infobip",
            "credentials": {"api_key": "k"},
        },
        400,
        "invalid",
    ),
    (
        "accounts/",
        {
            "slug": "s",
            "name": "n",
            "country": "TH",
            "provider": "line",
            "api_base_url": "https://evil.example",
            "credentials": {"channel_id": "1", "channel_secret": "s"},
        },
        400,
        "invalid",
    ),
]


@pytest.mark.parametrize(("path", "body", "status", "code"), REFUSALS)
def test_a_refusal_has_a_code_and_a_sentence(
    path: str, body: Any, status: int, code: str, made: Made, manager_api: Api
) -> None:
    path = path.format(template=made.template.pk, draft=made.draft.pk)

    answer = manager_api.post(path, body)

    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.content
    assert len(answer.json()["detail"]) > 10
    assert made.person.phone not in answer.content.decode()


@pytest.mark.parametrize(
    "raw",
    [b"{", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"slug": "a\\u0000b"}'],
    ids=["cut", "list", "text", "no utf-8", "deep", "nul"],
)
@pytest.mark.parametrize("path", ["templates/", "recipients/", "campaigns/", "messages/"])
def test_a_body_that_is_no_object_is_refused(
    raw: bytes, path: str, made: Made, manager_api: Api
) -> None:
    answer = manager_api.client.post(
        f"/api/v1/{path}", raw, content_type="application/json", headers={"Idempotency-Key": "k"}
    )

    assert answer.status_code == 400, answer.content
    assert answer.json()["error"] == "invalid"


def test_nul_bytes_are_refused_with_a_sentence(made: Made, manager_api: Api) -> None:
    person = {"account": "thai-post", "phone": "0899999999", "attributes": {"name": "a\x00b"}}

    answer = manager_api.post("recipients/", person)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid")


def test_a_message_is_made_once_per_key(
    made: Made, manager_api: Api, transactional_db: None
) -> None:
    body = {"account": "thai-post", "template": "parcel", "phone": "0812300009",
            "values": factories.VALUES}  # fmt: skip

    first = manager_api.post("messages/", body, **{"Idempotency-Key": "order-1"})
    again = manager_api.post("messages/", body, **{"Idempotency-Key": "order-1"})
    other = manager_api.post(
        "messages/", {**body, "phone": "0812300008"}, **{"Idempotency-Key": "order-1"}
    )
    without = manager_api.post("messages/", body)

    assert (first.status_code, first.json()["verdict"]) == (202, "send_pending_consent")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert (other.status_code, other.json()["error"]) == (409, "key_reused")
    assert without.status_code == 400
    assert Message.objects.count() == 1


def test_an_excluded_message_is_kept_and_says_why(made: Made, manager_api: Api) -> None:
    Recipient.objects.update(friend_status="blocked")
    body = {"account": "thai-post", "template": "parcel", "phone": factories.phone(1)}

    answer = manager_api.post("messages/", body, **{"Idempotency-Key": "order-2"})

    assert answer.status_code == 422
    assert answer.json()["rule"] == "blocked"
    assert Message.objects.get(pk=answer.json()["id"]).status == "skipped"


def test_a_message_past_its_time_is_cancelled(made: Made, manager_api: Api, at: datetime) -> None:
    body = {"account": "thai-post", "template": "parcel", "phone": factories.phone(1),
            "not_after": (at - timedelta(hours=1)).isoformat()}  # fmt: skip

    answer = manager_api.post("messages/", body, **{"Idempotency-Key": "order-3"})

    pk = answer.json()["id"]
    message = manager_api.get(f"messages/{pk}/").json()
    assert (message["status"], message["detail"]) == ("cancelled", "too_late")


def test_consent_tightens_at_once_and_loosens_only_dated(
    made: Made, manager_api: Api, at: datetime
) -> None:
    path = f"recipients/{made.person.pk}/"

    assert manager_api.patch(path, {"consent": "rejected"}).json()["consent"] == "rejected"
    back = manager_api.patch(path, {"consent": "agreed"})
    assert (back.status_code, back.json()["error"]) == (409, "wrong_state")
    later = (at + timedelta(days=1)).isoformat()
    assert manager_api.patch(path, {"consent": "agreed", "observed_at": later}).status_code == 400
    never = manager_api.patch(path, {"consent": "not_set"})
    assert never.status_code == 409


def test_a_key_can_do_no_more_than_its_scopes_its_user_and_their_accounts(made: Made) -> None:
    reader, user = Api(factories.user("auditor")), factories.user("manager")
    narrow, scoped = Api(user, "templates"), Api(user)
    body = {**TEMPLATE, "key": "new"}

    assert Client().get("/api/v1/templates/").status_code == 401
    assert (
        Client(headers={"Authorization": "Bearer no"}).get("/api/v1/accounts/").status_code == 401
    )
    assert reader.get("templates/").status_code == 200
    assert reader.post("templates/", body).status_code == 403
    assert narrow.get("recipients/").status_code == 403
    assert narrow.post(f"templates/{made.template.pk}/revoke/", {"reason": "r"}).status_code == 403
    scope = AccountScope.objects.create(user=user)
    assert scoped.get("templates/").json()["results"] == []
    assert scoped.get(f"templates/{made.template.pk}/").status_code == 404
    assert scoped.post("templates/", body).status_code == 400
    scope.accounts.add(made.account)
    assert scoped.post("templates/", body).status_code == 201
    ApiKey.objects.filter(user=user).update(revoked_at="2026-01-01T00:00:00Z")
    assert scoped.get("templates/").status_code == 401


def upload(api: Api, name: str, content: bytes) -> RecipientImport:
    answer = api.client.post(
        "/api/v1/recipients/imports/",
        {"account": "thai-post", "file": SimpleUploadedFile(name, content)},
    )
    assert answer.status_code == 202, answer.content
    job = RecipientImport.objects.get(pk=answer.json()["id"])
    return imports.run(job, at=job.created_at)


def test_an_import_reports_every_row(made: Made, manager_api: Api) -> None:
    content = (
        "phone,consent,name\n0812300001,agreed,a\n0812300002,ยินยอม,b\n"
        "0812300002,ยินยอม,b\nabc,agreed,c\n0812300003,maybe,d\n"
    ).encode()

    job = upload(manager_api, "people.csv", content)

    found = manager_api.get(f"recipients/imports/{job.pk}/").json()
    assert found["state"] == "finished"
    assert (
        found["rows"]
        == 5
        == sum(found[name] for name in ("created", "updated", "unchanged", "refused"))
    )
    assert [(e["row"], e["column"]) for e in found["errors"]] == [(5, "A"), (6, "B")]


@pytest.mark.parametrize(
    "content",
    [b"", b"phone\n", b"name\nx\n", b"phone,Phone\n0812300002,0812300003\n", b"phone\n\x00\n",
     b'phone,name\n0812300002,"open\n', b"PK\x03\x04 no zip"],
)  # fmt: skip
def test_an_unusable_file_imports_nothing_and_says_why(
    content: bytes, made: Made, manager_api: Api
) -> None:
    before = Recipient.objects.count()

    job = upload(manager_api, "people.csv", content)

    found = manager_api.get(f"recipients/imports/{job.pk}/").json()
    assert (found["state"], Recipient.objects.count()) == ("failed", before)
    assert len(found["problem"]) > 20


def test_a_campaign_of_rows_writes_each_parcel(made: Made, manager_api: Api) -> None:
    rows = [
        {"phone": factories.phone(1), "item": "A", "values": {**factories.VALUES}},
        {"phone": factories.phone(1), "item": "B", "values": {**factories.VALUES}},
        {"phone": factories.phone(1), "item": "B", "values": {**factories.VALUES}},
        {"phone": factories.phone(7), "values": {"name": "only"}},
    ]
    body = {
        "account": "thai-post",
        "template": "parcel",
        "name": "rows",
        "audience": {"rows": rows},
    }

    pk = manager_api.post("campaigns/", body).json()["id"]
    manager_api.post(f"campaigns/{pk}/start/")

    report = manager_api.get(f"campaigns/{pk}/report/").json()
    assert report["by_status"] == {"queued": 2, "skipped": 2}
    assert report["by_rule"] == {"already_in_campaign": 1, "missing_values": 1}
    again = manager_api.post("campaigns/", body)
    assert (again.status_code, again.json()["error"]) == (409, "exists")


def test_the_schema_and_its_page_are_served(db: None) -> None:
    assert b"/api/v1/campaigns/" in Client().get("/api/schema/").content
    assert Client().get("/api/docs/").status_code == 200


def test_preview_shows_the_bytes_of_a_real_send(made: Made, manager_api: Api) -> None:
    path = f"templates/{made.template.pk}/preview/"

    shown = manager_api.post(path, {"values": factories.VALUES}).json()
    missing = manager_api.post(path, {"values": {}})

    sent = shown["providers"]["line"]
    assert sent["path"] == "/bot/pnp/push"
    assert sent["body"]["messages"] == [shown["message"]]
    assert "X-Line-Retry-Key" not in sent["headers"]
    assert missing.status_code == 400


def test_a_road_is_never_shown_with_its_secret(made: Made, manager_api: Api) -> None:
    text = manager_api.get("accounts/").content.decode()

    assert SECRET not in text
    assert Road.objects.filter(credentials__contains=SECRET).count() == 0
    assert OfficialAccount.objects.count() == 1
    assert text.count('"webhook_url":') == 1
