"""/api/v1/desk/: the review desk as the key's user sees it, the same rows as in the console."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts.models import Service
from lineportal.api.fields import user_of
from lineportal.api.resource import Resource
from recipients.intake import Invalid
from templates_app import desk
from templates_app.desk import Column, Filter
from templates_app.models import MessageTemplate, State
from templates_app.waits import Party, Why


class DeskQuery(serializers.Serializer[Any]):
    account = serializers.CharField(required=False, default="", help_text="Its slug.")
    service = serializers.ChoiceField(Service.choices, required=False, default="")
    state = serializers.ChoiceField(
        [*State.choices, ("revoked", "Revoked")], required=False, default=""
    )
    language = serializers.CharField(required=False, default="")
    who = serializers.CharField(
        required=False, default="", help_text="A user name: for whom it waits, or who decided."
    )
    search = serializers.CharField(
        required=False,
        default="",
        max_length=200,
        help_text="Words in or about a version, in any script; what was decided long ago too.",
    )
    column = serializers.ChoiceField(
        Column.choices, required=False, default="", help_text="This column alone."
    )
    page = serializers.IntegerField(
        required=False, default=1, min_value=1, max_value=100_000, help_text="Of `column`."
    )


class DeskRowOut(serializers.Serializer[Any]):
    """A waiting version; of a decided one, `waits_for` and what follows it are null or empty."""

    id = serializers.IntegerField()
    account = serializers.CharField()
    key = serializers.CharField()
    version = serializers.IntegerField()
    service = serializers.CharField()
    language = serializers.CharField()
    state = serializers.CharField()
    is_revoked = serializers.BooleanField()
    reason = serializers.CharField()
    line_reference = serializers.CharField()
    waits_for = serializers.ChoiceField(Party.choices, allow_null=True)
    why = serializers.ChoiceField(Why.choices, allow_null=True)
    people = serializers.ListField(child=serializers.CharField())
    since = serializers.DateField(allow_null=True, help_text="In the account's zone.")
    business_days = serializers.IntegerField(allow_null=True)
    usual_business_days = serializers.IntegerField(allow_null=True)
    is_late = serializers.BooleanField()
    decided_at = serializers.DateTimeField(allow_null=True)


class DeskColumnOut(serializers.Serializer[Any]):
    column = serializers.ChoiceField(Column.choices)
    count = serializers.IntegerField()
    late = serializers.IntegerField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    rows = DeskRowOut(many=True)


class Desk(Resource):
    """What waits for me, for others and for LINE, and what was decided."""

    scope = "templates"
    scopes_of = {"": ("templates", "review")}  # noqa: RUF012 - a plain view has no actions

    @extend_schema(parameters=[DeskQuery], responses=DeskColumnOut(many=True))
    def get(self, request: Request) -> Response:
        given = DeskQuery(data=request.query_params)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        user = user_of(request)
        wanted = Filter(
            account=values["account"],
            service=values["service"],
            state=values["state"],
            language=values["language"],
            who=_person(values["who"], user),
            text=values["search"],
        )
        only = values["column"]
        columns = desk.board(
            user, at=timezone.now(), wanted=wanted, pages={only: values["page"]} if only else {}
        )
        shown: Any = [_column(each) for each in columns if only in ("", each.column)]
        return Response(DeskColumnOut(shown, many=True).data)


def _person(name: str, user: User) -> int | None:
    if not name:
        return None
    found = desk.people_to_choose(user).filter(username=name).first()
    if found is None:
        raise Invalid(
            "who", _("There is nobody “%(name)s” who may see templates.") % {"name": name}
        )
    return found.pk


def _column(shown: desk.Shown) -> dict[str, Any]:
    return {
        "column": shown.column.value,
        "count": shown.count,
        "late": shown.late,
        "page": shown.page,
        "pages": shown.pages,
        "rows": [*map(_waiting, shown.rows), *map(_decided, shown.decided)],
    }


def _waiting(row: desk.Row) -> dict[str, Any]:
    if row.template is None:  # a page's rows are all read
        raise TypeError(f"version {row.pk} was not read")
    return {
        **_decided(row.template),
        "waits_for": row.wait.party.value,
        "why": row.wait.why.value,
        "people": [who.username for who in row.people],
        "since": row.wait.since,
        "business_days": row.age,
        "usual_business_days": row.wait.usual,
        "is_late": row.is_late,
    }


def _decided(template: MessageTemplate) -> dict[str, Any]:
    return {
        "id": template.pk,
        "account": template.account.slug,
        "key": template.key,
        "version": template.version,
        "service": template.service,
        "language": template.language,
        "state": template.state,
        "is_revoked": template.revoked_at is not None,
        "reason": template.reason,
        "line_reference": template.line_reference,
        "waits_for": None,
        "why": None,
        "people": [],
        "since": None,
        "business_days": None,
        "usual_business_days": None,
        "is_late": False,
        "decided_at": template.rejected_at or template.approved_at,
    }
