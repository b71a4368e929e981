"""Official Accounts, the road each service takes, who may touch them, and API keys.

A road's credentials are encrypted at rest; nothing outside `credentials.py` sees them in the clear.
"""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Country(models.TextChoices):
    TH = "TH", _("Thailand")
    TW = "TW", _("Taiwan")
    JP = "JP", _("Japan")


class Service(models.TextChoices):
    LON = (
        "lon",
        _("LINE Official Notification"),
    )  # one-way, to a phone number, friend or not
    OA = "oa", _("Two-way Official Account")  # to a LINE user id, friends only


class OfficialAccount(models.Model):
    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2, choices=Country)
    timezone = models.CharField(max_length=50)
    # Part of the webhook address: unguessable, and says nothing about the account.
    webhook_id = models.CharField(max_length=40, unique=True)
    is_active = models.BooleanField(
        default=True,
        help_text=_("Nothing is sent for an account that is switched off."),
    )
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("Official Account")
        verbose_name_plural = _("Official Accounts")
        permissions: ClassVar = [("manage_accounts", "May create accounts and change credentials")]
        triggers: ClassVar = [
            # Recipients name it without a foreign key.
            pgtrigger.Protect(
                name="accounts_are_switched_off_not_deleted", operation=pgtrigger.Delete
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Road(models.Model):
    """How one service of one account reaches LINE: provider, credentials, pace."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="roads")
    service = models.CharField(max_length=3, choices=Service)
    provider = models.CharField(max_length=20)
    # LINE's channel id; with a partner, the sender's name there.
    sender = models.CharField(max_length=100)
    api_base_url = models.URLField(blank=True, help_text=_("Empty for the provider's own address."))
    credentials = models.TextField(editable=False)  # MultiFernet token over JSON
    credentials_version = models.PositiveIntegerField(default=1)
    # A replaced webhook secret stays valid for 72 hours: events signed with it are still under way.
    previous_secret = models.TextField(blank=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    rate_per_second = models.PositiveIntegerField(default=500)
    used_at = models.DateTimeField(null=True, blank=True)  # first message; identity is fixed then

    class Meta:
        verbose_name = _("road")
        verbose_name_plural = _("roads")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "service"], name="one_road_per_account_and_service"
            ),
            models.UniqueConstraint(
                fields=["provider", "sender", "service"],
                name="a_sender_has_one_road_per_service",
            ),
            models.CheckConstraint(
                condition=models.Q(rate_per_second__gte=1, rate_per_second__lte=2000),
                name="rate_within_line_ceiling",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="a_sender_serves_one_account",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF EXISTS (
                        SELECT 1 FROM accounts_road other
                        WHERE other.provider = NEW.provider AND other.sender = NEW.sender
                          AND other.account_id <> NEW.account_id
                    ) THEN
                        RAISE EXCEPTION 'lineportal: this channel belongs to another account';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Trigger(
                name="a_used_road_keeps_its_identity",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__used_at__isnull=False),
                func="""
                    IF (NEW.account_id, NEW.service, NEW.provider, NEW.sender)
                       IS DISTINCT FROM (OLD.account_id, OLD.service, OLD.provider, OLD.sender) THEN
                        RAISE EXCEPTION 'lineportal: a used road keeps its channel and provider';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} · {self.get_service_display()}"


class AccountScope(models.Model):
    """The accounts a user may touch. A user without this row may touch all of them."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="account_scope"
    )
    accounts = models.ManyToManyField(OfficialAccount, blank=True)

    class Meta:
        verbose_name = _("account list of a user")
        verbose_name_plural = _("account lists of users")

    def __str__(self) -> str:
        return str(self.user)


class ApiKey(models.Model):
    """A key to the API: it belongs to a user and can do no more than that user and its scopes."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)  # shown, so that a key can be told from another
    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the whole key
    scopes = ArrayField(models.CharField(max_length=20))
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
