"""The people we hold, what we know of their consent and friendship, and how we came to know it.

A recipient's `consent` and `friend_status` are the newest facts in its ledger (`ConsentRecord`);
only `consent.py` and `intake.py` write them, always together with a ledger entry.
"""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount
from lineportal.audit.guards import append_only, never_truncated


class Consent(models.TextChoices):
    """LINE's own setting of the person, as far as we know it; it holds for every account."""

    AGREED = "agreed", _("Agreed")
    NOT_SET = (
        "not_set",
        _("Not set"),
    )  # asked by LINE at the first message, for 24 hours
    REJECTED = "rejected", _("Rejected")


class FriendStatus(models.TextChoices):
    """The person's relation to one Official Account."""

    FRIEND = "friend", _("Friend")
    NOT_FRIEND = "not_friend", _("Not a friend")
    BLOCKED = "blocked", _("Blocked us")


class Source(models.TextChoices):
    """Where a fact came from."""

    ASSUMED = "assumed", _("assumed for a new person")
    IMPORT = "import", _("an imported file")
    API = "api", _("an API caller")
    PERSON = "person", _("entered in the console")
    LINE = "line", _("an event from LINE")


class Recipient(models.Model):
    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="recipients")
    phone = models.CharField(max_length=16, null=True, blank=True)  # E.164
    phone_country = models.CharField(max_length=3, blank=True)  # ISO region of the number
    line_user_id = models.CharField(max_length=33, null=True, blank=True)
    consent = models.CharField(max_length=8, choices=Consent, default=Consent.NOT_SET)
    consent_source = models.CharField(max_length=8, choices=Source, default=Source.ASSUMED)
    consent_observed_at = models.DateTimeField(null=True, blank=True)  # null: only assumed
    friend_status = models.CharField(
        max_length=10, choices=FriendStatus, default=FriendStatus.NOT_FRIEND
    )
    friend_source = models.CharField(max_length=8, choices=Source, default=Source.ASSUMED)
    friend_observed_at = models.DateTimeField(null=True, blank=True)
    attributes = models.JSONField(default=dict, blank=True)  # text by name, for placeholders
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        permissions: ClassVar = [
            ("import_recipient", "May import recipients from files"),
            ("suppress_recipient", "May suppress phone numbers"),
            ("erase_recipient", "May erase a person"),
            ("reveal_phone", "May see whole phone numbers"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "phone"], name="a_phone_is_one_person_per_account"
            ),
            models.UniqueConstraint(
                fields=["account", "line_user_id"],
                name="a_user_id_is_one_person_per_account",
            ),
            models.CheckConstraint(
                condition=Q(phone__isnull=False)
                | Q(line_user_id__isnull=False)
                | Q(erased_at__isnull=False),
                name="a_recipient_can_be_addressed",
            ),
            models.CheckConstraint(
                condition=Q(phone__isnull=True) | Q(phone__regex=r"^\+[1-9][0-9]{6,14}$"),
                name="a_phone_is_e164",
            ),
            models.CheckConstraint(
                condition=Q(line_user_id__isnull=True) | Q(line_user_id__regex=r"^U[0-9a-f]{32}$"),
                name="a_line_user_id_is_u_and_32_hex",
            ),
            models.CheckConstraint(
                condition=Q(consent__in=Consent.values), name="consent_is_one_of_three"
            ),
            models.CheckConstraint(
                condition=Q(friend_status__in=FriendStatus.values),
                name="friend_status_is_one_of_three",
            ),
        ]
        indexes: ClassVar = [
            # LINE's consent belongs to the phone, on every account
            models.Index(fields=["phone"], name="recipient_by_phone"),
            # Counts and filters of the audience by consent and friend status
            models.Index(
                fields=["account", "consent", "friend_status"],
                name="recipient_by_standing",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="recipients_are_erased_not_deleted", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="consent_never_returns_to_not_set",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__consent="not_set")
                & ~pgtrigger.Q(old__consent="not_set"),
                func="RAISE EXCEPTION 'lineportal: consent never returns to not set';",
            ),
            pgtrigger.Trigger(
                name="a_recipient_stays_with_its_account",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__account_id__df=pgtrigger.F("new__account_id")),
                func="RAISE EXCEPTION 'lineportal: a recipient stays with its account';",
            ),
        ]

    def __str__(self) -> str:
        return f"{_('Recipient')} {self.pk}"


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
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )

    class Meta:
        verbose_name = _("consent record")
        verbose_name_plural = _("consent records")
        indexes: ClassVar = [
            # The history of one person, newest first
            models.Index(
                fields=["recipient", "subject", "-observed_at", "-id"],
                name="ledger_of_recipient",
            ),
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


class Suppression(models.Model):
    """A number that must not be written to, whether or not we hold its person."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="suppressions")
    phone = models.CharField(max_length=16)
    reason = models.CharField(max_length=200)
    until = models.DateTimeField(null=True, blank=True)  # null: for good
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "phone"],
                condition=Q(lifted_at__isnull=True),
                name="one_suppression_in_force_per_phone",
            ),
        ]

    def __str__(self) -> str:
        return f"{_('Suppression')} {self.pk}"


class ErasedPhone(models.Model):
    """A person who was forgotten: only a keyed digest of the number, so that it stays out."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)  # HMAC-SHA256 under the field key
    erased_at = models.DateTimeField()

    class Meta:
        verbose_name = _("erased phone")
        verbose_name_plural = _("erased phones")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "digest"], name="one_erasure_per_phone"),
        ]

    def __str__(self) -> str:
        return self.digest[:8]


class RecipientImport(models.Model):
    """One file of recipients: its counts, and its file until it is no longer needed."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")
        FAILED = "failed", _("Refused as a whole")

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="imports")
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    file = models.BinaryField(null=True)  # personal; emptied once the import has ended
    as_of = models.DateTimeField(null=True, blank=True)  # the date that the file speaks of
    source_text = models.CharField(max_length=200, blank=True)
    is_dry_run = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    problem = models.TextField(blank=True)  # why the whole file was refused
    encoding = models.CharField(max_length=40, blank=True)
    rows = models.PositiveIntegerField(default=0)
    rows_read = models.PositiveIntegerField(default=0)  # progress while it runs
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(state="finished")
                | Q(
                    rows=models.F("created")
                    + models.F("updated")
                    + models.F("unchanged")
                    + models.F("refused")
                ),
                name="every_row_of_a_finished_import_is_counted",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class ImportRefusal(models.Model):
    """One refused row, in the words of the spreadsheet; never the value itself."""

    recipient_import = models.ForeignKey(RecipientImport, models.CASCADE, related_name="refusals")
    row = models.PositiveIntegerField()
    column = models.CharField(max_length=3, blank=True)  # "C"
    reason = models.TextField()

    class Meta:
        verbose_name = _("refused row")
        verbose_name_plural = _("refused rows")

    def __str__(self) -> str:
        return f"{self.row}{self.column}: {self.reason}"
