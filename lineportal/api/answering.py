"""/api/v1/canned-answers/, answer-rules/ and accounts/{slug}/answering/: what is said by itself."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.api.fields import account_named, body_of, user_of
from lineportal.api.resource import Resource
from lineportal.conversations import answer_rules, answering, canned
from lineportal.conversations.models import Answering, AnswerRule, CannedAnswer
from recipients.intake import Invalid


class CannedAnswerOut(serializers.ModelSerializer[CannedAnswer]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)

    class Meta:
        model = CannedAnswer
        fields = ("id", "account", "shortcut", "title", "text", "is_on", "changed_at")


class CannedAnswerChange(serializers.Serializer[Any]):
    shortcut = serializers.CharField(required=False, help_text="One answer of an account.")
    title = serializers.CharField(required=False)
    text = serializers.CharField(required=False, help_text="Goes to customers as it stands.")
    is_on = serializers.BooleanField(required=False)


class CannedAnswerIn(serializers.Serializer[Any]):
    account = serializers.CharField()
    shortcut = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()
    is_on = serializers.BooleanField(required=False)


class CannedAnswers(Resource, mixins.ListModelMixin, mixins.RetrieveModelMixin,
                    viewsets.GenericViewSet[CannedAnswer]):  # fmt: skip
    """Texts written once: POST writes one, PATCH changes or retires it; none is deleted."""

    scope = "conversations"
    serializer_class = CannedAnswerOut
    queryset = CannedAnswer.objects.none()

    def get_queryset(self) -> QuerySet[CannedAnswer]:
        user = user_of(self.request)
        access.require(user, canned.VIEW)
        rows = CannedAnswer.objects.select_related("account").order_by("id")
        return access.limited(rows, user)

    @extend_schema(request=CannedAnswerIn, responses={201: CannedAnswerOut})
    def create(self, request: Request) -> Response:
        user = user_of(request)
        values = body_of(CannedAnswerIn, request)
        account = account_named(values.pop("account"), user)
        made = canned.keep(account, by=user, at=timezone.now(), values=values)
        return Response(CannedAnswerOut(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CannedAnswerChange, responses=CannedAnswerOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        answer, changes = self.get_object(), body_of(CannedAnswerChange, request)
        by, at = user_of(request), timezone.now()
        return Response(CannedAnswerOut(canned.change(answer, by=by, at=at, changes=changes)).data)


class AnswerRuleOut(serializers.ModelSerializer[AnswerRule]):
    account = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    answer = serializers.IntegerField(source="answer_id", allow_null=True)

    class Meta:
        model = AnswerRule
        fields = ("id", "account", "words", "match", "act", "answer", "position", "is_on")


class AnswerRuleChange(serializers.Serializer[Any]):
    words = serializers.ListField(child=serializers.CharField(), required=False)
    match = serializers.ChoiceField(AnswerRule.Match.choices, required=False)
    act = serializers.ChoiceField(AnswerRule.Act.choices, required=False)
    answer = serializers.IntegerField(
        required=False, allow_null=True, help_text="The canned answer; for the act “answer”."
    )
    position = serializers.IntegerField(required=False, help_text="The lowest that fits is used.")
    is_on = serializers.BooleanField(required=False)


class AnswerRuleIn(AnswerRuleChange):
    account = serializers.CharField()
    words = serializers.ListField(child=serializers.CharField())


class AnswerRules(Resource, mixins.ListModelMixin, mixins.RetrieveModelMixin,
                  viewsets.GenericViewSet[AnswerRule]):  # fmt: skip
    """Words of customers that are answered, handed over, or answered with a link, by themselves."""

    scope = "conversations"
    serializer_class = AnswerRuleOut
    queryset = AnswerRule.objects.none()

    def get_queryset(self) -> QuerySet[AnswerRule]:
        user = user_of(self.request)
        access.require(user, answer_rules.VIEW)
        return access.limited(AnswerRule.objects.select_related("account").order_by("id"), user)

    @extend_schema(request=AnswerRuleIn, responses={201: AnswerRuleOut})
    def create(self, request: Request) -> Response:
        user = user_of(request)
        values = body_of(AnswerRuleIn, request)
        account = account_named(values.pop("account"), user)
        values = _with_answers(account, values, ("answer",))
        made = answer_rules.keep(account, by=user, at=timezone.now(), values=values)
        return Response(AnswerRuleOut(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=AnswerRuleChange, responses=AnswerRuleOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        rule, changes = self.get_object(), body_of(AnswerRuleChange, request)
        changes = _with_answers(rule.account, changes, ("answer",))
        by, at = user_of(request), timezone.now()
        changed = answer_rules.change(rule, by=by, at=at, changes=changes)
        return Response(AnswerRuleOut(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        answer_rules.remove(self.get_object(), by=user_of(request), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class AnsweringOut(serializers.ModelSerializer[Answering]):
    greeting = serializers.IntegerField(source="greeting_id", allow_null=True)
    greeting_again = serializers.IntegerField(source="greeting_again_id", allow_null=True)
    away = serializers.IntegerField(source="away_id", allow_null=True)
    handed_over = serializers.IntegerField(source="handed_over_id", allow_null=True)
    hours = serializers.JSONField(allow_null=True)

    class Meta:
        model = Answering
        fields = answering.FIELDS


class AnsweringIn(serializers.Serializer[Any]):
    is_on = serializers.BooleanField(required=False)
    greeting = serializers.IntegerField(required=False, allow_null=True)
    greeting_again = serializers.IntegerField(required=False, allow_null=True)
    away = serializers.IntegerField(required=False, allow_null=True)
    handed_over = serializers.IntegerField(required=False, allow_null=True)
    hours = serializers.JSONField(
        required=False,
        allow_null=True,
        help_text="null: somebody is always there. {“from”: “09:00”, “to”: “18:00”, “weekdays”:"
        " [“mon”], “on_holidays”: false, “closed_on”: [“2026-12-31”]}",
    )
    away_every_hours = serializers.IntegerField(required=False)


class Settings(Resource, viewsets.GenericViewSet[OfficialAccount]):
    """What an account says by itself beside its rules; canned answers are given by their ids."""

    scope = "conversations"
    lookup_field = "slug"
    queryset = OfficialAccount.objects.none()

    @extend_schema(responses=AnsweringOut)
    def retrieve(self, request: Request, slug: str) -> Response:
        user = user_of(request)
        access.require(user, answering.VIEW)
        account = get_object_or_404(access.accounts_of(user), slug=slug)
        return Response(AnsweringOut(answering.of(account)).data)

    @extend_schema(request=AnsweringIn, responses=AnsweringOut)
    def partial_update(self, request: Request, slug: str) -> Response:
        user = user_of(request)
        account = get_object_or_404(access.accounts_of(user), slug=slug)
        changes = _with_answers(account, body_of(AnsweringIn, request), answering.ANSWERS)
        changed = answering.change(account, by=user, at=timezone.now(), changes=changes)
        return Response(AnsweringOut(changed).data)


def _with_answers(
    account: OfficialAccount, values: dict[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    """Return the values with canned answers of the account in place of their ids."""
    found = dict(values)
    for name in names:
        if found.get(name) is not None:
            found[name] = CannedAnswer.objects.filter(account=account, pk=found[name]).first()
            if found[name] is None:
                raise Invalid(name, _("Choose a canned answer of this account that is in use."))
    return found
