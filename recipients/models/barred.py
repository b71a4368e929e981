"""Numbers that must not be written to, and people who asked to be forgotten."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount


class Suppression(models.Model):
    """A number that must not be written to, whether or not we hold its person."""

    account = models.ForeignKey(
        OfficialAccount, models.PROTECT, related_name="suppressions", db_index=False
    )
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
        indexes: ClassVar = [
            # The search for a number, among the lifted ones too
            models.Index(fields=["phone"], name="suppression_by_phone"),
            # The list of one account's, newest first
            models.Index(fields=["account", "id"], name="suppression_of_account"),
        ]

    def __str__(self) -> str:
        return f"{_('Suppression')} {self.pk}"


class ErasedPhone(models.Model):
    """A tombstone: a keyed digest of a forgotten person's number or user id, to keep both out."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="+")
    key_id = models.CharField(max_length=16, blank=True, db_default="")  # see `erasure.all_keys`
    digest = models.CharField(max_length=64)  # HMAC-SHA256
    erased_at = models.DateTimeField()

    class Meta:
        verbose_name = _("erased phone")
        verbose_name_plural = _("erased phones")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "digest"], name="one_erasure_per_phone"),
        ]

    def __str__(self) -> str:
        return self.digest[:8]
