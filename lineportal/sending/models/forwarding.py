"""Webhooks that are passed on to a bot of the company: where to, and what has still to go."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount
from lineportal.sending.models.inbox import WebhookDelivery


class BotAnswer(models.TextChoices):
    """What became of one try; the bot's own words are never kept."""

    TAKEN = "taken", _("taken")  # a status from 200 to 299, in time
    REDIRECTED = "redirected", _("redirected elsewhere, which is not followed")
    TURNED_DOWN = "turned_down", _("not taken")  # any other status
    TOO_SLOW = "too_slow", _("no answer in time")
    BROKE_OFF = "broke_off", _("the connection broke before the answer")
    UNREACHABLE = "unreachable", _("the address cannot be reached")
    NOT_ALLOWED = "not_allowed", _("the address is not allowed any more; nothing was posted")


class Forwarding(models.Model):
    """The address that an account's webhooks of one provider are passed on to.

    A bot that fails several times in a row rests: then one delivery is tried now and again, until
    it takes one.
    """

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="forwardings")
    provider = models.CharField(max_length=20)
    url = models.URLField(max_length=500)
    is_on = models.BooleanField()
    changed_at = models.DateTimeField()
    failed_in_a_row = models.PositiveIntegerField(default=0, db_default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    rests_until = models.DateTimeField(null=True, blank=True)
    # The last try of all, and the last that was taken.
    tried_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(
        max_length=20, choices=BotAnswer.choices, blank=True, default="", db_default=""
    )
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("forwarding of webhooks")
        verbose_name_plural = _("forwarding of webhooks")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "provider"], name="one_forwarding_per_account_and_provider"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} · {self.provider}"


class ForwardState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    DONE = "done", _("passed on")
    GIVEN_UP = "given_up", _("given up")  # the bot did not take it within 24 hours
    # A person was forgotten, retention emptied the body, or passing on was stopped.
    DROPPED = "dropped", _("dropped")


class Forward(models.Model):
    """One delivery that is to be passed on, with the headers that vouch for its body.

    waiting -> done | given_up | dropped. A worker holds it by a lease while it posts.
    """

    # No check in the database, for every webhook of an account would lock the row of its
    # forwarding, which workers write to; the row is selected in the same statement.
    forwarding = models.ForeignKey(
        Forwarding, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    delivery = models.OneToOneField(WebhookDelivery, models.PROTECT, related_name="+")
    headers = models.JSONField(default=dict, db_default={})  # as they came, by name
    received_at = models.DateTimeField()
    next_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0, db_default=0)
    state = models.CharField(
        max_length=10,
        choices=ForwardState.choices,
        default=ForwardState.WAITING,
        db_default=ForwardState.WAITING,
    )
    answer = models.CharField(
        max_length=20, choices=BotAnswer.choices, blank=True, default="", db_default=""
    )
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # It is of somebody who was forgotten before: nothing of it is kept once it ended.
    then_empty = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = _("webhook to pass on")
        verbose_name_plural = _("webhooks to pass on")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state=ForwardState.WAITING, ended_at__isnull=True)
                | (~Q(state=ForwardState.WAITING) & Q(ended_at__isnull=False)),
                name="a_forward_waits_until_it_ends",
            ),
        ]
        indexes: ClassVar = [
            # What a worker takes next of a forwarding, and how many wait
            models.Index(
                fields=["forwarding", "next_at", "id"],
                condition=Q(state=ForwardState.WAITING),
                name="forward_waiting",
            ),
            # How many of a forwarding were given up lately
            models.Index(
                fields=["forwarding", "ended_at"],
                condition=Q(state=ForwardState.GIVEN_UP),
                name="forward_given_up",
            ),
            # House-keeping: what ended long ago
            models.Index(
                fields=["ended_at"], condition=Q(ended_at__isnull=False), name="forward_ended"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.get_state_display()}"
