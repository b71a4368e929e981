"""/api/v1/templates/{id}/thread/: what was said about a version, its milestones and files."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from lineportal.api.fields import user_of
from lineportal.sending import discussion
from templates_app import attachments, mentions, thread
from templates_app.models import EntryKind, MessageTemplate, ReviewFile


class ThreadFileIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=1000)
    content = serializers.CharField(help_text="The file in base64; at most 5 MB of it.")


class ThreadEntryIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=thread.SAYABLE)
    text = serializers.CharField(required=False, default="", allow_blank=True)
    answers = serializers.IntegerField(
        required=False, default=None, allow_null=True, help_text="Of an answer: the question."
    )
    party = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="To whom a dossier was sent."
    )
    happened_on = serializers.DateField(
        required=False, default=None, allow_null=True, help_text="Of a milestone; not given: today."
    )
    mentions = serializers.ListField(
        child=serializers.CharField(max_length=150),
        required=False,
        default=list,
        max_length=50,
        help_text="User names, beside those that the text names by @.",
    )
    files = ThreadFileIn(many=True, required=False, default=list)


class ThreadFileOut(serializers.ModelSerializer[ReviewFile]):
    class Meta:
        model = ReviewFile
        fields = ("id", "name", "sha256")


class ThreadEntryOut(serializers.Serializer[thread.Line]):
    id = serializers.IntegerField(source="entry.pk")
    kind = serializers.ChoiceField(choices=EntryKind.choices, source="entry.kind")
    text = serializers.CharField(source="entry.text")
    answers = serializers.IntegerField(source="entry.answers_id", allow_null=True)
    is_open = serializers.BooleanField(help_text="It asks, and is not answered yet.")
    party = serializers.CharField(source="entry.party")
    happened_on = serializers.DateField(source="entry.happened_on", allow_null=True)
    mentions = serializers.SerializerMethodField(help_text="User names.")
    not_mailed = serializers.SerializerMethodField(
        help_text="Those mentioned who have no e-mail address."
    )
    files = ThreadFileOut(many=True)
    by = serializers.CharField(source="entry.by.username")
    at = serializers.DateTimeField(source="entry.at")

    def get_mentions(self, line: thread.Line) -> list[str]:
        return [who.username for who in line.mentioned]

    def get_not_mailed(self, line: thread.Line) -> list[str]:
        return [who.username for who in thread.without_address(line.mentioned)]


class ThreadActs:
    """The thread of one version; a part of the templates' view."""

    get_object: Any

    @extend_schema(responses=ThreadEntryOut(many=True), filters=False)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def thread(self, request: Request, pk: str) -> Response:
        """Every entry, the oldest first."""
        lines: Any = thread.read(self.get_object())
        return Response(ThreadEntryOut(lines, many=True).data)

    @extend_schema(request=ThreadEntryIn, responses={201: ThreadEntryOut})
    @thread.mapping.post
    def say(self, request: Request, pk: str) -> Response:
        """Write an entry; any state takes one. LINE's decision comes of approve and reject."""
        given = ThreadEntryIn(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        template: MessageTemplate = self.get_object()
        entry = discussion.say(
            template,
            values.pop("kind"),
            by=user_of(request),
            at=timezone.now(),
            files=_files(values.pop("files")),
            mentioned=_people(template, values.pop("mentions")),
            **values,
        )
        [line] = [each for each in thread.read(template) if each.entry.pk == entry.pk]
        return Response(ThreadEntryOut(line).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, url_path="thread/files/(?P<file>[0-9]{1,18})")
    def thread_file(self, request: Request, pk: str, file: str) -> HttpResponse:
        """A file of the thread, as a download."""
        found = ReviewFile.objects.filter(pk=int(file), entry__template=self.get_object()).first()
        if found is None:
            raise NotFound
        content, headers = attachments.download(found)
        return HttpResponse(content, headers=headers)


def _files(given: list[dict[str, str]]) -> list[attachments.Attachment]:
    if len(given) > attachments.FILES_LIMIT:
        raise attachments.Unusable(attachments.too_many())
    try:
        return [
            attachments.read(each["name"], base64.b64decode(each["content"], validate=True))
            for each in given
        ]
    except (binascii.Error, ValueError) as error:
        raise attachments.Unusable(_("The content of a file is not valid base64.")) from error


def _people(template: MessageTemplate, names: list[str]) -> list[User]:
    people = {who.username: who for who in mentions.candidates(template)} if names else {}
    if strangers := set(names) - set(people):
        raise thread.Unsayable(
            "mentions",
            _("Nobody of the name %(names)s may see this account.")
            % {"names": ", ".join(sorted(strangers))},
        )
    return [people[name] for name in names]
