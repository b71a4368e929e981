"""How we came to know it: the append-only ledger, its erasable evidence, what follows from it."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.audit.guards import append_only, never_truncated
from recipients.models.people import Recipient, Source


class LegalBasisKind(models.TextChoices):
    """On what our own use of somebody's data rests, for one purpose (GDPR, PDPA)."""

    CONSENT = "consent", _("Consent given to us")
    CONTRACT = "contract", _("A contract with the person")
    LEGAL_OBLIGATION = "legal_obligation", _("A legal obligation")
    VITAL_INTEREST = "vital_interest", _("A vital interest")
    PUBLIC_TASK = "public_task", _("A public task")
    LEGITIMATE_INTEREST = "legitimate_interest", _("A legitimate interest of ours")


class ConsentRecord(models.Model):
    """The ledger: every change of what a person decided or of what we may rest on; append-only.

    Only what was applied is recorded, under the lock of the recipient's row. So ids of one person
    rise in the order of the changes, and the record of the highest id per (recipient, subject,
    purpose) is the current value, whatever the dates; `consent.judge` over the records in that
    order says the same.
    """

    class Subject(models.TextChoices):
        CONSENT = "consent", _("LON consent")
        FRIEND = "friend", _("Friend status")
        BASIS = "basis", _("Legal basis")
        MARKETING = "marketing", _("Marketing")

    class Given(models.TextChoices):
        """Values of `basis`."""

        GIVEN = "given", _("Given")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    class OptedOut(models.TextChoices):
        """Values of `marketing`."""

        OPTED_OUT = "opted_out", _("Opted out")
        ENDED = "ended", _("Opt-out ended")

    recipient = models.ForeignKey(
        Recipient,
        models.PROTECT,
        related_name="ledger",
        db_constraint=False,
        db_index=False,
    )
    subject = models.CharField(max_length=9, choices=Subject)
    purpose = models.CharField(max_length=200, blank=True, db_default="")  # basis and marketing
    legal_basis = models.CharField(
        max_length=19, choices=LegalBasisKind, blank=True, db_default=""
    )  # what was given or withdrawn; empty for the other subjects
    value = models.CharField(max_length=10)
    previous = models.CharField(max_length=10, blank=True)
    observed_at = models.DateTimeField()  # when it was true: LINE's event time, a file's date
    is_dated = models.BooleanField()  # False: the source gave no date, so it may only tighten
    recorded_at = models.DateTimeField()
    source = models.CharField(max_length=8, choices=Source)
    source_reference = models.CharField(max_length=100, blank=True)  # "import:4 row 17", event id
    wording_version = models.CharField(max_length=50, blank=True, db_default="")
    # Of the evidence, which is erasable: who has a copy can still prove that it is the one.
    evidence_sha256 = models.CharField(max_length=64, blank=True, db_default="")
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
            # Growth of friends and blocks, by the day
            models.Index(
                fields=["observed_at"],
                condition=models.Q(subject="friend") & ~models.Q(value=models.F("previous")),
                name="ledger_of_friends",
            ),
        ]
        triggers: ClassVar = [
            append_only("consent_records_never_change"),
            never_truncated("consent_records_are_never_truncated"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.previous} → {self.value}"


class ConsentEvidence(models.Model):
    """What proves a consent record: words, a file, or both; personal, so apart and erasable.

    Kept once, with the first record that rests on it; the others carry its digest.
    """

    record = models.OneToOneField(ConsentRecord, models.CASCADE, related_name="evidence")
    text = models.TextField(blank=True)
    file = models.BinaryField(null=True, blank=True)
    file_name = models.CharField(max_length=200, blank=True, db_default="")
    content_type = models.CharField(max_length=100, blank=True, db_default="")
    size = models.PositiveIntegerField(db_default=0, default=0)  # bytes of the file

    class Meta:
        verbose_name = _("consent evidence")
        verbose_name_plural = _("consent evidence")
        triggers: ClassVar = [
            pgtrigger.Protect(name="evidence_is_erased_not_changed", operation=pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return str(self.record)


class LegalBasis(models.Model):
    """On what we rest for one purpose now; derived from the ledger, as opt-outs are."""

    recipient = models.ForeignKey(
        Recipient, models.PROTECT, related_name="legal_bases", db_index=False
    )
    purpose = models.CharField(max_length=200)
    basis = models.CharField(max_length=19, choices=LegalBasisKind)
    wording_version = models.CharField(max_length=50, blank=True)
    source = models.CharField(max_length=8, choices=Source)
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("legal basis")
        verbose_name_plural = _("legal bases")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["recipient", "purpose"], name="one_legal_basis_per_purpose"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} {self.purpose}: {self.basis}"


class MarketingOptOut(models.Model):
    """The person asked us for no marketing; apart from LINE's own setting."""

    recipient = models.ForeignKey(
        Recipient, models.PROTECT, related_name="opt_outs", db_index=False
    )
    purpose = models.CharField(max_length=200, blank=True)  # empty: all marketing
    opted_out_at = models.DateTimeField()
    source = models.CharField(max_length=8, choices=Source)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("marketing opt-out")
        verbose_name_plural = _("marketing opt-outs")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["recipient", "purpose"], name="one_opt_out_per_purpose")
        ]
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


class Reachability(models.Model):
    """When LINE last reported a delivery to the person: they can be reached, and no more.

    Never consent: LINE also delivers to who was only asked (LINE, notification messages).
    """

    recipient = models.OneToOneField(
        Recipient,
        models.PROTECT,
        primary_key=True,
        related_name="reachability",
        # Thousands of rows a second, and recipients are never deleted: no check, no locks on them.
        db_constraint=False,
    )
    reached_at = models.DateTimeField()
    message_id = models.BigIntegerField()  # `sending.Message`, which is above this room

    class Meta:
        verbose_name = _("reachability")
        verbose_name_plural = _("reachability")

    def __str__(self) -> str:
        return f"{self.recipient_id} {self.reached_at}"
