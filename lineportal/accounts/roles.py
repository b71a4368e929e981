"""The six roles and what each may do. Groups are made from this table at every migrate.

Change a person's powers by groups of your own; the six here are reset to this table.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps

_READ = (
    "accounts.view_officialaccount",
    "accounts.view_road",
    "templates_app.view_messagetemplate",
    "templates_app.view_templateevent",
    "templates_app.view_catalogueentry",
    "templates_app.view_catalogueedition",
    "recipients.view_recipient",
    "recipients.view_consentrecord",
    "recipients.view_recipientimport",
    "recipients.view_suppression",
    "recipients.view_subjectrequest",
    "recipients.view_link",
    "recipients.view_linkconflict",
    "sending.view_campaign",
    "sending.view_message",
    "sending.view_savedaudience",
    "sending.export_campaign",
)
_THREAD = (
    "templates_app.discuss_messagetemplate",
    "templates_app.record_milestone",
)
_AUTHOR = (
    "templates_app.add_messagetemplate",
    "templates_app.change_messagetemplate",
    "templates_app.submit_messagetemplate",
    "templates_app.waive_finding",
    "templates_app.build_dossier",
    *_THREAD,
)
_REVIEWER = (
    "templates_app.review_messagetemplate",
    "templates_app.revoke_messagetemplate",
    "templates_app.build_dossier",
    *_THREAD,
)
# Customers' own words: for those who answer them, and who must be able to look back.
_TALK = (
    "conversations.view_conversation",
    "conversations.view_cannedanswer",
    "conversations.view_answerrule",
    "conversations.view_answering",
)
_AGENT = (
    "accounts.view_officialaccount",
    "accounts.view_road",
    "recipients.view_recipient",
    "recipients.view_link",
    *_TALK,
    "conversations.answer_conversation",
)
# What the providers counted, and what went wrong.
_WATCH = ("sending.view_daycount", "sending.view_incident")
_SENDER = (
    *_WATCH,
    "sending.close_incident",
    "recipients.add_recipient",
    "recipients.change_recipient",
    "recipients.import_recipient",
    "recipients.suppress_recipient",
    "recipients.reassign_recipient",
    "recipients.keep_link",
    "sending.add_campaign",
    "sending.change_campaign",
    "sending.run_campaign",
    "sending.keep_savedaudience",
    "sending.send_message",
    "sending.settle_message",
    "sending.stop_sending",
)
_MANAGER = (
    *_TALK,
    "conversations.answer_conversation",
    "conversations.keep_cannedanswer",
    "templates_app.import_catalogue",
    "accounts.manage_accounts",
    "accounts.change_officialaccount",
    "recipients.erase_recipient",
    "recipients.reveal_phone",
    "recipients.subject_access",
    "recipients.handle_request",
    "sending.lift_stop",
    "audit.view_auditentry",
)

ROLES: dict[str, tuple[str, ...]] = {
    "author": (*_READ, *_AUTHOR),
    "reviewer": (*_READ, *_REVIEWER),
    "sender": (*_READ, *_SENDER),
    "agent": _AGENT,
    "auditor": (*_READ, *_WATCH, *_TALK, "audit.view_auditentry", "templates_app.build_dossier"),
    "manager": (*_READ, *_AUTHOR, *_REVIEWER, *_SENDER, *_MANAGER),
}


def make_groups(**_signal: Any) -> None:
    """Make or reset the six groups; called after every migrate, once all permissions exist."""
    group_model = apps.get_model("auth", "Group")
    permissions = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in apps.get_model("auth", "Permission").objects.select_related(
            "content_type"
        )
    }
    for name, labels in ROLES.items():
        group, _ = group_model.objects.get_or_create(name=name)
        group.permissions.set([permissions[label] for label in labels if label in permissions])
