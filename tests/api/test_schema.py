"""The API against its own OpenAPI document, and the document against the code."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from lineportal.settings import BASE_DIR
from lineportal.wsgi import application
from tests import factories
from tests.api.client import Api

DOCUMENT = Path(BASE_DIR) / "docs" / "openapi.yaml"

schema = schemathesis.openapi.from_dict(
    SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
)
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "2"))


@pytest.fixture
def key(db: None) -> Iterator[str]:
    """A key that may do everything, on a connection that outlives the requests of a test."""
    account = factories.account()
    factories.approved(account)
    factories.recipient(account, 1, consent="agreed")
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield Api(factories.superuser()).key
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_of_the_document_is_a_server_error(case: Any, key: str) -> None:
    response = case.call(app=application, headers={"Authorization": f"Bearer {key}"})

    case.validate_response(response, checks=[CHECKS.get_one("not_a_server_error")])


def test_the_kept_document_is_what_the_code_says() -> None:
    written = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=written)

    assert DOCUMENT.read_text(encoding="utf-8").strip() == written.getvalue().strip(), (
        "docs/openapi.yaml is old; write it anew with: make schema"
    )


def test_the_document_needs_no_key_and_holds_every_refusal(db: None) -> None:
    answer = Client().get("/api/schema/", headers={"Accept": "application/json"})
    assert answer.status_code == 200

    operations = schema.raw_schema["paths"]["/api/v1/messages/"]["post"]["responses"]
    assert set(operations) == {
        "202", "400", "401", "403", "404", "409", "413", "415", "422", "429",
    }  # fmt: skip
