"""How we came to know it: the append-only ledger, its erasable evidence, what follows from it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.audit.guards import append_only, never_truncated
from recipients.models.people import Recipient, Source


class ConsentRecord(models.Model):
    """The ledger: every change of consent or friend status, append-only."""

    class Subject(models.TextChoices):
        CONSENT = "consent", _("LON consent")
        FRIEND = "friend", _("Friend status")

    recipient = models.ForeignKey(
        Recipient,
        models.PROTECT,
        related_name="ledger",
        db_constraint=False,
        db_index=False,
    )
    subject = models.CharField(max_length=7, choices=Subject)
    value = models.CharField(max_length=10)
    previous = models.CharField(max_length=10, blank=True)
    observed_at = models.DateTimeField()  # when it was true: LINE's event time, a file's date
    is_dated = models.BooleanField()  # False: the source gave no date, so it may only tighten
    recorded_at = models.DateTimeField()
    source = models.CharField(max_length=8, choices=Source)
    source_reference = models.CharField(max_length=100, blank=True)  # "import:4 row 17", event id
    # Without a foreign key of the database, whose check of each row costs an import dear; Django
    # still refuses to delete a user who is named here.
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    class Meta:
        verbose_name = _("consent record")
        verbose_name_plural = _("consent records")
        indexes: ClassVar = [
            # The history of one person: some lines, put in order once they are found
            models.Index(fields=["recipient"], name="ledger_of_recipient"),
        ]
        triggers: ClassVar = [
            append_only("consent_records_never_change"),
            never_truncated("consent_records_are_never_truncated"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.previous} → {self.value}"


class ConsentEvidence(models.Model):
    """What proves a consent record, in words; personal, so it is kept apart and erasable."""

    record = models.OneToOneField(ConsentRecord, models.CASCADE, related_name="evidence")
    text = models.TextField()

    class Meta:
        verbose_name = _("consent evidence")
        verbose_name_plural = _("consent evidence")

    def __str__(self) -> str:
        return str(self.record)


class MarketingOptOut(models.Model):
    """The person asked us for no marketing; apart from LINE's own setting."""

    recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="opt_outs")
    purpose = models.CharField(max_length=200, blank=True)  # empty: all marketing
    opted_out_at = models.DateTimeField()
    source = models.CharField(max_length=8, choices=Source)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("marketing opt-out")
        verbose_name_plural = _("marketing opt-outs")
        indexes: ClassVar = [
            # The eligibility rule `opted_out`
            models.Index(
                fields=["recipient"],
                condition=Q(ended_at__isnull=True),
                name="opt_out_in_force",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} {self.purpose}"
