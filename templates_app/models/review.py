"""The thread under a version: what was asked, answered and done, and what was waived and why."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from templates_app import guards
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

    class Meta:
        verbose_name = _("review entry")
        verbose_name_plural = _("review entries")
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
