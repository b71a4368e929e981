"""Messages, one per person or row, and their finished attempts.

A message carries for ever what it was decided on and what was sent; rendering never reads the
recipient. Statuses move only by the table in `statuses.py`.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount, Service
from lineportal.sending import guards
from lineportal.sending.models.campaign import Campaign
from lineportal.sending.statuses import Status, Verdict
from recipients.models import Link, Recipient
from templates_app.models import MessageTemplate


class Message(models.Model):
    """One template version to one recipient; the skipped ones are kept too.

    queued → sending → accepted → delivered, with the side roads of `statuses.SOURCES`.
    """

    account = models.ForeignKey(
        OfficialAccount,
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    campaign = models.ForeignKey(  # null: a one-off message
        Campaign,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="messages",
        db_constraint=False,
        db_index=False,
    )
    template = models.ForeignKey(
        MessageTemplate,
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    recipient = models.ForeignKey(
        Recipient,
        models.PROTECT,
        related_name="messages",
        db_constraint=False,
        db_index=False,
    )
    item = models.CharField(max_length=120, blank=True)
    service = models.CharField(max_length=3, choices=Service)

    # What was decided, and on what.
    verdict = models.CharField(max_length=20, choices=Verdict)
    rule = models.CharField(max_length=20, blank=True)
    rules_version = models.CharField(max_length=20)
    consent = models.CharField(max_length=8)
    friend_status = models.CharField(max_length=10)

    # What goes out, frozen at start; emptied only when the person is erased, or when the account's
    # retention says so of a message that is done.
    address = models.CharField(max_length=33, blank=True)
    values = models.JSONField(default=dict)
    body_template_hash = models.CharField(max_length=64)  # the approved version's content hash
    erased_at = models.DateTimeField(null=True, blank=True)
    values_dropped_at = models.DateTimeField(null=True, blank=True)

    status = models.CharField(max_length=9, choices=Status)
    queued_at = models.DateTimeField()
    ready_at = models.DateTimeField()  # not sent before
    triggered_at = models.DateTimeField(  # when what it tells of happened; null: not said
        null=True, blank=True, db_default=None
    )
    not_after = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    # Until when whoever sends it will have said what became of it; then it is swept.
    leased_until = models.DateTimeField(null=True, blank=True)

    # The current attempt. Its reference is LINE's delivery tag, or the two-way retry key.
    reference = models.UUIDField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    attempt_started_at = models.DateTimeField(null=True, blank=True)
    attempt_ended_at = models.DateTimeField(null=True, blank=True)
    body_sha256 = models.CharField(max_length=64, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    request_id = models.CharField(max_length=100, blank=True)
    outcome = models.CharField(max_length=11, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    # Asked for by number, sent to the LINE user linked to it: only while this link stands.
    link = models.ForeignKey(
        Link,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        permissions: ClassVar = [
            ("send_message", "May send one-off messages"),
            ("settle_message", "May decide on uncertain messages and send again"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["campaign", "recipient", "item"],
                name="one_message_per_campaign_recipient_and_item",
            ),
            models.UniqueConstraint(fields=["reference"], name="a_reference_is_one_attempt"),
            models.CheckConstraint(
                condition=Q(status__in=["skipped", "cancelled", "queued"])
                | Q(reference__isnull=False),
                name="what_was_sent_has_a_reference",
            ),
        ]
        indexes: ClassVar = [
            # The claim within one running campaign (one-off messages: campaign is null)
            models.Index(
                fields=["account", "service", "campaign", "ready_at", "id"],
                condition=Q(status="queued"),
                name="message_due",
            ),
            # Rows left behind by a dead worker; the lease itself is no part of it, so that a
            # claim changes no index
            models.Index(
                fields=["id"],
                condition=Q(status="sending"),
                name="message_in_flight",
            ),
            # The 24-hour sweep
            models.Index(
                fields=["expires_at"],
                condition=Q(status__in=["accepted", "uncertain"], service="lon"),
                name="message_expiring",
            ),
            # "Why was this person written to?"
            models.Index(fields=["recipient", "-id"], name="message_of_recipient"),
            # The list of messages by account, service and status, newest first; each of them alone
            # too, by merging what the others may be. What is being sent has its own index. Template
            # and time tell the overdue without the rows.
            models.Index(
                fields=["account", "service", "status", "id"],
                include=["template", "queued_at"],
                condition=~Q(status="sending"),
                name="message_by_status",
            ),
            # The list of what a rule excluded; with a status or overdue, without the rows
            models.Index(
                fields=["account", "service", "rule", "id"],
                include=["status", "template", "queued_at"],
                condition=~Q(rule=""),
                name="message_by_rule",
            ),
            # The list of what a rule excluded of one campaign
            models.Index(
                fields=["campaign", "rule", "id"],
                include=["status"],
                condition=~Q(rule=""),
                name="message_of_campaign_by_rule",
            ),
            # The overview's count of uncertain messages
            models.Index(
                fields=["account", "id"],
                condition=Q(status="uncertain"),
                name="message_uncertain",
            ),
            # Retention: what still holds values, oldest first; no change of a status touches it
            models.Index(
                fields=["account", "id"],
                condition=Q(values_dropped_at__isnull=True, erased_at__isnull=True),
                name="message_with_values",
            ),
            # "Where is this template used?": one-off messages, by status, and the newest of each
            models.Index(
                fields=["template", "status", "id"],
                condition=Q(campaign__isnull=True),
                name="message_one_off_of_template",
            ),
            # The count of a day, where deliveries are reported
            models.Index(
                fields=["account", "service", "delivered_at"],
                condition=Q(delivered_at__isnull=False),
                name="message_by_delivery",
            ),
            # The count of a day, where LINE gives no receipt
            models.Index(
                fields=["account", "accepted_at"],
                condition=Q(service="oa", accepted_at__isnull=False),
                name="message_by_acceptance",
            ),
            # The list of a campaign's messages, by status
            models.Index(fields=["campaign", "status", "id"], name="message_of_campaign"),
        ]
        triggers: ClassVar = guards.MESSAGE_TRIGGERS

    def __str__(self) -> str:
        return f"{_('Message')} {self.pk}"


class Lease(models.Model):
    """A queued message that a worker holds; what it holds it alone may begin to send.

    A table of its own, so that claiming a thousand messages writes none of them; and unlogged: a
    crash of the database empties it, which gives everything back that was not begun.
    """

    message = models.OneToOneField(
        Message, models.CASCADE, primary_key=True, related_name="lease", db_constraint=False
    )
    token = models.UUIDField()  # of the claim
    until = models.DateTimeField()

    class Meta:
        verbose_name = _("lease")
        verbose_name_plural = _("leases")

    def __str__(self) -> str:
        return f"{self.message_id} {self.until}"


class Attempt(models.Model):
    """A finished attempt of a message that a person sent again; its late event still counts."""

    message = models.ForeignKey(Message, models.PROTECT, related_name="past_attempts")
    number = models.PositiveSmallIntegerField()
    reference = models.UUIDField(unique=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    request_id = models.CharField(max_length=100, blank=True)
    outcome = models.CharField(max_length=11, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    body_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "number"], name="attempts_are_numbered"),
        ]
        indexes: ClassVar = [
            # The count of a day: what was sent again and may have reached its person twice
            models.Index(
                fields=["started_at"],
                condition=Q(outcome__in=["accepted", "uncertain"]),
                name="attempt_that_may_have_arrived",
            ),
        ]
        triggers: ClassVar = guards.ATTEMPT_TRIGGERS

    def __str__(self) -> str:
        return f"{self.message} #{self.number}"


class RequestKey(models.Model):
    """An API caller's Idempotency-Key; it lives as long as the message it made."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="+")
    endpoint = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    message = models.ForeignKey(Message, models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "endpoint", "key"], name="a_key_makes_one_thing"
            ),
        ]

    def __str__(self) -> str:
        return self.endpoint
