"""What the API says of a template's versions: each, what two differ in, where one is used."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.sending import usage
from templates_app import differences
from templates_app.models import MessageTemplate, State


class VersionOut(serializers.ModelSerializer[MessageTemplate]):
    """One version of the key; `is_current`: the one that the key means."""

    is_current = serializers.SerializerMethodField()
    campaigns = serializers.SerializerMethodField(help_text="how many there are on it")
    created_by = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    submitted_by = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    approved_by = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    rejected_by = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    state = serializers.CharField(read_only=True)

    class Meta:
        model = MessageTemplate
        fields = (
            "id", "version", "state", "is_current", "campaigns", "content_hash",
            "created_by", "created_at", "submitted_by", "submitted_at", "approved_by",
            "approved_at", "line_reference", "line_decided_on", "rejected_by", "rejected_at",
            "revoked_at", "reason",
        )  # fmt: skip

    def get_is_current(self, template: MessageTemplate) -> bool:
        return bool(template.version == self.context["current"])

    def get_campaigns(self, template: MessageTemplate) -> int:
        counts: dict[int, int] = self.context["campaigns"]
        return counts.get(template.pk, 0)


class PieceOut(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="same, removed or added")
    text = serializers.CharField()


class ChangeOut(serializers.Serializer[Any]):
    place = serializers.CharField(help_text="such as items[1].value")
    kind = serializers.CharField(help_text="changed, removed or added")
    pieces = PieceOut(many=True)


class DifferenceOut(serializers.Serializer[Any]):
    """What changed from the older to the newer version; empty lists where nothing did."""

    old = serializers.IntegerField(help_text="id of the older version")
    new = serializers.IntegerField()
    details = ChangeOut(many=True)
    words = ChangeOut(many=True)
    samples = ChangeOut(many=True)
    placeholders_added = serializers.ListField(child=serializers.CharField())
    placeholders_removed = serializers.ListField(child=serializers.CharField())


class UsedOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    queued = serializers.IntegerField()
    sent = serializers.IntegerField()


class UsageOut(serializers.Serializer[Any]):
    """What uses a version; `queued` is what a revocation would cancel."""

    by_state = serializers.DictField(
        child=serializers.IntegerField(), help_text="campaigns by their state"
    )
    queued = serializers.IntegerField()
    sent = serializers.IntegerField()
    is_capped = serializers.BooleanField(help_text="there are at least so many messages")
    last_sent_at = serializers.DateTimeField(allow_null=True)
    campaigns = UsedOut(many=True, help_text="those that run or wait first, at most 20")


class Versions(viewsets.GenericViewSet[MessageTemplate]):
    """The read-only questions about versions, as a part of `templates/`."""

    @extend_schema(responses=VersionOut(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        """Every version of the template's key, newest first."""
        template = self.get_object()
        people = ("created_by", "submitted_by", "approved_by", "rejected_by")
        rows = list(
            MessageTemplate.objects.filter(account_id=template.account_id, key=template.key)
            .select_related(*people)
            .order_by("-version")
        )
        approved = (row.version for row in rows if row.state == State.APPROVED)
        context = {
            "current": next(approved, None),
            "campaigns": usage.campaigns_of([row.pk for row in rows]),
        }
        return Response(VersionOut(rows, many=True, context=context).data)

    @extend_schema(
        parameters=[OpenApiParameter("with", int, required=True, description="another version")],
        responses=DifferenceOut,
    )
    @action(detail=True, pagination_class=None, filterset_class=None)
    def difference(self, request: Request, pk: str) -> Response:
        """What changed, word by word, from the older to the newer of two versions of a key."""
        template = self.get_object()
        asked = request.query_params.get("with", "")
        if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
            raise ValidationError({"with": _("Give the id of another version of this template.")})
        other = self.get_queryset().filter(pk=asked, key=template.key).first()
        if other is None or other.account_id != template.account_id:
            raise Http404
        old, new = sorted([template, other], key=lambda row: row.version)
        found = differences.between(old, new)
        parts = ("details", "words", "samples", "placeholders_added", "placeholders_removed")
        given = {name: getattr(found, name) for name in parts}
        return Response(DifferenceOut({"old": old.pk, "new": new.pk, **given}).data)

    @extend_schema(responses=UsageOut)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def usage(self, request: Request, pk: str) -> Response:
        """Which campaigns and messages a version is used in."""
        return Response(UsageOut(usage.of(self.get_object())).data)
