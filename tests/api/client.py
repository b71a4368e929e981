"""The API as a caller uses it: a bearer key and JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from lineportal.accounts import keys


class Api:
    def __init__(self, user: User, *scopes: str) -> None:
        at = datetime.now(UTC)
        _row, self.key = keys.create(user, name="test", scopes=scopes or ["all"], at=at)
        self.client = Client(headers={"Authorization": f"Bearer {self.key}"})

    def get(self, path: str) -> HttpResponse:
        return self.client.get(f"/api/v1/{path}")

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.client.post(
            f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json",
            headers=headers,
        )  # fmt: skip

    def patch(self, path: str, body: Any) -> HttpResponse:
        return self.client.patch(
            f"/api/v1/{path}", json.dumps(body), content_type="application/json"
        )

    def delete(self, path: str) -> HttpResponse:
        return self.client.delete(f"/api/v1/{path}")
