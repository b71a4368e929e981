"""Bearer keys: a key can do what both its scopes and its user's permissions allow now."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from lineportal.accounts import keys
from lineportal.accounts.models import ApiKey


class BearerKey(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = keys.find(text.strip(), at=timezone.now())
        if key is None:
            raise AuthenticationFailed(_("This key is unknown, revoked, or its user is inactive."))
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """The key has the view's `scope`, or one of `scopes_of[action]` where that is given."""

    message = "This key does not have the scope for that; make one that has."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiKey):
            return False
        by_action: dict[str, tuple[str, ...]] = getattr(view, "scopes_of", {})
        scopes = by_action.get(getattr(view, "action", "") or "", (getattr(view, "scope", ""),))
        return bool({"all", *scopes} & set(request.auth.scopes))


class BearerKeySchema(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = BearerKey
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
