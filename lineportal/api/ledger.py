"""What a person decided and how we know it, below /api/v1/recipients/{id}/."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.api.fields import Moment, user_of
from lineportal.sending import reissued
from recipients import bases, consent, evidence, intake
from recipients.models import (
    ConsentEvidence,
    ConsentRecord,
    LegalBasis,
    LegalBasisKind,
    MarketingOptOut,
    Recipient,
    Source,
)

VIEW = "recipients.view_consentrecord"


class EvidenceFile(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    content_type = serializers.CharField(max_length=100, required=False, default="")
    content = serializers.CharField(help_text="The file in base64; at most 5 MB of it.")


class Proven(serializers.Serializer[Any]):
    """What may come with any statement."""

    observed_at = Moment(required=False, help_text="When it was true; without it, undated.")
    wording_version = serializers.CharField(
        required=False, max_length=intake.VERSION_LIMIT, help_text="Of the text that they read."
    )
    evidence = serializers.CharField(
        required=False, max_length=evidence.TEXT_LIMIT, help_text="What proves it, in words."
    )
    evidence_file = EvidenceFile(required=False)


class BasisIn(Proven):
    purpose = serializers.CharField(max_length=bases.PURPOSE_LIMIT)
    basis = serializers.ChoiceField(LegalBasisKind.choices)


class MarketingIn(Proven):
    value = serializers.ChoiceField(ConsentRecord.OptedOut.choices)
    purpose = serializers.CharField(
        max_length=bases.PURPOSE_LIMIT, required=False, help_text="Without it, all marketing."
    )


class WithdrawalIn(Proven):
    purpose = serializers.CharField(
        max_length=bases.PURPOSE_LIMIT,
        required=False,
        help_text="Without it everything, LINE's notification messages included.",
    )


class ReassignmentIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200, help_text="How this is known, for auditors.")
    everywhere = serializers.BooleanField(
        default=True, help_text="In every account of the key's user that holds the number."
    )


class BasisOut(serializers.ModelSerializer[LegalBasis]):
    class Meta:
        model = LegalBasis
        fields = ("purpose", "basis", "wording_version", "source", "given_at", "withdrawn_at")


class OptOutOut(serializers.ModelSerializer[MarketingOptOut]):
    class Meta:
        model = MarketingOptOut
        fields = ("purpose", "source", "opted_out_at", "ended_at")


class PermittedOut(serializers.Serializer[Any]):
    """What we rest on and what was opted out of now."""

    consent = serializers.CharField()
    legal_bases = BasisOut(many=True)
    opt_outs = OptOutOut(many=True)


class LedgerOut(serializers.ModelSerializer[ConsentRecord]):
    recorded_by = serializers.IntegerField(source="recorded_by_id", allow_null=True)
    evidence = serializers.CharField(
        source="evidence.text",
        allow_null=True,
        help_text="What proves it, in words; null: none was given, or it was erased.",
    )
    evidence_file = serializers.CharField(
        source="evidence.file_name",
        allow_null=True,
        help_text="Its name; the file is at ledger/{id}/evidence/.",
    )

    class Meta:
        model = ConsentRecord
        fields = (
            "id", "subject", "purpose", "legal_basis", "value", "previous", "observed_at",
            "is_dated", "recorded_at", "source", "source_reference", "recorded_by",
            "wording_version", "evidence_sha256", "evidence", "evidence_file",
        )  # fmt: skip


class LedgerPage(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = LedgerOut(many=True)


class ReassignedOut(serializers.Serializer[Any]):
    account = serializers.CharField(source="now.account.slug")
    former = serializers.IntegerField(source="former.pk")
    now = serializers.IntegerField(source="now.pk")


class LedgerActs:
    """Acts on one person's ledger; a part of the recipients' view."""

    get_object: Any
    paginator: Any

    @extend_schema(responses=LedgerPage, filters=False)
    @action(detail=True, filterset_class=None)
    def ledger(self, request: Request, pk: str) -> Response:
        recipient = _seen(self, request)
        records = recipient.ledger.select_related("evidence").defer("evidence__file")
        page = self.paginator.paginate_queryset(records, request, view=self)
        answer: Response = self.paginator.get_paginated_response(LedgerOut(page, many=True).data)
        return answer

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, url_path="ledger/(?P<record>[0-9]{1,18})/evidence")
    def evidence(self, request: Request, pk: str, record: str) -> HttpResponse:
        recipient = _seen(self, request)
        found = ConsentEvidence.objects.filter(record=int(record), record__recipient=recipient)
        held = found.first()
        if held is None:
            raise NotFound
        content, headers = evidence.download(held)
        return HttpResponse(content, headers=headers)

    @extend_schema(request=BasisIn, responses=PermittedOut)
    @action(detail=True, methods=["post"])
    def basis(self, request: Request, pk: str) -> Response:
        values, recipient = _given(BasisIn, request), self.get_object()
        bases.record(
            recipient,
            purpose=values["purpose"],
            basis=values["basis"],
            statement=_statement(request, values),
        )
        return _permitted(recipient)

    @extend_schema(request=MarketingIn, responses=PermittedOut)
    @action(detail=True, methods=["post"])
    def marketing(self, request: Request, pk: str) -> Response:
        values, recipient = _given(MarketingIn, request), self.get_object()
        act = bases.opt_out if values["value"] == bases.OPTED_OUT else bases.end_opt_out
        act(
            recipient,
            purpose=values.get("purpose", ""),
            statement=_statement(request, values),
        )
        return _permitted(recipient)

    @extend_schema(request=WithdrawalIn, responses=PermittedOut)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        values, recipient = _given(WithdrawalIn, request), self.get_object()
        bases.withdraw(
            recipient, purpose=values.get("purpose"), statement=_statement(request, values)
        )
        return _permitted(recipient)

    @extend_schema(request=ReassignmentIn, responses=ReassignedOut(many=True))
    @action(detail=True, methods=["post"], pagination_class=None, filterset_class=None)
    def reassign(self, request: Request, pk: str) -> Response:
        values = _given(ReassignmentIn, request)
        made = reissued.take(
            self.get_object(),
            at=timezone.now(),
            by=user_of(request),
            source=Source.API,
            **values,
        )
        return Response(ReassignedOut(made, many=True).data)


def proof(values: Mapping[str, Any]) -> evidence.Evidence | None:
    """Return the evidence that a body of `Proven` gave, or None; raises Invalid."""
    file = values.get("evidence_file")
    if file is None:
        return intake.read_evidence(values.get("evidence", ""))
    try:
        content = base64.b64decode(file["content"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise intake.Invalid("evidence_file", _("The content is not valid base64.")) from error
    return intake.read_evidence(
        values.get("evidence", ""),
        file=content,
        file_name=file["name"],
        content_type=file["content_type"],
    )


def _given(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    given = kind(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _seen(view: Any, request: Request) -> Recipient:
    recipient: Recipient = view.get_object()
    access.require(user_of(request), VIEW, recipient.account_id)
    return recipient


def _statement(request: Request, values: Mapping[str, Any]) -> consent.Statement:
    return intake.statement(
        source=Source.API,
        at=timezone.now(),
        by=user_of(request),
        observed_at=values.get("observed_at"),
        wording_version=values.get("wording_version", ""),
        given=proof(values),
    )


def _permitted(recipient: Recipient) -> Response:
    recipient.refresh_from_db()
    now = {
        "consent": recipient.consent,
        "legal_bases": recipient.legal_bases.order_by("purpose"),
        "opt_outs": recipient.opt_outs.order_by("purpose"),
    }
    return Response(PermittedOut(now).data)
