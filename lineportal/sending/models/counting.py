"""What a provider counted on each day beside what we hold, and incidents that a person looks at."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount, Road, Service
from lineportal.audit.guards import append_only, never_truncated


class CountState(models.TextChoices):
    WAITING = "waiting", _("Waiting for the provider")  # not told yet; asked again
    AGREED = "agreed", _("Agrees")  # within the account's tolerance
    DIFFERS = "differs", _("Differs")  # beyond it
    NOT_TOLD = "not_told", _("Not told")  # and it is not asked for any more


class IncidentCode(models.TextChoices):
    """What an incident is about. Not the field's choices, so that a new one needs no migration."""

    COUNTED_MORE = "counted_more", _("The provider counted more than we hold")
    COUNTED_LESS = "counted_less", _("The provider counted less than we hold")
    UNCOUNTED = "uncounted", _("The provider's daily count does not come")
    UNREPORTED = "unreported", _("Delivery reports cannot be fetched")
    QUOTA_REACHED = "quota_reached", _("The month's quota of messages is used up")
    NOT_PASSED_ON = "not_passed_on", _("Webhooks do not get through to the company's bot")


class Incident(models.Model):
    """Something that a person should look at, until it is over or somebody closes it.

    Opened and closed by `incidents.py` only.
    """

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="incidents")
    road = models.ForeignKey(  # null: the whole account
        Road, models.PROTECT, null=True, blank=True, related_name="+"
    )
    code = models.CharField(max_length=20)
    sentence = models.CharField(max_length=500)  # what is wrong and what to do; names nobody
    opened_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(  # null on a closed one: it was over by itself
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        permissions: ClassVar = [("close_incident", "May close an incident with a note")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "road", "code"],
                condition=Q(closed_at__isnull=True),
                nulls_distinct=False,
                name="one_open_incident_of_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=False) | Q(closed_by__isnull=True, note=""),
                name="an_open_incident_has_no_closing",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="an_incident_is_of_its_roads_account",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__road__isnull=False),
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM accounts_road road
                        WHERE road.id = NEW.road_id AND road.account_id = NEW.account_id
                    ) THEN
                        RAISE EXCEPTION 'lineportal: incident and road are of two accounts';
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Protect(
                name="a_closed_incident_never_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__closed_at__isnull=False),
            ),
            pgtrigger.Protect(name="incidents_are_never_deleted", operation=pgtrigger.Delete),
            never_truncated("incidents_are_never_truncated"),
        ]

    def __str__(self) -> str:
        try:
            return str(IncidentCode(self.code).label)
        except ValueError:
            return self.code


class DayCount(models.Model):
    """One day of one road, in the provider's zone: how many we hold, how many it counted.

    The row says what holds now; each other reading before it is kept as a `CountReading`.
    """

    road = models.ForeignKey(Road, models.PROTECT, related_name="day_counts", db_index=False)
    service = models.CharField(max_length=3, choices=Service)
    day = models.DateField()
    ours = models.PositiveBigIntegerField()
    theirs = models.PositiveBigIntegerField(null=True, blank=True)
    difference = models.BigIntegerField(null=True, blank=True)  # theirs less ours
    state = models.CharField(max_length=8, choices=CountState)
    problem = models.CharField(max_length=300, blank=True)  # why it was not told, when last asked
    is_final = models.BooleanField(default=False)  # the provider will not tell it otherwise
    asked_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)  # when `theirs` was first told
    changed_at = models.DateTimeField()
    incident = models.ForeignKey(  # the last one that this day opened, or kept open
        Incident, models.PROTECT, null=True, blank=True, related_name="day_counts"
    )

    class Meta:
        verbose_name = _("compared day")
        verbose_name_plural = _("compared days")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["road", "day"], name="one_count_per_road_and_day"),
            models.CheckConstraint(
                condition=Q(theirs__isnull=True, difference__isnull=True)
                | Q(difference=models.F("theirs") - models.F("ours")),
                name="a_difference_is_theirs_less_ours",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["agreed", "differs"], theirs__isnull=False)
                | Q(state__in=["waiting", "not_told"], theirs__isnull=True),
                name="what_is_compared_was_told",
            ),
        ]
        indexes: ClassVar = [
            # The list of days over all roads, newest first
            models.Index(fields=["-day", "-id"], name="count_by_day"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="counts_are_never_deleted", operation=pgtrigger.Delete),
            never_truncated("counts_are_never_truncated"),
        ]

    def __str__(self) -> str:
        return f"{self.road} · {self.day}"


class CountReading(models.Model):
    """What was held and told of a day at one moment; written whenever it was other than before."""

    count = models.ForeignKey(DayCount, models.PROTECT, related_name="readings")
    at = models.DateTimeField()
    ours = models.PositiveBigIntegerField()
    theirs = models.PositiveBigIntegerField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=CountState)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("reading of a count")
        verbose_name_plural = _("readings of counts")
        triggers: ClassVar = [
            append_only("readings_never_change"),
            never_truncated("readings_are_never_truncated"),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.at}"
