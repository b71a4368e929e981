"""What people ask of us about their own data, and by when they must have an answer."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount
from recipients.models.people import Recipient


class SubjectRequest(models.Model):
    """One request of one person; it is closed once, with who did it and what was answered."""

    class Kind(models.TextChoices):
        ACCESS = "access", _("Access: what we hold")
        ERASURE = "erasure", _("Erasure: to be forgotten")
        CORRECTION = "correction", _("Correction")
        OBJECTION = "objection", _("Objection: not to be written to")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        DONE = "done", _("Done")
        DECLINED = "declined", _("Declined")  # with the reason that the person is told

    account = models.ForeignKey(
        OfficialAccount, models.PROTECT, related_name="subject_requests", db_index=False
    )
    recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="subject_requests")
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    note = models.CharField(max_length=200, blank=True)  # how it came, and what exactly is asked
    received_at = models.DateTimeField()  # the law counts from here
    due_at = models.DateTimeField()
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    opened_at = models.DateTimeField()
    answer = models.CharField(max_length=200, blank=True)  # what was done, or why not
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("request of a person")
        verbose_name_plural = _("requests of people")
        permissions: ClassVar = [("handle_request", "May open and close requests of people")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["recipient", "kind"],
                condition=Q(state="open"),
                name="one_open_request_per_person_and_kind",
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True)
                | (Q(state__in=["done", "declined"], closed_at__isnull=False) & ~Q(answer="")),
                name="a_closed_request_says_when_and_what",
            ),
        ]
        indexes: ClassVar = [
            # The desk, and what is overdue: open ones of an account by their due date
            models.Index(
                fields=["account", "due_at"], condition=Q(state="open"), name="request_by_due_date"
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="requests_are_closed_not_deleted", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="a_closed_request_stays_closed",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                # But words in it that name the person can be taken out.
                condition=~pgtrigger.Q(old__state="open"),
                func="""
                    IF to_jsonb(NEW) - 'note' - 'answer' <> to_jsonb(OLD) - 'note' - 'answer' THEN
                        RAISE EXCEPTION 'lineportal: a closed request stays closed';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"
