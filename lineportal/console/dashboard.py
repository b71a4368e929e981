"""The first page: what waits for this person, and what runs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from lineportal.accounts import access
from lineportal.console import conversations_desk, lists, reconciliation_desk
from lineportal.console.base import user_of
from lineportal.conversations import answer_rules, answering, canned, talking
from lineportal.sending import counting, incidents, reports, stops
from lineportal.sending.models import Campaign, Message
from lineportal.sending.statuses import Status
from recipients import requests
from recipients.models import SubjectRequest
from templates_app.models import MessageTemplate, State


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the index page shows; only what this person may see."""
    user = request.user
    if user.has_perm("templates_app.view_messagetemplate"):
        waiting = access.limited(MessageTemplate.objects.filter(state=State.SUBMITTED), user)
        context["waiting_templates"] = [
            (template, reverse("admin:templates_app_messagetemplate_change", args=[template.pk]))
            for template in waiting.select_related("account").order_by("submitted_at")[:10]
        ]
    context |= reconciliation_desk.opened(user_of(request))
    if user.has_perm("recipients.view_subjectrequest"):
        rows = access.limited(SubjectRequest.objects.all(), user)
        context["overdue_requests"] = requests.overdue(rows, at=timezone.now()).count()
        context["overdue_url"] = (
            reverse("admin:recipients_subjectrequest_changelist") + "?due=overdue"
        )
    if user.has_perm("sending.view_campaign"):
        held = stops.seen_by(user).filter(lifted_at__isnull=True)
        context["stops"] = [
            (stop, reverse("admin:sending_stop_change", args=[stop.pk]))
            for stop in held.select_related("account")
        ]
        latest = access.limited(Campaign.objects.select_related("account", "template"), user)
        campaigns = list(latest.order_by("-id")[:8])
        counts = reports.delivered([campaign.pk for campaign in campaigns])
        context["latest_campaigns"] = [
            (
                campaign,
                reverse("admin:sending_campaign_change", args=[campaign.pk]),
                *counts[campaign.pk],
            )
            for campaign in campaigns
        ]
    if user.has_perm("sending.view_message"):
        uncertain = access.limited(Message.objects.filter(status=Status.UNCERTAIN), user)
        context["uncertain"] = lists.count(uncertain)
        context["uncertain_url"] = (
            reverse("admin:sending_message_changelist") + "?status__exact=uncertain"
        )
    return context


def _item(title: Any, icon: str, view: str, permission: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": lambda request: reverse(f"admin:{view}"),
        "permission": lambda request: request.user.has_perm(permission),
    }


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the side bar, in the order of the work."""
    return [
        {
            "title": _("Conversations"),
            "separator": False,
            "items": [
                {
                    **_item(_("Inbox"), "forum", "conversations", talking.VIEW),
                    "badge": conversations_desk.unread_badge(request),
                },
                _item(_("Friends"), "group_add", "friends", "recipients.view_recipient"),
                _item(
                    _("Canned answers"),
                    "quickreply",
                    "conversations_cannedanswer_changelist",
                    canned.VIEW,
                ),
                _item(
                    _("Automatic answers"),
                    "smart_toy",
                    "conversations_answerrule_changelist",
                    answer_rules.VIEW,
                ),
                _item(
                    _("Greetings and hours"),
                    "schedule",
                    "conversations_answering_changelist",
                    answering.VIEW,
                ),
            ],
        },
        {
            "title": _("Work"),
            "separator": False,
            "items": [
                _item(
                    _("Review desk"),
                    "view_kanban",
                    "review_desk",
                    "templates_app.view_messagetemplate",
                ),
                _item(
                    _("Templates"),
                    "description",
                    "templates_app_messagetemplate_changelist",
                    "templates_app.view_messagetemplate",
                ),
                _item(
                    _("LINE's keys"),
                    "menu_book",
                    "templates_app_catalogueentry_changelist",
                    "templates_app.view_catalogueentry",
                ),
                _item(
                    _("Recipients"),
                    "group",
                    "recipients_recipient_changelist",
                    "recipients.view_recipient",
                ),
                _item(
                    _("Imports"),
                    "upload_file",
                    "recipients_recipientimport_changelist",
                    "recipients.view_recipientimport",
                ),
                _item(
                    _("Suppressions"),
                    "block",
                    "recipients_suppression_changelist",
                    "recipients.view_suppression",
                ),
                _item(
                    _("Links to decide"),
                    "link",
                    "recipients_linkconflict_changelist",
                    "recipients.view_linkconflict",
                ),
                _item(
                    _("Audiences"),
                    "filter_alt",
                    "sending_savedaudience_changelist",
                    "sending.view_savedaudience",
                ),
                _item(
                    _("Requests of people"),
                    "contact_support",
                    "recipients_subjectrequest_changelist",
                    "recipients.view_subjectrequest",
                ),
                _item(
                    _("Campaigns"),
                    "campaign",
                    "sending_campaign_changelist",
                    "sending.view_campaign",
                ),
                _item(
                    _("Messages"), "sms", "sending_message_changelist", "sending.view_message"
                ),
                _item(_("Stops"), "front_hand", "sending_stop_changelist", "sending.view_campaign"),
                _item(_("Incidents"), "report", "sending_incident_changelist", incidents.VIEW),
            ],
        },
        {
            "title": _("Account and proof"),
            "separator": True,
            "items": [
                _item(
                    _("Official Accounts"),
                    "verified",
                    "accounts_officialaccount_changelist",
                    "accounts.view_officialaccount",
                ),
                _item(_("Sending policies"), "rule", "sending_policy_changelist",
                      "accounts.view_officialaccount"),
                _item(_("Retention periods"), "auto_delete", "sending_retention_changelist",
                      "accounts.view_officialaccount"),
                _item(_("Reconciliation"), "balance", "sending_daycount_changelist",
                      counting.VIEW),
                _item(_("Audit"), "history_edu", "audit_auditentry_changelist",
                      "audit.view_auditentry"),
                _item(_("Users"), "person", "auth_user_changelist", "auth.view_user"),
                _item(_("API keys"), "key", "accounts_apikey_changelist", "accounts.view_apikey"),
            ],
        },
    ]  # fmt: skip
