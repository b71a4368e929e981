"""The page of an error while debugging names nobody."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import path
from django.views.debug import get_exception_reporter_class, technical_500_response
from pytest_django import Settings

from lineportal import urls

PHONE, USER_ID = "+66812345678", "U" + "4a" * 16


def broken(request: HttpRequest, **_given: Any) -> None:
    number = request.POST.get("phone", PHONE)
    raise ValueError(f"{number} of {USER_ID} is wrong")


urlpatterns = [path("broken/", broken), *urls.urlpatterns]


@pytest.mark.urls(__name__)
def test_an_error_page_shows_no_number_in_variables_forms_or_messages(settings: Settings) -> None:
    settings.DEBUG = True
    client = Client(raise_request_exception=False)

    for answer in (
        client.post("/broken/", {"phone": PHONE}),
        client.post("/broken/", {"phone": "081 234 5678"}, headers={"Accept": "text/plain"}),
    ):
        assert answer.status_code == 500
        assert "ValueError" in answer.text
        for secret in ("812345678", "81 234 5678", USER_ID):
            assert secret not in answer.text


def test_the_reporter_is_ours() -> None:
    request = RequestFactory().get("/")

    assert get_exception_reporter_class(request).__name__ == "MaskedReport"
    try:
        raise ValueError(PHONE)
    except ValueError as error:
        page = technical_500_response(request, type(error), error, error.__traceback__)
    assert PHONE.encode() not in page.content
