"""/api/v1/templates/: message templates and every step of their review."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import Service
from lineportal.api.dossiers import Dossiers
from lineportal.api.fields import account_named, body_of, user_of
from lineportal.api.resource import Resource
from lineportal.api.thread import ThreadActs
from lineportal.api.versions import Versions
from lineportal.sending import overdue, previews, routing, withdrawal
from templates_app import callers, drafting, searching, waivers, workflow
from templates_app.models import MessageTemplate, State

ANYBODY = UUID(int=0)


class TemplateOut(serializers.ModelSerializer[MessageTemplate]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    state = serializers.CharField(read_only=True)
    findings = serializers.SerializerMethodField()
    road_problem = serializers.SerializerMethodField(
        help_text="Why the account's road cannot carry this template now; blank: it can."
    )
    overdue_after_minutes = serializers.IntegerField(source="overdue_minutes", allow_null=True)

    class Meta:
        model = MessageTemplate
        fields = (
            "id", "account", "key", "version", "service", "language", "purpose", "category",
            "content", "samples", "state", "content_hash", "placeholders", "findings",
            "road_problem", "created_at", "submitted_at",
            "approved_at", "rejected_at", "revoked_at", "line_reference",
            "line_decided_on", "reason", "decided_by", "overdue_after_minutes",
        )  # fmt: skip

    def get_road_problem(self, template: MessageTemplate) -> str:
        return routing.problem_of(template)

    def get_findings(self, template: MessageTemplate) -> list[dict[str, str]]:
        return waivers.found_in(template)


class PlaceholderChanges(serializers.Serializer[Any]):
    """What API callers must pass now, and need not any more."""

    added = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.CharField())
    compared_with_version = serializers.IntegerField(
        help_text="the approved version; this version as it was where none is approved"
    )


class TemplateEdited(TemplateOut):
    placeholder_changes = PlaceholderChanges(read_only=True)

    class Meta(TemplateOut.Meta):
        fields = (*TemplateOut.Meta.fields, "placeholder_changes")  # type: ignore[assignment]


class TemplateIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    key = serializers.SlugField(max_length=60)
    service = serializers.CharField()
    language = serializers.CharField(max_length=35)
    purpose = serializers.CharField(max_length=200)
    category = serializers.CharField(required=False, default="transactional")
    content = serializers.JSONField()
    samples = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField(allow_blank=True)),
        required=False,
        default=list,
    )


class TemplateChanges(serializers.Serializer[Any]):
    language = serializers.CharField(max_length=35, required=False)
    purpose = serializers.CharField(max_length=200, required=False)
    category = serializers.CharField(required=False)
    content = serializers.JSONField(required=False)
    samples = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField(allow_blank=True)), required=False
    )


class OverdueIn(serializers.Serializer[Any]):
    minutes = serializers.IntegerField(allow_null=True, help_text="null: never overdue")


class ApproveIn(serializers.Serializer[Any]):
    line_reference = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True
    )
    line_decided_on = serializers.DateField(required=False, default=None, allow_null=True)
    note = serializers.CharField(required=False, default="", allow_blank=True)


class RejectIn(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, default="", allow_blank=True)
    decided_by = serializers.CharField(required=False, default="reviewer")


class RevokeIn(serializers.Serializer[Any]):
    reason = serializers.CharField(required=False, default="", allow_blank=True)


class WaiveIn(serializers.Serializer[Any]):
    digest = serializers.CharField(max_length=64, help_text="of one of the template's findings")
    reason = serializers.CharField(required=False, default="", allow_blank=True)


class PreviewIn(serializers.Serializer[Any]):
    values = serializers.DictField(
        child=serializers.CharField(allow_blank=True), required=False, default=dict
    )


class TemplateFilter(django_filters.FilterSet):
    account = django_filters.CharFilter("account__slug")
    key = django_filters.CharFilter()
    state = django_filters.ChoiceFilter(choices=State.choices)
    service = django_filters.ChoiceFilter(choices=Service.choices)
    search = django_filters.CharFilter(
        method="written", label="Words in or about a version, in any script and any state."
    )

    class Meta:
        model = MessageTemplate
        fields = ("account", "key", "state", "service")

    def written(
        self, rows: QuerySet[MessageTemplate], name: str, value: str
    ) -> QuerySet[MessageTemplate]:
        return searching.matching(rows, value[:200])


class Templates(
    Dossiers,
    Resource,
    ThreadActs,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    Versions,
):
    scope = "templates"
    scopes_of = {  # noqa: RUF012
        **dict.fromkeys(("approve", "reject", "revoke"), ("review",)),
        **dict.fromkeys(
            (
                "list",
                "retrieve",
                "preview",
                "brief",
                "dossier",
                "thread",
                "say",
                "thread_file",
                "versions",
                "difference",
                "usage",
            ),
            ("templates", "review"),
        ),
    }
    serializer_class = TemplateOut
    filterset_class = TemplateFilter
    queryset = MessageTemplate.objects.none()

    def get_queryset(self) -> QuerySet[MessageTemplate]:
        user = user_of(self.request)
        access.require(user, "templates_app.view_messagetemplate")
        rows = MessageTemplate.objects.select_related("account").prefetch_related("account__roads")
        return access.limited(rows, user)

    @extend_schema(request=TemplateIn, responses={201: TemplateOut})
    def create(self, request: Request) -> Response:
        values = body_of(TemplateIn, request)
        user = user_of(request)
        template = drafting.create(
            account_named(values.pop("account"), user),
            by=user,
            at=timezone.now(),
            **values,
        )
        return Response(TemplateOut(template).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TemplateChanges, responses=TemplateEdited)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a draft; the answer says what that changes for API callers."""
        template, user = self.get_object(), user_of(request)
        before = list(template.placeholders)
        changes = body_of(TemplateChanges, request)
        edited = drafting.edit(template, by=user, at=timezone.now(), changes=changes)
        change = PlaceholderChanges(callers.change_of(edited, before=before))
        return Response({**TemplateOut(edited).data, "placeholder_changes": change.data})

    @extend_schema(request=None, responses=TemplateOut)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        return self._act(workflow.submit)

    @extend_schema(request=None, responses=TemplateOut)
    @action(detail=True, methods=["post"])
    def recall(self, request: Request, pk: str) -> Response:
        return self._act(workflow.recall)

    @extend_schema(request=ApproveIn, responses=TemplateOut)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self._act(workflow.approve, **body_of(ApproveIn, request))

    @extend_schema(request=RejectIn, responses=TemplateOut)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        return self._act(workflow.reject, **body_of(RejectIn, request))

    @extend_schema(request=RevokeIn, responses=TemplateOut)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        return self._act(withdrawal.revoke_template, **body_of(RevokeIn, request))

    @extend_schema(request=None, responses={201: TemplateOut})
    @action(detail=True, methods=["post"])
    def revise(self, request: Request, pk: str) -> Response:
        response = self._act(drafting.revise)
        response.status_code = status.HTTP_201_CREATED
        return response

    @extend_schema(request=WaiveIn, responses=TemplateOut)
    @action(detail=True, methods=["post"])
    def waive(self, request: Request, pk: str) -> Response:
        """Waive one blocking finding of a draft, for a written reason."""
        template = self.get_object()
        workflow.waive(
            template, by=user_of(request), at=timezone.now(), **body_of(WaiveIn, request)
        )
        return Response(TemplateOut(template).data)

    @extend_schema(request=OverdueIn, responses=TemplateOut)
    @action(detail=True, methods=["post"])
    def overdue(self, request: Request, pk: str) -> Response:
        """Say after how many minutes an undelivered message is flagged; any state takes it."""
        return self._act(overdue.allow, **body_of(OverdueIn, request))

    @extend_schema(request=PreviewIn)
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, pk: str) -> Response:
        values = body_of(PreviewIn, request)["values"]
        return Response(previews.wire(self.get_object(), values))

    def _act(self, act: Callable[..., MessageTemplate], **details: Any) -> Response:
        template = act(self.get_object(), by=user_of(self.request), at=timezone.now(), **details)
        return Response(TemplateOut(template).data)
