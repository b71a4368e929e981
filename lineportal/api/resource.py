"""What every resource of the API shares: keys with scopes, a rate, and texts that can be stored."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from lineportal.accounts.models import ApiKey
from lineportal.api.auth import HasScope
from lineportal.api.parsers import is_storable, not_storable


class KeyRate(BaseThrottle):
    """So many requests a minute for each key and web process: `API_REQUESTS_PER_MINUTE`."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, ApiKey):
            return True
        name = f"api-rate:{request.auth.pk}:{int(time.time() // 60)}"
        if cache.add(name, 1, timeout=120):
            return True
        return bool(cache.incr(name) <= settings.API_REQUESTS_PER_MINUTE)

    def wait(self) -> float:
        return 60 - time.time() % 60


class Resource(APIView):
    """Base of the API's views."""

    permission_classes = (IsAuthenticated, HasScope)
    throttle_classes = (KeyRate,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not all(is_storable(str(value)) for value in kwargs.values()):
            raise NotFound
        for name, values in request.query_params.lists():
            if not all(is_storable(value) for value in values):
                raise ValidationError({name: not_storable()})
