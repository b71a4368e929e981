"""Filters that people keep under a name."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount


class SavedAudience(models.Model):
    """A named filter of an account; a campaign takes a copy, so changing it changes no campaign."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="audiences")
    name = models.CharField(max_length=100)
    filter = models.JSONField()  # a tree, as `trees.read` takes it
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("audience")
        verbose_name_plural = _("audiences")
        permissions: ClassVar = [
            ("keep_savedaudience", "May save, change and delete audiences"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "name"], name="an_audience_name_is_used_once_per_account"
            ),
        ]

    def __str__(self) -> str:
        return self.name
