"""Campaigns: one approved version to one audience, their rows, and their counts."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import guards
from recipients.models import Link, Recipient
from templates_app.models import MessageTemplate


class StopCode(models.TextChoices):
    """Why a campaign does not go on by itself, and so who may let it go on."""

    PERSON = "person", _("A person paused it")
    ACCOUNT = "account", _("The provider refuses the account")
    TEMPLATE = "template", _("The provider refuses the template")
    REFUSED = "refused", _("Too many refusals")
    UNCERTAIN = "uncertain", _("Too many uncertain results")
    CANARY = "canary", _("The first messages are sent")
    SECOND_KEY = "second_key", _("Waits for a second person")
    REVOKED = "revoked", _("The template was revoked")
    QUOTA = "quota", _("The month's quota is used up")
    MISSED = "missed", _("Its time was missed")


class Campaign(models.Model):
    """One approved template version to one audience; frozen at start."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        FINISHED = "finished", _("Finished")
        CANCELLED = "cancelled", _("Cancelled")

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="campaigns")
    template = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=100)
    state = models.CharField(max_length=9, choices=State, default=State.DRAFT)
    # A filter over recipients, or {"rows": n} where `CampaignRow` holds the file's rows.
    audience = models.JSONField(default=dict, blank=True)
    values = models.JSONField(default=dict, blank=True)  # the same for every message
    item_column = models.CharField(max_length=100, blank=True)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    # The first so many are sent, then it waits until a person has looked.
    canary_size = models.PositiveIntegerField(null=True, blank=True)
    held_after = models.BigIntegerField(null=True, blank=True)  # the canary's last message id
    stop_code = models.CharField(max_length=12, choices=StopCode, blank=True, db_default="")
    stop_reason = models.TextField(blank=True)  # why paused, cancelled or not started
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    started_at = models.DateTimeField(null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)  # from here on nobody changes it
    written_through = models.BigIntegerField(
        default=0, db_default=0
    )  # recipient id; messages go in by chunks
    written_at = models.DateTimeField(null=True, blank=True)  # all its messages are there
    confirmed_by = models.ForeignKey(  # the second key
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    resumed_at = models.DateTimeField(null=True, blank=True)  # breakers look no further back
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        permissions: ClassVar = [
            ("run_campaign", "May start, pause, resume and cancel campaigns"),
            ("export_campaign", "May export reports of campaigns"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="a_campaign_name_is_used_once_per_account",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "scheduled", "cancelled"])
                | Q(frozen_at__isnull=False),
                name="a_running_campaign_is_frozen",
            ),
        ]
        indexes: ClassVar = [
            # The worker: which campaigns of this account may send now
            models.Index(
                fields=["account", "started_at"],
                condition=Q(state="running"),
                name="campaign_running",
            ),
        ]
        triggers: ClassVar = guards.CAMPAIGN_TRIGGERS

    def __str__(self) -> str:
        return self.name


class CampaignRow(models.Model):
    """One row of a campaign's own file: whom, and with which values."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="rows")
    row = models.PositiveIntegerField()
    recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="+")
    item = models.CharField(max_length=100, blank=True)
    values = models.JSONField(default=dict)
    # Named by their number, sent to their LINE user id: counts only while the link does.
    link = models.ForeignKey(
        Link, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )

    class Meta:
        verbose_name = _("campaign row")
        verbose_name_plural = _("campaign rows")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["campaign", "row"], name="one_row_per_campaign_row"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign} {self.row}"


class Tally(models.Model):
    """Changes of a campaign's counts, written by the triggers on messages; their sum is the count.

    Rows are only added, so that workers never wait for each other, and squashed now and then.
    """

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="tallies", db_constraint=False
    )
    status = models.CharField(max_length=9)
    rule = models.CharField(max_length=20, blank=True)
    n = models.BigIntegerField()

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")

    def __str__(self) -> str:
        return f"{self.status} {self.n:+}"


class Stroke(models.Model):
    """What a worker recorded of one campaign at once: for live rates and the breakers.

    Kept for ten minutes; nothing counts a campaign's messages to know how fast it goes.
    """

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="strokes", db_constraint=False, db_index=False
    )
    at = models.DateTimeField()
    attempts = models.PositiveIntegerField()
    refused = models.PositiveIntegerField()
    uncertain = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("stroke")
        verbose_name_plural = _("strokes")
        indexes: ClassVar = [
            # The newest of a campaign: its rate, and the breakers
            models.Index(fields=["campaign", "-at"], name="stroke_of_campaign"),
        ]

    def __str__(self) -> str:
        return f"{self.attempts}"


class Discrepancy(models.Model):
    """A count that did not agree with the rows, as it was found; the count was then mended."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="discrepancies")
    status = models.CharField(max_length=9)
    rule = models.CharField(max_length=20, blank=True)
    tallied = models.BigIntegerField()
    counted = models.BigIntegerField()
    found_at = models.DateTimeField()

    class Meta:
        verbose_name = _("discrepancy")
        verbose_name_plural = _("discrepancies")

    def __str__(self) -> str:
        return f"{self.status}: {self.tallied} / {self.counted}"
