"""Message templates, one row per version, and the record of every step of their review.

draft -submit-> submitted -approve-> approved -revoke-> rejected
                submitted -reject-> rejected        submitted -recall-> draft

Only `workflow.py` moves a template; the triggers in `guards.py` keep raw SQL to the same rules.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from lineportal.accounts.models import OfficialAccount, Service
from templates_app import guards


class State(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Waiting for review")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")


class Category(models.TextChoices):
    TRANSACTIONAL = "transactional", _("Transactional")
    MARKETING = "marketing", _("Marketing")


class DecidedBy(models.TextChoices):
    REVIEWER = "reviewer", _("our reviewer")
    LINE = "line", _("LINE Corporation")


class MessageTemplate(models.Model):
    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="templates")
    key = models.SlugField(max_length=60, help_text=_("The name API callers use."))
    version = models.PositiveIntegerField(default=1)
    service = models.CharField(max_length=3, choices=Service)
    purpose = models.CharField(max_length=200, help_text=_("What the message is for."))
    category = models.CharField(max_length=13, choices=Category, default=Category.TRANSACTIONAL)
    language = models.CharField(max_length=35)  # BCP 47
    content = models.JSONField()  # as the contract's section 4 describes it
    placeholders = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    # Values by placeholder that show what a reader will see: `[{"name": "..."}, ...]`.
    samples = models.JSONField(default=list, blank=True, db_default=models.Value("[]"))
    state = FSMField(default=State.DRAFT, choices=State.choices, protected=True)
    # Drawn once at submit: the message object that goes out, placeholders aside.
    bubble = models.JSONField(null=True, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)
    # Undelivered after so long, a notification is flagged, so that another channel may take over.
    # No part of what is decided on; it changes nothing that is sent.
    overdue_minutes = models.PositiveIntegerField(null=True, blank=True)

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    line_reference = models.CharField(max_length=200, blank=True)  # LINE's own decision, on file
    line_decided_on = models.DateField(null=True, blank=True)
    rejected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    rejected_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=8, choices=DecidedBy, blank=True)
    reason = models.TextField(blank=True)  # why rejected or revoked
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        permissions: ClassVar = [
            ("submit_messagetemplate", "May submit and recall templates"),
            ("review_messagetemplate", "May approve and reject templates"),
            ("revoke_messagetemplate", "May revoke approved templates"),
            ("waive_finding", "May waive a finding with a written reason"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "key", "version"],
                name="one_row_per_template_version",
            ),
            models.UniqueConstraint(
                fields=["account", "key"],
                condition=models.Q(state__in=["draft", "submitted"]),
                name="one_open_version_per_template_key",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["draft", "submitted", "approved", "rejected"]),
                name="template_state_is_one_of_four",
            ),
            models.CheckConstraint(
                condition=~models.Q(service="lon") | models.Q(category="transactional"),
                name="lon_templates_are_transactional",
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft")
                | (models.Q(bubble__isnull=False) & ~models.Q(content_hash="")),
                name="what_left_draft_is_frozen_and_hashed",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="approved")
                | models.Q(approved_by__isnull=False, approved_at__isnull=False),
                name="an_approved_template_has_an_approver",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="approved", service="lon")
                | (~models.Q(line_reference="") & models.Q(line_decided_on__isnull=False)),
                name="an_approved_lon_template_has_lines_decision",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="rejected") | ~models.Q(reason=""),
                name="a_rejected_template_has_a_reason",
            ),
        ]
        indexes: ClassVar = [
            # "The highest approved version of this key"
            models.Index(
                fields=["account", "key", "-version"],
                condition=models.Q(state="approved"),
                name="template_approved_versions",
            ),
        ]
        triggers: ClassVar = guards.TEMPLATE_TRIGGERS

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"

    def refresh_from_db(self, *args: Any, **kw: Any) -> None:
        """Read the row again; the protected field accepts a value only where it has none."""
        self.__dict__.pop("state", None)
        super().refresh_from_db(*args, **kw)

    # The machine itself. Call `workflow`, which checks permission, saves and records.

    @transition(field=state, source=State.DRAFT, target=State.SUBMITTED)
    def _submit(self) -> None: ...

    @transition(field=state, source=State.SUBMITTED, target=State.DRAFT)
    def _recall(self) -> None: ...

    @transition(field=state, source=State.SUBMITTED, target=State.APPROVED)
    def _approve(self) -> None: ...

    @transition(field=state, source=State.SUBMITTED, target=State.REJECTED)
    def _reject(self) -> None: ...

    @transition(field=state, source=State.APPROVED, target=State.REJECTED)
    def _revoke(self) -> None: ...


class TemplateEvent(models.Model):
    """One step in a version's life; append-only. Who wrote a version is read from here."""

    class Kind(models.TextChoices):
        CREATED = "created", _("Created")
        EDITED = "edited", _("Edited")
        SUBMITTED = "submitted", _("Submitted")
        RECALLED = "recalled", _("Recalled")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        REVISED = "revised", _("New version drafted")
        REVOKED = "revoked", _("Revoked")
        WAIVED = "waived", _("Finding waived")

    template = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="events")
    kind = models.CharField(max_length=9, choices=Kind)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    note = models.TextField(blank=True)
    content_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("template event")
        verbose_name_plural = _("template events")
        triggers: ClassVar = guards.EVENT_TRIGGERS

    def __str__(self) -> str:
        return f"{self.template} {self.kind}"
