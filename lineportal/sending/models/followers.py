"""Runs of asking LINE who the friends of an account are."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount


class FriendSync(models.Model):
    """One listing of an account's friends at LINE, page by page; a run that stopped goes on."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")
        FAILED = "failed", _("Failed")  # it may be taken up again while LINE keeps the place

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="friend_syncs")
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField()
    # When the list began, of which all pages are parts: what happened since may not be in it.
    listed_at = models.DateTimeField()
    next_token = models.CharField(max_length=500, blank=True)  # LINE's, good for 24 hours
    pages = models.PositiveIntegerField(default=0)
    seen = models.PositiveBigIntegerField(default=0)  # LINE user ids on those pages
    created = models.PositiveBigIntegerField(default=0)  # people we did not hold
    changed = models.PositiveBigIntegerField(default=0)  # became friends, the new ones too
    # Friends we hold from before whom LINE did not list; None: not finished.
    unlisted = models.PositiveBigIntegerField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)  # why it failed, as a sentence
    page_at = models.DateTimeField(null=True, blank=True)  # when the last page was kept
    finished_at = models.DateTimeField(null=True, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("listing of friends")
        verbose_name_plural = _("listings of friends")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(state="running"),
                name="one_listing_of_friends_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} · {self.get_state_display()}"
