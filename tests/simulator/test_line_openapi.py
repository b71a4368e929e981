"""The LINE side against LINE's own OpenAPI: status, kind of content and shape of every answer.

The documents lie in line-openapi/; SCHEMATHESIS_EXAMPLES makes it look longer.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from lineportal.simulator.line_api import ENDPOINTS
from tests.simulator.driving import CHANNEL, PHONE, SECRET, TOKEN, USER, Line, hashed, text

DOCUMENTS = Path(__file__).parent / "line-openapi"
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
NOWHERE = "http://127.0.0.1:9/webhook"

load_all_checks()
KEPT_TO = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    )
]


def document(name: str) -> Any:
    with (DOCUMENTS / name).open(encoding="utf-8") as file:
        return yaml.safe_load(file)


def merged() -> Any:
    """All calls in one document."""
    whole = document("messaging-api.yml")
    del whole["security"]  # else headers that this test sends would be left out at times
    for name in ("pnp-templated.yml", "insight.yml", "channel-access-token.yml"):
        more = document(name)
        whole["paths"] |= more["paths"]
        schemas = more["components"]["schemas"]
        if name == "channel-access-token.yml":
            schemas["TokenErrorResponse"] = schemas.pop("ErrorResponse")
            refused = more["paths"]["/oauth2/v3/token"]["post"]["responses"]["400"]
            refused["content"]["application/json"]["schema"]["$ref"] = (
                "#/components/schemas/TokenErrorResponse"
            )
        whole["components"]["schemas"] = schemas | whole["components"]["schemas"]
    return whole


WHOLE = merged()
schema = schemathesis.openapi.from_dict(WHOLE, config=SchemathesisConfig())

picture = st.just(
    {
        "type": "image",
        "originalContentUrl": "https://example.com/a.png",
        "previewImageUrl": "https://example.com/b.png",
    }
)
sticker = st.just({"type": "sticker", "packageId": "446", "stickerId": "1988"})
texts = st.text(min_size=1, max_size=2_500).map(text)
bubble = st.text(min_size=1, max_size=50).map(
    lambda words: {
        "type": "flex",
        "altText": words,
        "contents": {
            "type": "bubble",
            "body": {
                "type": "box",
                "layout": "vertical",
                "contents": [{"type": "text", "text": words}],
            },
        },
    }
)
messages = st.lists(texts | bubble | picture | sticker, min_size=1, max_size=5)
notifications = st.lists(texts | bubble, min_size=1, max_size=5)
named = st.lists(st.from_regex(r"[A-Za-z0-9_]{1,30}", fullmatch=True), max_size=1)
parts = st.lists(
    st.text("abcdefghij_0", min_size=1, max_size=30), min_size=0, max_size=15, unique=True
).map(lambda keys: {"items": [{"itemKey": key, "content": key} for key in keys]})
days = st.dates().map(lambda day: f"{day:%Y%m%d}".zfill(8))


@pytest.fixture
def lively(line: Line) -> Line:
    """One channel with everything, and one person who gets everything and has sent a picture."""
    line.channel(webhook_url=NOWHERE, rate_per_second=100_000)
    line.person(consent="agreed", friend_status="friend")
    line.act("send_picture")
    return line


def reply_token(line: Line) -> str:
    line.act("say", text="hello")
    [post] = line.control("GET", "webhooks?limit=1")["sent"]
    return str(post["events"][0]["replyToken"])


def make_right(case: Any, line: Line, data: st.DataObject) -> None:
    """Make a request that LINE would take out of one that only has the right shape."""
    name = case.operation.definition.raw["operationId"]
    body: Any = None
    case.query = {}
    case.headers = {}
    if name.startswith("validate"):
        body = {"messages": data.draw(messages)}
    elif name == "replyMessage":
        body = {"replyToken": reply_token(line), "messages": data.draw(messages)}
    elif name == "pushMessage":
        body = {"to": USER, "messages": data.draw(messages)}
    elif name == "multicast":
        body = {"to": [USER, "U" + "0" * 32], "messages": data.draw(messages)}
    elif name == "pushMessagesByPhone":
        body = {"to": hashed(PHONE), "messages": data.draw(notifications)}
    elif name == "pushTemplatedMessagesByPhone":
        body = {"to": hashed(PHONE), "templateKey": "shipment_completed_ja"}
        body["body"] = data.draw(parts)
    elif name in ("setWebhookEndpoint", "testWebhookEndpoint"):
        body = {"endpoint": NOWHERE}
    elif name == "issueStatelessChannelToken":
        body = {"grant_type": "client_credentials", "client_id": CHANNEL, "client_secret": SECRET}
    if name in ("pushMessage", "multicast", "pushMessagesByPhone", "pushTemplatedMessagesByPhone"):
        body["customAggregationUnits"] = data.draw(named)
        body["notificationDisabled"] = data.draw(st.booleans())
    if "/delivery/" in case.operation.path or name == "getNumberOfFollowers":
        case.query = {"date": data.draw(days)}
    elif name in ("getFollowers", "getAggregationUnitNameList"):
        case.query = {"limit": data.draw(st.integers(1, 100))}
    if "userId" in case.path_parameters:
        case.path_parameters = {"userId": USER}
    if "messageId" in case.path_parameters:
        case.path_parameters = {"messageId": line.chat()[0]["id"]}
    if body is not None:
        case.body = body


@schema.given(data=st.data())
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_keeps_to_lines_document(case: Any, lively: Line, data: Any) -> None:
    is_right = data.draw(st.booleans())
    if is_right:
        make_right(case, lively, data)

    response = case.call(base_url=lively.url, headers={"Authorization": f"Bearer {TOKEN}"})

    case.validate_response(response, checks=KEPT_TO)
    assert response.headers["x-line-request-id"]
    if is_right:
        # The webhook can be tested 60 times an hour.
        taken = (200, 429) if case.operation.path.endswith("/webhook/test") else (200, 202)
        assert response.status_code in taken, response.text


@pytest.mark.parametrize("token", [None, "nothing"])
def test_without_a_token_every_call_answers_401(line: Line, token: str | None) -> None:
    for path, methods in WHOLE["paths"].items():
        for method in methods:
            asked = path.format(userId=USER, messageId="1") if "{" in path else path
            answer = line.call(method.upper(), asked, {}, token=token)
            wanted = 400 if path == "/oauth2/v3/token" else 401
            assert answer.status == wanted, (method, path)
            assert set(answer.body) <= {"message", "error", "error_description"}


def test_every_call_that_the_simulator_offers_is_in_the_documents() -> None:
    offered = {
        (e.method, e.path.replace("{user_id}", "{userId}").replace("{message_id}", "{messageId}"))
        for e in ENDPOINTS
    }
    documented = {
        (method.upper(), path) for path, methods in WHOLE["paths"].items() for method in methods
    }
    assert offered == documented


def test_paths_and_ids_of_any_kind_are_never_a_server_error(lively: Line) -> None:
    for odd in ("%00", "..%2f..", "%ff%fe", "a" * 5_000, quote("ผู้ใช้"), "%F0%9F%98%80", "U1?x=%"):
        for path in ("/v2/bot/profile/", "/v2/bot/message/", "/v2/bot/"):
            for tail in ("", "/content"):
                answer = lively.call("GET", f"{path}{odd}{tail}", as_bytes=True)
                assert answer.status in (400, 404), (path, odd, tail, answer)
