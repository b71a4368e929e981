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
    """One file of recipients: what it says it is, how far its reading is, and what came of it."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")
        FAILED = "failed", _("Refused as a whole")

    class Stage(models.TextChoices):
        READING = "reading", _("Reading the file")
        JUDGING = "judging", _("Comparing it with the people we hold")  # and writing, in one step

    class Problem(models.TextChoices):
        FILE = "file", _("The file as a whole")
        COLUMNS = "columns", _("Its columns")

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="imports")
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField(default=0, db_default=0)  # bytes
    # What the columns mean, by their names in row 1: one of `sheets.KEYS`, the name of an
    # attribute, or "-" for a column that is passed over. Those that are not here mean themselves.
    mapping = models.JSONField(
        default=dict, blank=True, db_default=models.Value("{}", models.JSONField())
    )
    header = models.JSONField(null=True, blank=True)  # the names in row 1, once they were read
    tag = models.CharField(max_length=50, blank=True, db_default="")  # given to everyone in it
    as_of = models.DateTimeField(null=True, blank=True)  # the date that the file speaks of
    source_text = models.CharField(max_length=200, blank=True)
    is_dry_run = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    stage = models.CharField(max_length=7, choices=Stage, blank=True, db_default="")
    percent = models.PositiveSmallIntegerField(null=True, blank=True)  # of the reading
    problem_kind = models.CharField(max_length=7, choices=Problem, blank=True, db_default="")
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
    rows_emptied_at = models.DateTimeField(null=True, blank=True)  # its refused rows, by retention

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


class ImportPart(models.Model):
    """A piece of a file that is still to be read; personal, so it goes once that is done."""

    SIZE: ClassVar = 1 << 20  # bytes of a piece

    recipient_import = models.ForeignKey(
        RecipientImport, models.CASCADE, related_name="parts", db_index=False
    )
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        verbose_name = _("part of a file")
        verbose_name_plural = _("parts of files")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["recipient_import", "number"], name="one_part_per_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recipient_import_id} {self.number}"


class ColumnMeaning(models.Model):
    """What a column's name means in the files of an account, as a person said when importing."""

    account = models.ForeignKey(OfficialAccount, models.CASCADE, related_name="column_meanings")
    name = models.CharField(max_length=100)  # as in row 1, letter case folded
    meaning = models.CharField(max_length=100)  # as in `RecipientImport.mapping`
    said_at = models.DateTimeField()

    class Meta:
        verbose_name = _("column's meaning")
        verbose_name_plural = _("meanings of columns")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "name"], name="a_column_means_one_thing_per_account"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} → {self.meaning}"


class ImportRefusal(models.Model):
    """One refused row, in the words of the spreadsheet; its reason never repeats a value."""

    recipient_import = models.ForeignKey(
        RecipientImport, models.CASCADE, related_name="refusals", db_index=False
    )
    row = models.PositiveIntegerField()
    column = models.CharField(max_length=3, blank=True)  # "C"
    reason = models.TextField()
    # The row by column name, so that it can be repaired; personal, so it goes after a while.
    cells = models.JSONField(null=True, blank=True)
    phone = models.CharField(max_length=16, null=True, blank=True)  # whom it is about, if it can
    line_user_id = models.CharField(max_length=33, null=True, blank=True)  # be told

    class Meta:
        verbose_name = _("refused row")
        verbose_name_plural = _("refused rows")
        indexes: ClassVar = [
            # The first refused rows of a file, and its rows in order
            models.Index(fields=["recipient_import", "row"], name="refusal_of_import"),
            # Forgetting a person
            models.Index(
                fields=["phone"], condition=Q(phone__isnull=False), name="refusal_by_phone"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.row}{self.column}: {self.reason}"


class ImportedPerson(models.Model):
    """Whom a file was about: the people of its rows that were not refused."""

    pk = models.CompositePrimaryKey("recipient_import_id", "recipient_id")
    recipient_import = models.ForeignKey(
        RecipientImport, models.CASCADE, related_name="people", db_index=False, db_constraint=False
    )
    recipient = models.ForeignKey(
        Recipient, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        verbose_name = _("imported person")
        verbose_name_plural = _("imported people")

    def __str__(self) -> str:
        return f"{self.recipient_import_id} {self.recipient_id}"
