"""The six roles: what each may do, and that nobody else's powers hang on a spelling mistake."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User

from lineportal.accounts import roles
from tests import factories

LABELS = sorted({label for labels in roles.ROLES.values() for label in labels})


def held(group: str) -> set[str]:
    permissions = Group.objects.get(name=group).permissions.select_related("content_type")
    return {f"{each.content_type.app_label}.{each.codename}" for each in permissions}


def test_migrations_make_the_six_groups(db: None) -> None:
    assert set(Group.objects.values_list("name", flat=True)) == {
        "author", "reviewer", "sender", "agent", "auditor", "manager",
    }  # fmt: skip


@pytest.mark.parametrize("role", roles.ROLES)
def test_each_group_holds_its_table_and_no_more(role: str, db: None) -> None:
    assert held(role) == set(roles.ROLES[role])


@pytest.mark.parametrize("label", LABELS)
def test_every_permission_of_the_table_exists(label: str, db: None) -> None:
    app, codename = label.split(".")

    assert Permission.objects.filter(content_type__app_label=app, codename=codename).count() == 1


ACTS = {
    "templates_app.add_messagetemplate": {"author", "manager"},
    "templates_app.submit_messagetemplate": {"author", "manager"},
    "templates_app.review_messagetemplate": {"reviewer", "manager"},
    "templates_app.discuss_messagetemplate": {"author", "reviewer", "manager"},
    "templates_app.record_milestone": {"author", "reviewer", "manager"},
    "templates_app.revoke_messagetemplate": {"reviewer", "manager"},
    "recipients.import_recipient": {"sender", "manager"},
    "recipients.suppress_recipient": {"sender", "manager"},
    "recipients.reassign_recipient": {"sender", "manager"},
    "recipients.erase_recipient": {"manager"},
    "recipients.reveal_phone": {"manager"},
    "recipients.subject_access": {"manager"},
    "recipients.handle_request": {"manager"},
    "recipients.view_subjectrequest": set(roles.ROLES) - {"agent"},
    "sending.run_campaign": {"sender", "manager"},
    "sending.keep_savedaudience": {"sender", "manager"},
    "sending.view_savedaudience": set(roles.ROLES) - {"agent"},
    "sending.send_message": {"sender", "manager"},
    "sending.settle_message": {"sender", "manager"},
    "accounts.manage_accounts": {"manager"},
    "audit.view_auditentry": {"auditor", "manager"},
    "sending.view_message": set(roles.ROLES) - {"agent"},
    "conversations.view_conversation": {"agent", "auditor", "manager"},
    "conversations.answer_conversation": {"agent", "manager"},
    "conversations.keep_cannedanswer": {"manager"},
    "recipients.view_consentrecord": set(roles.ROLES) - {"agent"},
}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_belongs_to_its_roles(act: str, db: None) -> None:
    assert {role for role in roles.ROLES if factories.user(role).has_perm(act)} == ACTS[act]


def test_the_auditor_only_reads(db: None) -> None:
    acts = {label.split(".")[1].split("_")[0] for label in held("auditor")}

    assert acts == {"view", "export", "build"}  # a dossier is read, too


def test_nobody_may_delete_or_rewrite_a_record(db: None) -> None:
    for role in roles.ROLES:
        for label in held(role):
            assert not label.split(".")[1].startswith("delete_")
        assert not held(role) & {"sending.change_message", "audit.change_auditentry",
                                 "recipients.change_consentrecord"}  # fmt: skip


def test_a_migration_sets_the_six_back_and_leaves_groups_of_your_own(db: None) -> None:
    own = Group.objects.create(name="branch managers")
    review = Permission.objects.get(codename="review_messagetemplate")
    own.permissions.add(review)
    Group.objects.get(name="author").permissions.add(review)
    Group.objects.get(name="sender").permissions.clear()

    roles.make_groups()

    assert held("author") == set(roles.ROLES["author"])
    assert held("sender") == set(roles.ROLES["sender"])
    assert held("branch managers") == {"templates_app.review_messagetemplate"}


def test_roles_add_up(db: None) -> None:
    both = factories.user("author", "sender")

    assert both.has_perm("templates_app.submit_messagetemplate")
    assert both.has_perm("sending.run_campaign")
    assert not both.has_perm("templates_app.review_messagetemplate")
    assert not User.objects.get(pk=factories.user().pk).get_all_permissions()
