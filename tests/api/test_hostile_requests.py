"""What callers send by mistake or malice: never a 500, always one sentence that helps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from lineportal.accounts.models import OfficialAccount
from lineportal.api.parsers import BODY_LIMIT
from lineportal.sending.models import Campaign, Message
from recipients.models import Recipient
from templates_app.models import MessageTemplate
from tests import factories
from tests.api.client import Api

BEYOND = "99999999999999999999"
ONE_OFF = {"account": "thai-post", "template": "parcel", "phone": "0812300009",
           "values": factories.VALUES}  # fmt: skip


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def template(account: OfficialAccount) -> MessageTemplate:
    return factories.approved(account)


@pytest.fixture
def api(template: MessageTemplate) -> Api:
    return Api(factories.user("manager"))


def refused(answer: HttpResponse, status: int, code: str) -> dict[str, Any]:
    assert answer["Content-Type"] == "application/json"
    found: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, found["error"]) == (status, code), found
    assert len(found["detail"]) > 10
    return found


@pytest.mark.parametrize(
    "path",
    [
        f"templates/{BEYOND}/", f"recipients/{BEYOND}/", f"campaigns/{BEYOND}/report/",
        f"audiences/{BEYOND}/", f"audiences/{BEYOND}/count/", "audiences/%00/",
        f"messages/{BEYOND}/", f"messages/{BEYOND}/words/", f"templates/{BEYOND}/versions/",
        f"templates/{BEYOND}/usage/", f"templates/{BEYOND}/difference/?with=1",
        f"suppressions/{BEYOND}/", f"recipients/imports/{BEYOND}/",
        f"canned-answers/{BEYOND}/", f"answer-rules/{BEYOND}/", "accounts/nobody/answering/",
        f"recipients/{BEYOND}/eligibility/", "templates/abc/", f"conversations/{BEYOND}/",
        f"conversations/{BEYOND}/messages/", "templates/%00/", "templates/²/",
        "templates/-1/", "accounts/%00/", "accounts/nobody/", "messages/%ED%A0%80/",
        "templates/" + "9" * 5_000 + "/", "nothing/", "templates", "",
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(path: str, api: Api) -> None:
    refused(api.get(path), 404, "not_found")


@pytest.mark.parametrize(
    "query",
    ["cursor=abc", "cursor=cD1hYmM=", "cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "cursor=bz0tMQ=="],
    ids=["no base64", "p=abc", "p=9999...", "o=-1"],
)
@pytest.mark.parametrize(
    "path", ["templates/", "recipients/", "campaigns/", "accounts/", "audiences/"]
)
def test_a_cursor_of_ones_own_is_not_found(path: str, query: str, api: Api) -> None:
    refused(api.get(f"{path}?{query}"), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "recipients/?phone=%00", "recipients/?phone=12", "recipients/?consent=maybe",
        "recipients/?line_user_id=%00", "recipients/?account=%00", "templates/?state=%00",
        "templates/?key=a%00b", "campaigns/?state=gone", "campaigns/?name=%00",
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_is_refused(path: str, api: Api) -> None:
    found = refused(api.get(path), 400, "invalid")

    assert list(found["fields"]) == [path.split("?")[1].split("=")[0]]


def test_pages_follow_one_another_by_cursor(account: OfficialAccount, api: Api) -> None:
    made = [factories.recipient(account, n).pk for n in range(5)]
    seen: list[int] = []
    path = "recipients/?page_size=2&account=thai-post"

    while path:
        page = api.get(path).json()
        assert list(page) == ["next", "previous", "results"]
        seen += [row["id"] for row in page["results"]]
        path = (page["next"] or "").partition("/api/v1/")[2]

    assert seen == made[::-1]


def test_a_body_over_the_limit_is_too_large(api: Api) -> None:
    raw = b'{"account": "' + b"x" * BODY_LIMIT + b'"}'

    answer = api.client.post("/api/v1/recipients/", raw, content_type="application/json")

    refused(answer, 413, "too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
def test_another_content_type_is_refused(kind: str, api: Api) -> None:
    answer = api.client.post("/api/v1/recipients/", b"account=thai-post", content_type=kind)

    refused(answer, 415, "unsupported_media_type")


def test_another_method_is_refused(api: Api, template: MessageTemplate) -> None:
    for answer in (
        api.client.put(f"/api/v1/templates/{template.pk}/", b"{}", content_type="application/json"),
        api.client.delete(f"/api/v1/templates/{template.pk}/"),
        api.get("messages/"),
    ):
        refused(answer, 405, "method_not_allowed")


AGREED = {"all": [{"field": "consent", "operator": "is", "value": "agreed"}]}
ODD_VALUES: dict[str, str] = {
    "nul": '"a\\u0000b"',
    "surrogate": '"\\ud800"',
    "NaN": "NaN",
    "beyond floats": "1e999",
    "a long integer": "1" * 5_000,
    "deep": "[" * 200 + "]" * 200,
}


@pytest.mark.parametrize("value", ODD_VALUES.values(), ids=ODD_VALUES)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("recipients/", '{"account": "thai-post", "phone": "0899999999", "attributes": {"a": %s}}'),
        ("recipients/", '{"account": "thai-post", "phone": "0899999999", "x": %s}'),
        ("messages/", '{"account": "thai-post", "template": %s, "phone": "0899999999"}'),
        ("campaigns/", '{"account": "thai-post", "template": "parcel", "audience": %s}'),
        ("audiences/", '{"account": "thai-post", "name": "n", "filter": %s}'),
        ("audiences/count/", '{"account": "thai-post", "filter": {"all": [{"field": "attribute",'
         ' "name": "a", "operator": "greater", "value": %s}]}}'),
    ],
)  # fmt: skip
def test_json_that_cannot_be_stored_is_refused(path: str, body: str, value: str, api: Api) -> None:
    answer = api.client.post(
        f"/api/v1/{path}", body % value, content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )  # fmt: skip

    refused(answer, 400, "invalid")


@pytest.mark.parametrize(
    ("path", "details"),
    [
        ("campaigns/", {"audience": {"recipients": [10**30]}}),
        ("campaigns/", {"audience": {"recipients": ["1"]}}),
        ("campaigns/", {"audience": {"rows": [], "consent": "agreed"}}),
        ("campaigns/", {"audience": {"rows": 5}}),
        ("campaigns/", {"audience": {"rows": [{"phone": "0812300001", "values": {"a": {}}}]}}),
        ("campaigns/", {"audience": {"rows": [{"phone": "0812300001", "values": {"values": []}}]}}),
        ("campaigns/", {"audience": {"rows": [{"phone": ["0812300001"]}]}}),
        ("campaigns/", {"audience": {"rows": [{"phone": "0812300001", "item": "x" * 101}]}}),
        ("campaigns/", {"audience": {"rows": ["0812300001"]}}),
        ("campaigns/", {"audience": "everyone"}),
        ("campaigns/", {"audience": {"consent": []}}),
        ("campaigns/", {"audience": {"phones": []}}),
        ("campaigns/", {"audience": {"recipients": []}}),
        ("campaigns/", {"audience": {"saved": 10**30}}),
        ("campaigns/", {"audience": {"saved": True}}),
        ("campaigns/", {"audience": {"saved": "1"}}),
        ("campaigns/", {"audience": {"saved": 1, "consent": "agreed"}}),
        ("campaigns/", {"audience": {"saved": 1, "rows": []}}),
        ("campaigns/", {"audience": {"all": []}}),
        ("campaigns/", {"audience": {"all": [{"field": "id", "operator": "is", "value": 1}]}}),
        ("audiences/", {"name": " "}),
        ("audiences/", {"name": "x" * 101}),
        ("audiences/", {"filter": None}),
        ("audiences/", {"filter": []}),
        ("audiences/", {"filter": {}}),
        ("audiences/", {"filter": {"phones": ["0812300001"]}}),
        ("audiences/", {"filter": {"rows": 5}}),
        ("audiences/", {"filter": {"saved": 1}}),
        ("audiences/", {"filter": {"any": [[]]}}),
        ("audiences/", {"filter": {"any": {"field": "tag"}}}),
        ("audiences/count/", {"filter": "all"}),
        ("audiences/count/", {"filter": {"rows": 5}}),
        ("audiences/count/", {"filter": {"nobody": []}}),
        ("audiences/count/", {"account": "nobody"}),
        ("campaigns/", {"template": True}),
        ("campaigns/", {"template": 10**30}),
        ("campaigns/", {"template": "²"}),
        ("campaigns/", {"template": BEYOND}),
        ("campaigns/", {"scheduled_at": "2026-12-24T09:00:00"}),
        ("campaigns/", {"scheduled_at": "0001-01-01T00:00:00+07:00"}),
        ("campaigns/", {"scheduled_at": 5}),
        ("campaigns/", {"not_after": "2020-01-01T00:00:00Z"}),
        ("campaigns/", {"name": "x" * 101}),
        ("campaigns/", {"values": [1]}),
        ("recipients/", {"attributes": {"a": {"b": 1}}}),
        ("recipients/", {"attributes": [1]}),
        ("recipients/", {"phone": None}),
        ("recipients/", {"phone": "1e10"}),
        ("recipients/", {"line_user_id": "me"}),
        ("recipients/", {"consent": "yes please"}),
        ("recipients/", {"consent": None}),
        ("recipients/", {"observed_at": "9999-12-31T23:59:59Z", "consent": "agreed"}),
        ("suppressions/", {"until": "2020-01-01T00:00:00Z"}),
        ("suppressions/", {"reason": " "}),
        ("canned-answers/", {"text": "x" * 5_001}),
        ("canned-answers/", {"shortcut": "../etc"}),
        ("canned-answers/", {"account": "nobody"}),
        ("answer-rules/", {"words": ["stop"]}),
        ("answer-rules/", {"words": [{"a": 1}]}),
        ("answer-rules/", {"act": "dance"}),
        ("answer-rules/", {"position": 10**30}),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_its_place(
    path: str, details: dict[str, Any], api: Api
) -> None:
    sound: dict[str, Any] = {
        "campaigns/": {"account": "thai-post", "template": "parcel", "name": "n"},
        "audiences/": {"account": "thai-post", "name": "n", "filter": AGREED},
        "audiences/count/": {"account": "thai-post", "filter": AGREED},
        "recipients/": {"account": "thai-post", "phone": "0899999999"},
        "suppressions/": {"account": "thai-post", "phone": "0899999999", "reason": "asked"},
        "canned-answers/": {
            "account": "thai-post",
            "shortcut": "hi",
            "title": "Hello",
            "text": "Welcome",
        },
        "answer-rules/": {"account": "thai-post", "words": ["price"], "act": "link"},
    }[path]

    found = refused(api.post(path, {**sound, **details}), 400, "invalid")

    assert found["fields"]
    assert not Campaign.objects.exists()
    assert not Recipient.objects.exists()


@pytest.mark.parametrize(
    "details",
    [
        {"timezone": "../../etc/passwd"},
        {"timezone": "Asia"},
        {"timezone": "x" * 1_000},
        {"timezone": "Mars/Base"},
        {"api_base_url": "https://["},
        {"api_base_url": "http://127.0.0.1:99999"},
        {"api_base_url": "https://api.line.me.evil.example"},
        {"rate_per_second": 0},
        {"rate_per_second": 10**30},
        {"country": "US"},
        {"provider": "telegram"},
        {"service": "sms"},
        {"slug": "Ünsinn/"},
        {"slug": "x" * 51},
        {"credentials": {"channel_id": "1"}},
        {"credentials": {"channel_id": "1" * 101, "channel_secret": "s"}},
        {"credentials": {"channel_id": "1", "channel_secret": "s", "password": "p"}},
        {"credentials": "secret"},
        {"credentials": {"channel_id": "1", "channel_secret": ["s3cret-s3cret"]}},
        {"credentials": {"channel_id": "1", "channel_secret": "s3cret\u0000s3cret"}},
        {"credentials": None},
    ],
)
def test_an_account_that_cannot_be_is_refused(details: dict[str, Any], api: Api) -> None:
    body = {"slug": "new", "name": "New", "country": "TH", "provider": "line",
            "credentials": {"channel_id": "1650000009", "channel_secret": "s3cret-s3cret"},
            **details}  # fmt: skip

    answer = api.post("accounts/", body)

    refused(answer, 400, "invalid")
    assert "s3cret" not in answer.content.decode()
    assert OfficialAccount.objects.count() == 1


def test_a_message_with_both_addresses_or_none_is_refused(api: Api) -> None:
    both = {**ONE_OFF, "line_user_id": factories.user_id(1)}
    neither = {**ONE_OFF, "phone": None}

    for body in (both, neither):
        refused(api.post("messages/", body, **{"Idempotency-Key": "k"}), 400, "invalid")

    assert not Message.objects.exists()


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(key: str, api: Api) -> None:
    refused(api.post("messages/", ONE_OFF, **{"Idempotency-Key": key}), 400, "invalid")


def test_a_far_future_is_a_future_like_any_other(api: Api) -> None:
    body = {"account": "thai-post", "template": "parcel", "name": "n",
            "scheduled_at": "9999-12-31T23:00:00Z"}  # fmt: skip

    made = api.post("campaigns/", body).json()

    assert api.post(f"campaigns/{made['id']}/start/").json()["state"] == "scheduled"


@pytest.mark.parametrize("as_of", ["yesterday", "0001-01-01", "2999-01-01", "2026-13-01", "1" * 99])
def test_an_import_with_a_date_that_cannot_be_is_refused(as_of: str, api: Api) -> None:
    file = SimpleUploadedFile("people.csv", b"phone\n0812300001\n")

    answer = api.client.post(
        "/api/v1/recipients/imports/", {"account": "thai-post", "file": file, "as_of": as_of}
    )

    assert list(refused(answer, 400, "invalid")["fields"]) == ["as_of"]


def test_an_import_without_a_file_or_in_json_is_refused(api: Api) -> None:
    refused(
        api.client.post("/api/v1/recipients/imports/", {"account": "thai-post", "file": "text"}),
        400,
        "invalid",
    )
    refused(
        api.post("recipients/imports/", {"account": "thai-post"}), 415, "unsupported_media_type"
    )
    refused(
        api.client.post(
            "/api/v1/recipients/imports/", b"x", content_type="multipart/form-data; boundary="
        ),
        400,
        "invalid",
    )


def test_too_many_requests_are_told_when_to_come_back(api: Api, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    answers = [api.get("accounts/") for _n in range(8)]  # a minute may turn once

    late = [answer for answer in answers if answer.status_code == 429]
    assert late
    refused(late[-1], 429, "too_many_requests")
    assert 0 < int(late[-1]["Retry-After"]) <= 60
