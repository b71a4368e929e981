"""The messages' pages: what became of each, every step in order, and sending once more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.console import figures
from lineportal.console.base import ActForm, Desk, user_of, wording
from lineportal.console.campaigns_desk import LOOK
from lineportal.console.lists import AccountFilter
from lineportal.sending import audience, finding, history, messages, overdue, proofs, words
from lineportal.sending.models import Message
from lineportal.sending.statuses import MEANING, Status
from recipients import finding as naming
from recipients import phones


class OverdueFilter(admin.SimpleListFilter):
    title = gettext_lazy("overdue")
    parameter_name = "overdue"

    @property
    def implies(self) -> dict[str, list[Any]]:
        """What the list may hold then, for it to be read off the index."""
        return {
            "service": ["lon"],
            "status": sorted(overdue.UNDELIVERED),
            "account": overdue.accounts(),
        }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("Overdue now"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Message]
    ) -> QuerySet[Message] | None:
        if self.value() != "yes":
            return None
        campaign_id = naming.number(request.GET.get("campaign__id__exact", ""))
        if campaign_id and not overdue.can_be(campaign_id):
            return queryset.none()
        return overdue.among(queryset, at=timezone.now())


class RuleFilter(admin.SimpleListFilter):
    """The rules as the code knows them; to ask the table would read all of it."""

    title = gettext_lazy("rule")
    parameter_name = "rule__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(code, code) for code in audience.REASONS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return queryset.filter(rule=self.value()) if self.value() else queryset


@admin.register(Message)
class MessageDesk(Desk):
    view_permission = "sending.view_message"
    list_display = ("number", "masked_phone", "campaign", "status_badge", "rule", "changed_at")
    list_filter = ("status", OverdueFilter, "service", RuleFilter, ("account", AccountFilter))
    search_fields = ("pk",)
    search_help_text = gettext_lazy(
        "A message's number or delivery tag, a whole phone number, or a LINE user id"
    )
    ordering = ("-id",)
    sortable_by = ("number",)
    walks = (
        ("campaign", "rule"),
        ("campaign", "status"),
        ("account", "service", "rule"),
        ("account", "service", "status"),
    )
    linked_lookups = frozenset({"campaign__id__exact"})
    list_select_related = ("campaign", "recipient")
    fields = (
        "account", "campaign", "template", "masked_phone", "item", "verdict", "rule",
        "rules_version", "consent", "friend_status", "status", "queued_at", "accepted_at",
        "delivered_at", "expires_at", "attempts", "http_status", "request_id", "detail",
        "body_sha256", "values_dropped_at",
    )  # fmt: skip
    readonly_fields = ("masked_phone",)
    change_form_outer_before_template = "console/message.html"
    act_labels: ClassVar[dict[str, Any]] = {"again": gettext_lazy("Send again")}
    act_forms: ClassVar[dict[str, type[ActForm]]] = {"again": ActForm}
    act_notes: ClassVar[dict[str, Any]] = {
        "again": gettext_lazy(
            "LINE cannot recognise a repeat of a notification. If the first one was sent after all,"
            " this person gets it twice."
        )
    }
    grave_act = frozenset({"again"})

    @admin.display(description=gettext_lazy("Message"), ordering="id")
    def number(self, message: Message) -> str:
        return str(message.pk)

    @admin.display(description=gettext_lazy("Phone"))
    def masked_phone(self, message: Message) -> str:
        return phones.mask(message.recipient.phone) or "–"

    @admin.display(description=gettext_lazy("Status"))
    def status_badge(self, message: Message) -> str:
        status = Status(message.status)
        return format_html(
            '<span class="lp-badge {}">{}</span>', LOOK.get(status, ""), status.label
        )

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        """Return the filters; account and service are no question within one campaign."""
        if "campaign__id__exact" in request.GET:
            return ("status", OverdueFilter, RuleFilter)
        return self.list_filter

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        return (queryset.filter(finding.messages(search_term)) if search_term else queryset), False

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        may = access.may(user, messages.SETTLE, obj.account_id)
        return ["again"] if may and obj.status in messages.REPEATABLE else []

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        inputs, reading = proofs.of_message(obj)
        proven = words.of(obj)
        return {
            "words": proven,
            "words_json": json.dumps(proven.words, indent=2, ensure_ascii=False),
            **wording(proven.template, drawing=proven.words),
            "template_url": self.page_url(proven.template),
            "proof": figures.proof(inputs, reading),
            "decided_at": proofs.decided_at(obj),
            "meaning": MEANING[Status(obj.status)],
            "reason": audience.sentence(obj.verdict, obj.rule),
            "steps": history.of(obj),
            "overdue": overdue.WARNING if overdue.of(obj, at=timezone.now()) else "",
        }

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        return messages.send_again(obj, by=user_of(request), at=timezone.now())
