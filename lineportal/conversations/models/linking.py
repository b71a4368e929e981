"""Addresses given to customers in the chat, by which they link their number."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.conversations.models.talk import Conversation


class LinkOffer(models.Model):
    """One address that a customer is to get, got, and may enter their code at."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")  # LINE is still to be asked for a token
        GIVEN = "given", _("Given")
        FAILED = "failed", _("Failed")  # LINE gave no token, or nothing may be said

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="link_offers")
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    cause = models.CharField(max_length=20, blank=True)  # why, in one word
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    given_at = models.DateTimeField(null=True, blank=True)
    # Of LINE's token, keyed: only an address that we gave takes codes.
    token_digest = models.CharField(max_length=64, null=True, blank=True, unique=True)
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    detail = models.CharField(max_length=300, blank=True)  # why LINE gave none

    class Meta:
        verbose_name = _("link offer")
        verbose_name_plural = _("link offers")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation"],
                condition=Q(state="waiting"),
                name="one_link_offer_waits_per_conversation",
            ),
        ]

    def __str__(self) -> str:
        return f"{_('Link offer')} {self.pk}"
