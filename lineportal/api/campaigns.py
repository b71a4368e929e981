"""/api/v1/campaigns/: one approved template to one audience, its counts and its messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.api.fields import Moment, TemplateName, account_named, template_named, user_of
from lineportal.api.messages import MessageOut
from lineportal.api.resource import Resource
from lineportal.sending import audience, campaigns, overdue, quota, reports, retries, rows
from lineportal.sending.models import Campaign
from lineportal.sending.statuses import Verdict
from recipients.intake import Invalid


class CampaignOut(serializers.ModelSerializer[Campaign]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    template_key = serializers.CharField(source="template.key")
    template_version = serializers.IntegerField(source="template.version")

    class Meta:
        model = Campaign
        fields = (
            "id", "account", "name", "state", "template", "template_key", "template_version",
            "audience", "values", "scheduled_at", "not_after", "canary_size", "stop_code",
            "stop_reason", "created_at", "started_at", "finished_at",
        )  # fmt: skip


class CampaignIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    template = TemplateName()
    name = serializers.CharField(max_length=100)
    audience = serializers.JSONField(
        required=False,
        default=dict,
        help_text="A filter, {} for everyone, {“saved”: id of an audience, whose filter is copied},"
        " or {“rows”: [{phone, item?, values?}]}.",
    )
    values = serializers.DictField(
        child=serializers.CharField(allow_blank=True), required=False, default=dict
    )
    scheduled_at = Moment(required=False, default=None, allow_null=True)
    not_after = Moment(required=False, default=None, allow_null=True)
    canary_size = serializers.IntegerField(
        required=False,
        default=None,
        allow_null=True,
        help_text="Send so many first, then pause; null: as the account's policy says.",
    )


class StartIn(serializers.Serializer[Any]):
    not_after = Moment(required=False, default=None, allow_null=True)
    over_quota = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Start although fewer messages are left of the month than it would send.",
    )


class Retried(serializers.Serializer[Any]):
    messages = serializers.IntegerField(help_text="How many are queued again.")


class QuotaOut(serializers.Serializer[Any]):
    limit = serializers.IntegerField(allow_null=True, help_text="Null: none, or not known yet.")
    used = serializers.IntegerField(allow_null=True)
    left = serializers.IntegerField(
        allow_null=True, help_text="What we took and LINE may not have counted yet is taken off."
    )
    needed = serializers.IntegerField()
    fits = serializers.BooleanField(allow_null=True)
    asked_at = serializers.DateTimeField(
        allow_null=True, help_text="Null: LINE is being asked; look again in a moment."
    )
    problem = serializers.CharField(help_text="Why LINE told nothing when it was last asked.")


class PreviewOut(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    by_verdict = serializers.DictField(child=serializers.IntegerField())
    by_rule = serializers.DictField(child=serializers.IntegerField())
    quota = QuotaOut(allow_null=True, help_text="Null: this service has none that is told.")


class StandingOut(serializers.Serializer[Any]):
    consent = serializers.CharField()
    friend_status = serializers.CharField()
    n = serializers.IntegerField()
    sent = serializers.IntegerField(help_text="How many of them no rule excludes.")


class MatrixOut(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    matrix = StandingOut(many=True)
    by_rule = serializers.DictField(
        child=serializers.IntegerField(), help_text="They sum to the total; “” is no rule."
    )


class ReportOut(serializers.Serializer[Any]):
    state = serializers.CharField()
    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_rule = serializers.DictField(child=serializers.IntegerField())
    rate_per_second = serializers.FloatField()
    finishes_at = serializers.DateTimeField(allow_null=True)
    waits = serializers.CharField(
        help_text="Why nothing leaves now, and who may change that; blank when it goes on."
    )
    waits_until = serializers.DateTimeField(allow_null=True)


class CampaignFilter(django_filters.FilterSet):
    account = django_filters.CharFilter("account__slug")
    state = django_filters.ChoiceFilter(choices=Campaign.State.choices)
    name = django_filters.CharFilter()

    class Meta:
        model = Campaign
        fields = ("account", "state", "name")


class Campaigns(
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Campaign],
):
    scope = "campaigns"
    scopes_of = dict.fromkeys(
        ("list", "retrieve", "preview", "matrix", "report", "messages"), ("campaigns", "reports")
    )
    serializer_class = CampaignOut
    filterset_class = CampaignFilter
    queryset = Campaign.objects.none()

    def get_queryset(self) -> QuerySet[Campaign]:
        user = user_of(self.request)
        access.require(user, "sending.view_campaign")
        return access.limited(Campaign.objects.select_related("account", "template"), user)

    @extend_schema(request=CampaignIn, responses={201: CampaignOut})
    def create(self, request: Request) -> Response:
        given = CampaignIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        user, at = user_of(request), timezone.now()
        account = account_named(values.pop("account"), user)
        chosen = values.pop("audience") or {}
        if not isinstance(chosen, dict):
            raise Invalid("audience", _("Give the audience as a JSON object."))
        if "rows" in chosen and len(chosen) > 1:
            raise Invalid("audience", _("Give either “rows” or filters, not both."))
        lines = rows.from_json(chosen["rows"], account=account) if "rows" in chosen else None
        with transaction.atomic():
            campaign = campaigns.create(
                account,
                template=template_named(account, values.pop("template")),
                audience=chosen if lines is None else {"rows": len(lines)},
                by=user,
                at=at,
                **values,
            )
            if lines is not None:
                rows.add(campaign, lines, at=at)
        return Response(CampaignOut(campaign).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=PreviewOut)
    @action(detail=True)
    def preview(self, request: Request, pk: str) -> Response:
        campaign, at = self.get_object(), timezone.now()
        found = reports.preview(audience.preview(campaign, at=at))
        needed = found.total - found.by_verdict.get(Verdict.EXCLUDED, 0)
        shown = {
            "total": found.total,
            "by_verdict": found.by_verdict,
            "by_rule": found.by_rule,
            "quota": quota.of(campaign, needed=needed, at=at),
        }
        return Response(PreviewOut(shown).data)

    @extend_schema(responses=MatrixOut)
    @action(detail=True)
    def matrix(self, request: Request, pk: str) -> Response:
        """The audience as of now: consent x friend status, and by rule, before or after start."""
        figures = audience.figures(self.get_object(), at=timezone.now())
        cells = [
            {"consent": consent.value, "friend_status": friend.value, "n": n, "sent": sent}
            for consent, row in figures.matrix()
            for friend, n, sent in row
        ]
        found = {"total": figures.total, "matrix": cells, "by_rule": figures.by("rule")}
        return Response(MatrixOut(found).data)

    @extend_schema(responses=ReportOut)
    @action(detail=True)
    def report(self, request: Request, pk: str) -> Response:
        return Response(ReportOut(reports.report(self.get_object(), at=timezone.now())).data)

    @extend_schema(request=StartIn, responses={200: CampaignOut, 202: CampaignOut})
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """200 when all messages are written, 202 while a worker still writes a large audience."""
        given = StartIn(data=request.data or {})
        given.is_valid(raise_exception=True)
        campaign = campaigns.start(
            self.get_object(), by=user_of(request), at=timezone.now(), **given.validated_data
        )
        is_written = campaign.frozen_at is None or campaign.written_at is not None
        return Response(
            CampaignOut(campaign).data,
            status=status.HTTP_200_OK if is_written else status.HTTP_202_ACCEPTED,
        )

    @extend_schema(request=None, responses=CampaignOut)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        return self._act(campaigns.pause)

    @extend_schema(request=None, responses=CampaignOut)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self._act(campaigns.resume)

    @extend_schema(request=None, responses=CampaignOut)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        return self._act(campaigns.cancel)

    @extend_schema(request=None, responses=CampaignOut)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """Turn the second key of a large campaign: by another person than who started it."""
        return self._act(campaigns.confirm)

    @extend_schema(request=None, responses={202: Retried})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Queue again what failed by our own request's or account's fault."""
        n = retries.retry_failed(self.get_object(), by=user_of(request), at=timezone.now())
        return Response(Retried({"messages": n}).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        parameters=[
            OpenApiParameter("status", str, description="One status only."),
            OpenApiParameter("overdue", bool, description="true: only what is overdue."),
        ],
        responses=MessageOut(many=True),
    )
    @action(detail=True)
    def messages(self, request: Request, pk: str) -> Response:
        access.require(user_of(request), "sending.view_message")
        found: Any = self.get_object().messages.select_related("template")
        if wanted := request.query_params.get("status"):
            found = found.filter(status=wanted)
        if request.query_params.get("overdue") in ("true", "1"):
            found = overdue.among(found, at=timezone.now())
        page: Any = self.paginate_queryset(found)
        return self.get_paginated_response(MessageOut(page, many=True).data)

    def _act(self, act: Callable[..., Campaign]) -> Response:
        campaign = act(self.get_object(), by=user_of(self.request), at=timezone.now())
        return Response(CampaignOut(campaign).data)
