"""Fields and lookups that several resources share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.sending import campaigns
from recipients import phones
from recipients.intake import Invalid
from templates_app.models import MessageTemplate


class Moment(serializers.DateTimeField):
    """A time with its zone: one without would be sent hours early or late in Bangkok."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            raise serializers.ValidationError(
                _("Give the time with its zone, such as 2026-11-24T09:00:00+07:00.")
            )
        return super().enforce_timezone(value)


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class TemplateName(serializers.Field[Any, Any, Any, Any]):
    """A template's id or key; a key means its highest approved version."""

    def to_internal_value(self, data: Any) -> str | int:
        if isinstance(data, bool) or not isinstance(data, int | str) or data == "":
            raise serializers.ValidationError(_("Give a template's id or key."))
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class PhoneFilter(django_filters.FilterSet):
    """Rows of an account and of a phone, which is read as of the account's country."""

    account = django_filters.CharFilter("account__slug")
    phone = django_filters.CharFilter(method="with_phone")

    def with_phone(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        slug = self.data.get("account", "")
        account = OfficialAccount.objects.filter(slug=slug).first()
        try:
            number = phones.read(value, country=account.country if account else "TH")
        except phones.UnreadablePhone as error:
            raise Invalid("phone", _("Not understood: %s.") % error) from error
        return rows.filter(phone=number.e164)


def body_of(form: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return what a request's body holds, as the form reads it."""
    given = form(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def user_of(request: Request) -> User:
    """Return the person behind the key."""
    if not isinstance(request.user, User):
        raise TypeError("This view needs an authenticated user.")
    return request.user


def account_named(slug: str, user: User) -> OfficialAccount:
    """Return the account of this slug, if the user may touch it; raises Invalid."""
    account = access.accounts_of(user).filter(slug=slug).first()
    if account is None:
        raise Invalid(
            "account",
            _("There is no account “%(slug)s” for this key.") % {"slug": slug},
        )
    return account


def template_named(account: OfficialAccount, name: str | int) -> MessageTemplate:
    """Return the approved version that an id or key names."""
    return campaigns.approved_template(account, name)
