"""The webhook inbox: what providers told us, raw and as events."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount, Road


class WebhookDelivery(models.Model):
    """One raw POST of a provider, stored before it is understood."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="+")
    provider = models.CharField(max_length=20)
    body = models.BinaryField()
    received_at = models.DateTimeField()
    # A page of reports that we asked for: written by the provider, not by who holds our address.
    is_fetched = models.BooleanField(default=False, db_default=False)
    read_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=200, blank=True)  # signed but unreadable
    emptied_at = models.DateTimeField(null=True, blank=True)  # by the account's retention

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        indexes: ClassVar = [
            # What the reader has still to do
            models.Index(fields=["id"], condition=Q(read_at__isnull=True), name="inbox_unread"),
            # Retention: what is not emptied yet, oldest first
            models.Index(
                fields=["account", "id"],
                condition=Q(emptied_at__isnull=True),
                name="delivery_with_body",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.pk}"


class WebhookEvent(models.Model):
    """One event out of a delivery; a repeat of it is not stored again."""

    delivery = models.ForeignKey(WebhookDelivery, models.PROTECT, related_name="events")
    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="+")
    event_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    occurred_at = models.DateTimeField()
    reference = models.UUIDField(null=True, blank=True, db_index=True)  # a message's history
    line_user_id = models.CharField(max_length=33, blank=True)
    payload = models.JSONField(default=dict)
    effect = models.CharField(max_length=40, blank=True)  # what it changed, in one word
    emptied_at = models.DateTimeField(null=True, blank=True)  # by the account's retention

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "event_id"], name="an_event_counts_once_per_account"
            ),
        ]
        indexes: ClassVar = [
            # Retention: what is not emptied yet, oldest first
            models.Index(
                fields=["account", "id"],
                condition=Q(emptied_at__isnull=True),
                name="event_with_payload",
            ),
            # What somebody said, whose words they take back or write anew
            models.Index(
                fields=["account", "line_user_id"],
                condition=Q(kind__in=["said", "edited"]),
                name="event_of_words",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class Polling(models.Model):
    """How asking for a road's reports goes; whichever worker asks."""

    road = models.OneToOneField(Road, models.CASCADE, related_name="polling")
    failing_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("fetching of reports")
        verbose_name_plural = _("fetching of reports")

    def __str__(self) -> str:
        return str(self.road)
