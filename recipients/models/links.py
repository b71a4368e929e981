"""Which number and which LINE user id are said to be one person's: a record with an age.

Two people are never merged: a link can be ended, and what each row holds stays its own.
"""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount
from recipients.models.people import Recipient, Source

_SAME_ACCOUNT = """
    IF EXISTS (SELECT FROM recipients_recipient person
               WHERE person.id IN (NEW.phone_recipient_id, NEW.user_recipient_id)
                 AND person.account_id <> NEW.account_id) THEN
        RAISE EXCEPTION 'lineportal: both people of a link are of its account';
    END IF;
    RETURN NEW;
"""


class LinkEnd(models.TextChoices):
    """Why a link ended."""

    CUSTOMER = "customer", _("The customer asked for it")
    PERSON = "person", _("Somebody of ours ended it")
    RELINKED = "relinked", _("The number or the LINE user was linked anew")
    REASSIGNED = "reassigned", _("The number was re-issued to another person")
    CHANGED = "changed", _("The number or the LINE user id was changed")
    ERASED = "erased", _("One of the two asked to be forgotten")


class Link(models.Model):
    """A person known by their number is the one known by a LINE user id, as far as we were told."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="+")
    phone_recipient = models.ForeignKey(
        Recipient, models.PROTECT, related_name="links_to_users", db_index=False
    )
    user_recipient = models.ForeignKey(
        Recipient, models.PROTECT, related_name="links_to_phones", db_index=False
    )
    linked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField()  # numbers are re-issued: a link counts for so long
    source = models.CharField(max_length=8, choices=Source)
    evidence = models.CharField(max_length=200, blank=True)  # how it is known; emptied by erasure
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    end_reason = models.CharField(max_length=10, choices=LinkEnd, blank=True)

    class Meta:
        verbose_name = _("link")
        verbose_name_plural = _("links")
        permissions: ClassVar = [
            ("keep_link", "May link numbers to LINE user ids, and end links"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["phone_recipient"],
                condition=Q(ended_at__isnull=True),
                name="a_number_has_one_open_link",
            ),
            models.UniqueConstraint(
                fields=["user_recipient"],
                condition=Q(ended_at__isnull=True),
                name="a_line_user_has_one_open_link",
            ),
            models.CheckConstraint(
                condition=~Q(phone_recipient=models.F("user_recipient")),
                name="a_link_is_of_two_rows",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, end_reason="")
                | Q(ended_at__isnull=False) & ~Q(end_reason=""),
                name="a_link_ends_for_a_reason",
            ),
        ]
        indexes: ClassVar = [
            # Both pages: every link of a number, and of a LINE user, the newest first
            models.Index(fields=["phone_recipient", "-id"], name="link_of_number"),
            # As above, by the other side
            models.Index(fields=["user_recipient", "-id"], name="link_of_user"),
            # The list of an account's links, the newest first
            models.Index(fields=["account", "-id"], name="link_newest"),
        ]
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="a_link_is_within_an_account",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert
                | pgtrigger.UpdateOf("account_id", "phone_recipient_id", "user_recipient_id"),
                func=_SAME_ACCOUNT,
            ),
        ]

    def __str__(self) -> str:
        return f"{_('Link')} {self.pk}"


class LinkCode(models.Model):
    """A code by which a customer of the company proves a number once; kept as a keyed digest."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="+")
    phone_recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    issued_at = models.DateTimeField()
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    expires_at = models.DateTimeField()
    # The first LINE user who entered it; nobody else can any more.
    user_recipient = models.ForeignKey(
        Recipient, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    ended_at = models.DateTimeField(null=True, blank=True)  # used, replaced by a newer, or void

    class Meta:
        verbose_name = _("link code")
        verbose_name_plural = _("link codes")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["phone_recipient"],
                condition=Q(ended_at__isnull=True),
                name="a_number_has_one_open_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{_('Link code')} {self.pk}"


class LinkNonce(models.Model):
    """What LINE gives back when its user agreed; it stands for a right code, for ten minutes."""

    code = models.ForeignKey(LinkCode, models.CASCADE, related_name="nonces")
    user_recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="+", db_index=False)
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("link nonce")
        verbose_name_plural = _("link nonces")

    def __str__(self) -> str:
        return f"{_('Link nonce')} {self.pk}"


class LinkConflict(models.Model):
    """A link that was proven while another stands against it; people decide, no machine does."""

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="+")
    phone_recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="+")
    user_recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="+")
    source = models.CharField(max_length=8, choices=Source)
    evidence = models.CharField(max_length=200, blank=True)
    arose_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    is_linked = models.BooleanField(null=True, blank=True)  # what was decided: linked anew or not

    class Meta:
        verbose_name = _("link to decide")
        verbose_name_plural = _("links to decide")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["phone_recipient", "user_recipient"],
                condition=Q(settled_at__isnull=True),
                name="a_conflict_of_links_is_open_once",
            ),
        ]
        indexes: ClassVar = [
            # What people have still to decide, of an account, the newest first
            models.Index(
                fields=["account", "-id"],
                condition=Q(settled_at__isnull=True),
                name="link_to_decide",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="a_conflict_of_links_is_within_an_account",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=_SAME_ACCOUNT,
            ),
        ]

    def __str__(self) -> str:
        return f"{_('Link to decide')} {self.pk}"
