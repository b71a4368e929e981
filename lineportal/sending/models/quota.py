"""What a road's provider said is left of the month's messages, and what we took since."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import Road


class Quota(models.Model):
    """The last reading of a road. Two counts of ours, as the provider's figure lags behind.

    `taken_now`: since the reading; `taken_before`: between the reading before and this one, so the
    provider may not have counted them yet. Written by `quota.py` only.
    """

    road = models.OneToOneField(Road, models.CASCADE, related_name="quota")
    limit = models.BigIntegerField(null=True)  # null: none
    used = models.BigIntegerField(default=0)
    asked_at = models.DateTimeField(null=True)  # of the last answer
    taken_now = models.BigIntegerField(default=0)
    taken_before = models.BigIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)  # why the last asking told nothing

    class Meta:
        verbose_name = _("quota")
        verbose_name_plural = _("quotas")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(used__gte=0) & Q(taken_now__gte=0) & Q(taken_before__gte=0),
                name="a_quota_counts_upwards",
            ),
        ]

    def __str__(self) -> str:
        return str(self.road)
