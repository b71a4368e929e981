"""Files of recipients: what was read, and what became of each row."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount
from recipients.models.people import Recipient


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


class ImportedPerson(models.Model):
    """Whom a file was about: the people of its rows that were not refused."""

    pk = models.CompositePrimaryKey("recipient_import_id", "recipient_id")
    recipient_import = models.ForeignKey(
        RecipientImport, models.CASCADE, related_name="people", db_index=False
    )
    recipient = models.ForeignKey(
        Recipient, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        verbose_name = _("imported person")
        verbose_name_plural = _("imported people")

    def __str__(self) -> str:
        return f"{self.recipient_import_id} {self.recipient_id}"
