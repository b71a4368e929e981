"""What the API allows and forbids as things change: states, versions, scopes, the forgotten."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import openpyxl
import pytest

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import forgetting
from lineportal.sending.models import Message
from recipients.models import Recipient
from templates_app.models import MessageTemplate
from tests import factories
from tests.api.client import Api
from tests.api.test_hostile_requests import ONE_OFF, refused
from tests.api.test_main_job import upload


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def template(account: OfficialAccount) -> MessageTemplate:
    return factories.approved(account)


@pytest.fixture
def api(template: MessageTemplate) -> Api:
    return Api(factories.user("manager"))


def test_a_template_in_review_or_rejected_sends_nothing(
    account: OfficialAccount, api: Api, at: datetime
) -> None:
    reviewer = Api(factories.user("reviewer"))
    pk = factories.draft(account, key="other").pk
    body = {"account": "thai-post", "template": pk, "name": "n"}
    steps = [
        lambda: None,
        lambda: api.post(f"templates/{pk}/submit/"),
        lambda: reviewer.post(f"templates/{pk}/reject/", {"reason": "no", "decided_by": "line"}),
    ]

    for step in steps:
        step()
        for template in (pk, "other"):
            refused(api.post("campaigns/", {**body, "template": template}), 409, "wrong_state")
            one_off = {**ONE_OFF, "template": template}
            answer = api.post("messages/", one_off, **{"Idempotency-Key": f"{template}"})
            refused(answer, 409, "wrong_state")

    assert not Message.objects.exists()


def test_a_repeat_answers_as_at_first_though_the_template_is_revoked_since(
    api: Api, template: MessageTemplate, at: datetime
) -> None:
    key = {"Idempotency-Key": "order-9"}
    first = api.post("messages/", ONE_OFF, **key)
    assert api.post(f"templates/{template.pk}/revoke/", {"reason": "LINE"}).status_code == 200

    again = api.post("messages/", ONE_OFF, **key)

    assert (again.status_code, again.json()) == (202, first.json())
    refused(api.post("messages/", ONE_OFF, **{"Idempotency-Key": "new"}), 409, "wrong_state")


def test_a_key_names_the_approved_version_while_a_newer_draft_is_written(
    api: Api, template: MessageTemplate
) -> None:
    revised = api.post(f"templates/{template.pk}/revise/")
    assert (revised.status_code, revised.json()["version"]) == (201, 2)

    made = api.post("messages/", ONE_OFF, **{"Idempotency-Key": "k"}).json()

    assert (made["template"], made["template_version"]) == (template.pk, 1)


def test_who_asked_to_be_forgotten_is_excluded_by_that_rule(
    account: OfficialAccount, api: Api, at: datetime
) -> None:
    from_start = factories.recipient(account, 9, consent="agreed")
    forgetting.erase(from_start, at=at, by=None)

    answer = api.post("messages/", ONE_OFF, **{"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json()["rule"]) == (422, "erased")
    message = Message.objects.get(pk=answer.json()["id"])
    assert (message.status, message.values, message.address) == ("skipped", {}, "")
    assert message.recipient_id == from_start.pk


def test_acts_on_a_campaign_out_of_their_order_are_wrong_state(api: Api, at: datetime) -> None:
    body = {"account": "thai-post", "template": "parcel", "name": "n"}
    pk = api.post("campaigns/", body).json()["id"]

    for act in ("pause", "resume"):
        refused(api.post(f"campaigns/{pk}/{act}/"), 409, "wrong_state")
    assert api.post(f"campaigns/{pk}/start/").json()["state"] == "finished"  # nobody is there
    for act in ("start", "pause", "resume", "cancel"):
        refused(api.post(f"campaigns/{pk}/{act}/"), 409, "wrong_state")


def test_a_suppression_ends_by_number_or_by_id(account: OfficialAccount, api: Api) -> None:
    person = {"account": "thai-post", "phone": "081-230-0001", "reason": "asked"}
    factories.recipient(account, 1, consent="agreed")
    one_off = {**ONE_OFF, "phone": factories.phone(1)}

    pk = api.post("suppressions/", person).json()["id"]
    kept = api.post("messages/", one_off, **{"Idempotency-Key": "1"})
    assert (kept.status_code, kept.json()["rule"]) == (422, "suppressed")
    assert api.client.delete(f"/api/v1/suppressions/{pk}/").status_code == 204
    refused(api.client.delete(f"/api/v1/suppressions/{pk}/"), 404, "not_found")
    assert api.post("messages/", one_off, **{"Idempotency-Key": "2"}).status_code == 202

    api.post("suppressions/", person)
    where = "/api/v1/suppressions/?account=thai-post"
    refused(api.client.delete(where), 400, "invalid")
    assert api.client.delete(f"{where}&phone=0812300001").status_code == 204
    refused(api.client.delete(f"{where}&phone=0812300001"), 404, "not_found")
    assert api.get("suppressions/").json()["results"] == []


def test_consent_loosens_with_a_later_date(
    account: OfficialAccount, api: Api, at: datetime
) -> None:
    person = {"account": "thai-post", "phone": "0812300001", "consent": "rejected",
              "observed_at": (at - timedelta(days=2)).isoformat()}  # fmt: skip
    path = f"recipients/{api.post('recipients/', person).json()['id']}/"

    older = {"consent": "agreed", "observed_at": (at - timedelta(days=3)).isoformat()}
    refused(api.patch(path, older), 409, "wrong_state")
    later = {"consent": "agreed", "observed_at": (at - timedelta(days=1)).isoformat()}
    assert api.patch(path, later).json()["consent"] == "agreed"


@pytest.mark.parametrize(
    ("scope", "method", "path", "allowed"),
    [
        ("review", "get", "templates/", True),
        ("review", "post", "templates/", False),
        ("templates", "post", "templates/{template}/revoke/", False),
        ("reports", "get", "campaigns/", True),
        ("reports", "post", "campaigns/", False),
        ("messages", "get", "recipients/", False),
        ("messages", "post", "campaigns/", False),
        ("reports", "get", "audiences/", True),
        ("reports", "post", "audiences/", False),
        ("recipients", "get", "audiences/", False),
        ("reports", "post", "audiences/count/", False),
        ("recipients", "get", "suppressions/", True),
        ("conversations", "get", "conversations/", True),
        ("recipients", "get", "conversations/", False),
        ("messages", "post", "conversations/1/messages/", False),
        ("recipients", "get", "accounts/", False),
        ("accounts", "post", "messages/", False),
        ("conversations", "get", "canned-answers/", True),
        ("conversations", "get", "answer-rules/", True),
        ("conversations", "get", "accounts/thai-post/answering/", True),
        ("conversations", "get", "campaigns/", False),
        ("campaigns", "get", "canned-answers/", False),
        ("messages", "post", "answer-rules/", False),
        ("accounts", "get", "accounts/thai-post/answering/", False),
        ("templates", "post", "accounts/thai-post/check/", False),
        ("campaigns", "post", "accounts/thai-post/roads/", False),
        ("campaigns", "post", "accounts/thai-post/roads/lon/credentials/", False),
    ],
)
def test_a_scope_opens_its_own_doors_only(
    scope: str, method: str, path: str, allowed: bool, template: MessageTemplate
) -> None:
    api = Api(factories.user("manager"), scope)
    path = path.format(template=template.pk)

    answer = api.get(path) if method == "get" else api.post(path, {})

    if allowed:
        assert answer.status_code == 200
    else:
        refused(answer, 403, "forbidden")


def test_a_key_ends_with_its_user(template: MessageTemplate) -> None:
    user = factories.user("manager")
    api = Api(user)
    assert api.get("accounts/").status_code == 200

    user.is_active = False
    user.save()

    answer = api.get("accounts/")
    refused(answer, 401, "unauthenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


def workbook(*rows: tuple[str, ...]) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


THAI = "phone,consent,name\n0812300001,ยินยอม,สมชาย ใจดี\n0812300002,ปฏิเสธ,สมหญิง รักดี\n"


@pytest.mark.parametrize(
    "content",
    [
        THAI.encode("utf-8-sig"),
        THAI.encode("utf-16"),
        THAI.encode("cp874"),
        THAI.replace(",", ";").replace("\n", "\r\n").encode(),
        workbook(*(tuple(line.split(",")) for line in THAI.splitlines())),
    ],
    ids=["UTF-8 with BOM", "UTF-16", "CP874", "semicolons", "XLSX"],
)
def test_an_import_reads_the_file_whatever_wrote_it(content: bytes, api: Api) -> None:
    job = upload(api, "people.bin", content)

    found = api.get(f"recipients/imports/{job.pk}/").json()
    assert (found["state"], found["created"], found["errors"]) == ("finished", 2, [])
    people = {row.attributes["name"]: row.consent for row in Recipient.objects.all()}
    assert people == {"สมชาย ใจดี": "agreed", "สมหญิง รักดี": "rejected"}
