"""What holds sending back: an account's policy, stop switches, and the pace of a road."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount, Road


class Policy(models.Model):
    """What an account asks of its campaigns beyond the rules; absent: the defaults."""

    account = models.OneToOneField(OfficialAccount, models.CASCADE, related_name="policy")
    canary_size = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Send so many first, then wait. Empty: off.")
    )
    second_key_above = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text=_("More messages than this need a second person. Empty: off."),
    )
    refused_percent = models.PositiveSmallIntegerField(
        default=60, help_text=_("Pause when more of the last attempts were refused.")
    )
    uncertain_percent = models.PositiveSmallIntegerField(
        default=25, help_text=_("Pause when more of the last attempts ended uncertain.")
    )
    cap_messages = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("At most so many messages to one person. Empty: off.")
    )
    cap_days = models.PositiveSmallIntegerField(
        default=7, db_default=7, help_text=_("The cap counts so many days back.")
    )
    marketing_cap_messages = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("The same for marketing alone. Empty: off.")
    )
    marketing_cap_days = models.PositiveSmallIntegerField(
        default=7, db_default=7, help_text=_("The marketing cap counts so many days back.")
    )
    cooling_off_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text=_("Leave a person alone for so many days after LINE refused. Empty: off."),
    )
    trigger_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text=_("Send nothing whose trigger is older than so many minutes. Empty: off."),
    )
    count_tolerance = models.PositiveIntegerField(
        default=5,
        db_default=5,
        help_text=_("So many messages may our count of a day differ from the provider's."),
    )
    count_tolerance_percent = models.PositiveSmallIntegerField(
        default=1,
        db_default=1,
        help_text=_("Or this share of the provider's count, if that is more."),
    )
    link_days = models.PositiveSmallIntegerField(
        default=365,
        db_default=365,
        help_text=_("A number's link to a LINE user is sent by for so many days."),
    )
    # When each category may go out, as `windows.read` takes it.
    windows = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("sending policy")
        verbose_name_plural = _("sending policies")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(refused_percent__range=(1, 100)) & Q(uncertain_percent__range=(1, 100)),
                name="breakers_are_percentages",
            ),
        ]

    def __str__(self) -> str:
        return str(self.account)


class Stop(models.Model):
    """A stop switch that a person threw: nothing leaves an account, or the whole site."""

    account = models.ForeignKey(
        OfficialAccount, models.PROTECT, null=True, blank=True, related_name="stops"
    )  # null: the whole site
    reason = models.TextField()
    stopped_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True,
                                   related_name="+")  # fmt: skip
    stopped_at = models.DateTimeField()
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True,
                                  related_name="+")  # fmt: skip
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("stop")
        verbose_name_plural = _("stops")
        permissions: ClassVar = [
            ("stop_sending", "May stop an account, or the whole site"),
            ("lift_stop", "May let a stopped account or site send again"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(lifted_at__isnull=True),
                nulls_distinct=False,
                name="an_account_is_stopped_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.account or _("The whole site"))


class Pace(models.Model):
    """When the next message may leave on one road, over all workers together."""

    road = models.OneToOneField(Road, models.CASCADE, related_name="pace")
    next_at = models.DateTimeField()
    rate_per_second = models.FloatField()  # adapts below the road's own rate
    slowed_at = models.DateTimeField(null=True, blank=True)  # when the provider last said "slow"
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("pace")
        verbose_name_plural = _("paces")

    def __str__(self) -> str:
        return f"{self.road} {self.rate_per_second}/s"
