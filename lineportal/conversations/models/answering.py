"""Canned answers, and what an account answers by itself."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount


class CannedAnswer(models.Model):
    """A text that people choose, or the machine gives; written once, with care."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="canned_answers")
    shortcut = models.SlugField(_("shortcut"), max_length=40)  # typed by who answers
    title = models.CharField(_("title"), max_length=100)
    text = models.TextField(_("text"))
    is_on = models.BooleanField(_("in use"), default=True)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("canned answer")
        verbose_name_plural = _("canned answers")
        permissions: ClassVar = [
            ("keep_cannedanswer", "May write canned answers and what is answered by itself"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "shortcut"], name="a_shortcut_is_one_answer_per_account"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class AnswerRule(models.Model):
    """Words of a customer that are answered, handed over, or answered with a link, by itself."""

    class Match(models.TextChoices):
        WHOLE = "whole", _("The whole message")
        WITHIN = "within", _("Anywhere in the message")

    class Act(models.TextChoices):
        ANSWER = "answer", _("Give the canned answer")
        HAND_OVER = "hand_over", _("Hand over to a person")
        LINK = "link", _("Offer to link the customer's number")

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="answer_rules")
    position = models.PositiveSmallIntegerField(_("order"), default=100)  # the first that fits
    words = ArrayField(models.CharField(max_length=100), verbose_name=_("words"))
    match = models.CharField(_("where"), max_length=6, choices=Match, default=Match.WHOLE)
    act = models.CharField(_("what is done"), max_length=9, choices=Act, default=Act.ANSWER)
    answer = models.ForeignKey(
        CannedAnswer, models.PROTECT, null=True, blank=True, related_name="rules",
        verbose_name=_("canned answer"),
    )  # fmt: skip
    is_on = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("automatic answer")
        verbose_name_plural = _("automatic answers")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(act="answer") | Q(answer__isnull=False),
                name="a_rule_that_answers_has_its_answer",
            ),
        ]

    def __str__(self) -> str:
        return ", ".join(self.words)


class Answering(models.Model):
    """What an account says by itself beside its rules; an account without this row says nothing."""

    account = models.OneToOneField(OfficialAccount, models.CASCADE, related_name="answering")
    is_on = models.BooleanField(_("answers by itself"), default=True)
    greeting = models.ForeignKey(
        CannedAnswer, models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name=_("greeting of new friends"),
    )  # fmt: skip
    greeting_again = models.ForeignKey(
        CannedAnswer, models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name=_("greeting of who unblocked"),
    )  # fmt: skip
    # As one category of the sending windows; null: somebody is always there.
    hours = models.JSONField(_("office hours"), null=True, blank=True)
    away = models.ForeignKey(
        CannedAnswer, models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name=_("answer outside office hours"),
    )  # fmt: skip
    away_every_hours = models.PositiveSmallIntegerField(
        _("again after (hours)"), default=8
    )  # to the same person
    handed_over = models.ForeignKey(
        CannedAnswer, models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name=_("answer when a person takes over"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("automatic answering")
        verbose_name_plural = _("automatic answering")

    def __str__(self) -> str:
        return str(self.account)
