"""The thread under a version: what was asked, answered and done, and what was waived and why."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from templates_app import guards, written
from templates_app.models.templates import MessageTemplate


class EntryKind(models.TextChoices):
    COMMENT = "comment", _("Comment")
    QUESTION = "question", _("Question")
    ANSWER = "answer", _("Answer")
    PRECHECK_PASSED = "precheck_passed", _("Pre-check passed")
    DOSSIER_SENT = "dossier_sent", _("Dossier sent")
    LINE_ASKED = "line_asked", _("LINE asked")
    LINE_DECIDED = "line_decided", _("LINE decided")


class ReviewEntry(models.Model):
    """One entry of a version's thread; append-only."""

    template = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=15, choices=EntryKind)
    text = models.TextField(blank=True)
    # Of an answer: what it answers.
    answers = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="answered_by"
    )
    # Of a milestone: with whom it was (the account manager a dossier went to), and on which day.
    party = models.CharField(max_length=200, blank=True)
    happened_on = models.DateField(null=True, blank=True)
    mentions = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    # What `searching.py` looks in.
    searchable = models.GeneratedField(
        expression=written.searchable("text", "party"),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("review entry")
        verbose_name_plural = _("review entries")
        permissions: ClassVar = [
            ("discuss_messagetemplate", "May write into the thread of a version"),
            ("record_milestone", "May record milestones in the thread of a version"),
        ]
        triggers: ClassVar = guards.ENTRY_TRIGGERS

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ReviewFile(models.Model):
    """A file given with an entry; only ever handed out as a download."""

    entry = models.ForeignKey(ReviewEntry, models.PROTECT, related_name="files")
    name = models.CharField(max_length=200)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("review file")
        verbose_name_plural = _("review files")
        triggers: ClassVar = guards.FILE_TRIGGERS

    def __str__(self) -> str:
        return self.name


class ReviewReminder(models.Model):
    """That people were reminded of an open version on a business day; append-only.

    Its key is what keeps several workers from reminding twice.
    """

    template = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="reminders")
    day = models.DateField()  # in the account's zone
    why = models.CharField(max_length=21)  # a code of `waits.Why`
    people = ArrayField(models.BigIntegerField())  # ids of the users
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["template", "day"], name="one_reminder_per_version_and_day"
            ),
        ]
        triggers: ClassVar = guards.REMINDER_TRIGGERS

    def __str__(self) -> str:
        return f"{self.template_id} {self.day}"


class Waiver(models.Model):
    """Why a blocking finding does not bar a version; holds for these words in this place alone."""

    template = models.ForeignKey(MessageTemplate, models.PROTECT, related_name="waivers")
    code = models.CharField(max_length=40)
    place = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)  # of the code, the place and the text there
    excerpt = models.TextField(blank=True)
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("waiver")
        verbose_name_plural = _("waivers")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["template", "digest"],
                name="one_waiver_per_finding",
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""),
                name="a_waiver_has_a_reason",
            ),
        ]
        triggers: ClassVar = guards.WAIVER_TRIGGERS

    def __str__(self) -> str:
        return f"{self.code} {self.place}"
