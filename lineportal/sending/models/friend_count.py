"""How many friends LINE itself counts, by the day."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount


class FriendCount(models.Model):
    """LINE's figures of one day (UTC+9) of an account; all null: LINE has none and never will.

    A day that LINE has not counted yet has no row. Written by `friend_counts.py` only.
    """

    account = models.ForeignKey(
        OfficialAccount, models.CASCADE, related_name="friend_counts", db_index=False
    )
    day = models.DateField()
    followers = models.BigIntegerField(null=True)  # ever; those who blocked or left LINE too
    targeted_reaches = models.BigIntegerField(null=True)
    blocks = models.BigIntegerField(null=True)
    asked_at = models.DateTimeField()

    class Meta:
        verbose_name = _("LINE's count of friends")
        verbose_name_plural = _("LINE's counts of friends")
        constraints: ClassVar = [
            # The days of an account, as pages show them
            models.UniqueConstraint(fields=["account", "day"], name="one_count_of_friends_a_day"),
            models.CheckConstraint(
                condition=Q(followers__isnull=True, targeted_reaches__isnull=True,
                            blocks__isnull=True)
                | Q(followers__gte=0, targeted_reaches__gte=0, blocks__gte=0),
                name="a_count_of_friends_is_whole",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.account} · {self.day}"
