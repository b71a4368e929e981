"""/api/v1/conversations/: what customers said, and answers, each made once per Idempotency-Key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_filters
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.accounts import access
from lineportal.api.fields import body_of, user_of
from lineportal.api.resource import Resource
from lineportal.conversations import asked, searching, talking
from lineportal.conversations.models import ChatMessage, Conversation, Media
from recipients.intake import Invalid

SEARCH_LIMIT = 1_000

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True,
    description="A repeat with the same key answers the first result and says nothing twice.",
)  # fmt: skip


class FileOut(serializers.ModelSerializer[Media]):
    class Meta:
        model = Media
        fields = ("state", "name", "size", "content_type", "sha256", "problem")


class ChatMessageOut(serializers.ModelSerializer[ChatMessage]):
    author = serializers.CharField(source="author.username", default=None, allow_null=True)
    file = FileOut(source="media", default=None, allow_null=True)

    class Meta:
        model = ChatMessage
        fields = (
            "id", "conversation", "speaker", "kind", "text", "facts", "file", "occurred_at",
            "edited_at", "unsent_at", "author", "cause", "progress", "way", "attempts",
            "http_status", "detail",
        )  # fmt: skip


class ConversationOut(serializers.ModelSerializer[Conversation]):
    account = serializers.CharField(source="account.slug")
    friend_status = serializers.CharField(source="recipient.friend_status")
    assignee = serializers.CharField(source="assignee.username", default=None, allow_null=True)
    barred = serializers.SerializerMethodField()
    free_reply_until = serializers.SerializerMethodField()

    class Meta:
        model = Conversation
        fields = (
            "id", "account", "recipient", "name", "friend_status", "state", "assignee", "unread",
            "handed_over_at", "standby_since", "last_heard_at", "last_message_at", "last_text",
            "barred", "free_reply_until",
        )  # fmt: skip

    def get_barred(self, talk: Conversation) -> str:
        """Why nothing may be sent here now, as a sentence; blank: it may."""
        return talking.barred(talk, at=timezone.now())

    def get_free_reply_until(self, talk: Conversation) -> str | None:
        """Until when an answer goes as a free reply; afterwards it is a push that counts."""
        if talk.reply_token_at is None or not talking.has_token(talk, at=timezone.now()):
            return None
        return (talk.reply_token_at + talking.TOKEN_LIFE).isoformat()


class AnswerIn(serializers.Serializer[Any]):
    text = serializers.CharField(required=False, default="", allow_blank=True)
    canned = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="The shortcut of a canned answer."
    )


class AssignIn(serializers.Serializer[Any]):
    assignee = serializers.CharField(allow_null=True, help_text="A user name; null: nobody.")


class AgainIn(serializers.Serializer[Any]):
    saw_risk = serializers.BooleanField(
        required=False, default=False, help_text="An uncertain answer may arrive twice."
    )


class ConversationFilter(django_filters.FilterSet):
    account = django_filters.CharFilter("account__slug")
    state = django_filters.ChoiceFilter(choices=Conversation.State.choices)
    friend_status = django_filters.CharFilter("recipient__friend_status")
    assignee = django_filters.CharFilter(method="of", help_text="A user name, or “none”.")
    unread = django_filters.BooleanFilter(method="with_unread")
    q = django_filters.CharFilter(
        method="saying",
        help_text=f"Words said in it, or of the name: in the newest {SEARCH_LIMIT:,} of each that"
        " have them; of letters that are in very many messages, the newest are searched.",
    )

    def of(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == "none":
            return rows.filter(assignee__isnull=True)
        return rows.filter(assignee__username=value)

    def with_unread(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return rows.filter(unread__gt=0) if value else rows.filter(unread=0)

    def saying(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        user = user_of(self.request)
        people = access.limited(Conversation.objects.all(), user)
        messages = access.limited(ChatMessage.objects.all(), user)
        if account := self.form.cleaned_data["account"]:
            people = people.filter(account__slug=account)
            messages = messages.filter(account__slug=account)
        said = searching.said(messages, value, limit=SEARCH_LIMIT).ids
        named = searching.named(people, value, limit=SEARCH_LIMIT).ids
        talks = set(ChatMessage.objects.filter(pk__in=said).values_list("conversation", flat=True))
        return rows.filter(pk__in=talks | set(named))


class Conversations(
    Resource,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Conversation],
):
    """Conversations, newest made first; acts answer with the conversation as it is then."""

    scope = "conversations"
    serializer_class = ConversationOut
    queryset = Conversation.objects.none()
    filterset_class = ConversationFilter

    def get_queryset(self) -> QuerySet[Conversation]:
        user = user_of(self.request)
        access.require(user, talking.VIEW)
        rows = Conversation.objects.select_related("account", "recipient", "assignee")
        return access.limited(rows.prefetch_related("account__roads"), user)

    @extend_schema(responses=ChatMessageOut(many=True), filters=False)
    @action(detail=True, filterset_class=None)
    def messages(self, request: Request, pk: str) -> Response:
        """What was said, the newest first."""
        page: Any = self.paginate_queryset(self._messages())  # type: ignore[arg-type]
        return self.get_paginated_response(ChatMessageOut(page, many=True).data)

    @extend_schema(request=AnswerIn, responses={202: ChatMessageOut}, parameters=[IDEMPOTENCY_KEY])
    @messages.mapping.post
    def answer(self, request: Request, pk: str) -> Response:
        """Say something to the customer: a text, or a canned answer."""
        given = body_of(AnswerIn, request)
        said = asked.answer(
            self.get_object(),
            key=request.headers.get("Idempotency-Key", ""),
            text=given["text"],
            shortcut=given["canned"],
            by=user_of(request),
            at=timezone.now(),
        )
        return Response(ChatMessageOut(said).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=ChatMessageOut)
    @action(detail=True, url_path="messages/(?P<number>[0-9]{1,18})", filterset_class=None)
    def message(self, request: Request, pk: str, number: str) -> Response:
        """One message, and what became of it."""
        return Response(ChatMessageOut(self._message(number)).data)

    @extend_schema(request=AgainIn, responses={202: ChatMessageOut})
    @action(
        detail=True, methods=["post"], url_path="messages/(?P<number>[0-9]{1,18})/again",
        filterset_class=None,
    )  # fmt: skip
    def again(self, request: Request, pk: str, number: str) -> Response:
        """Send once more what failed, was refused or is uncertain."""
        again = talking.send_again(
            self._message(number),
            by=user_of(request),
            at=timezone.now(),
            saw_risk=body_of(AgainIn, request)["saw_risk"],
        )
        return Response(ChatMessageOut(again).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=AssignIn, responses=ConversationOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def assign(self, request: Request, pk: str) -> Response:
        """Make the conversation somebody's, or nobody's."""
        name = body_of(AssignIn, request)["assignee"]
        to = User.objects.filter(username=name).first() if name is not None else None
        if name is not None and to is None:
            raise Invalid("assignee", _("Choose somebody who may answer for this account."))
        talk = self.get_object()
        talking.assign(talk, to, by=user_of(request), at=timezone.now())
        return self._now(talk)

    @extend_schema(request=None, responses=ConversationOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def take_over(self, request: Request, pk: str) -> Response:
        """Have people answer from here on, and the machine be silent."""
        return self._act(talking.take_over)

    @extend_schema(request=None, responses=ConversationOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def give_back(self, request: Request, pk: str) -> Response:
        """Let the machine answer again."""
        return self._act(talking.give_back)

    @extend_schema(request=None, responses=ConversationOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def close(self, request: Request, pk: str) -> Response:
        """Put it away as done; the customer's next word opens it."""
        return self._act(talking.close)

    @extend_schema(request=None, responses=ConversationOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def reopen(self, request: Request, pk: str) -> Response:
        """Take one that is done up again."""
        return self._act(talking.reopen)

    @extend_schema(request=None, responses=ConversationOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def read(self, request: Request, pk: str) -> Response:
        """Note that all of it was seen."""
        talk = self.get_object()
        access.require(user_of(request), talking.ANSWER, talk.account_id)
        talking.mark_read(talk, by=user_of(request))
        return self._now(talk)

    def _act(self, act: Callable[..., None]) -> Response:
        talk = self.get_object()
        act(talk, by=user_of(self.request), at=timezone.now())
        return self._now(talk)

    def _now(self, talk: Conversation) -> Response:
        return Response(ConversationOut(self.get_queryset().get(pk=talk.pk)).data)

    def _messages(self) -> QuerySet[ChatMessage]:
        rows = ChatMessage.objects.filter(conversation=self.get_object())
        return rows.select_related("author", "media").defer("content", "media__preview")

    def _message(self, number: str) -> ChatMessage:
        found: ChatMessage = get_object_or_404(self._messages(), pk=int(number))
        return found
