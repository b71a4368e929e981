"""A person of one account: what we hold of them, and where each fact came from.

A recipient's `consent` and `friend_status` are the newest facts in its ledger (`ConsentRecord`);
only `consent.py` and the import write them, always together with a ledger entry.
"""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount


class Consent(models.TextChoices):
    """LINE's own setting of the person, as far as we know it; it holds for every account."""

    AGREED = "agreed", _("Agreed")
    NOT_SET = (
        "not_set",
        _("Not set"),
    )  # asked by LINE at the first message, for 24 hours
    REJECTED = "rejected", _("Rejected")


class FriendStatus(models.TextChoices):
    """The person's relation to one Official Account."""

    FRIEND = "friend", _("Friend")
    NOT_FRIEND = "not_friend", _("Not a friend")
    BLOCKED = "blocked", _("Blocked us")


class Source(models.TextChoices):
    """Where a fact came from."""

    ASSUMED = "assumed", _("assumed for a new person")
    IMPORT = "import", _("an imported file")
    API = "api", _("an API caller")
    PERSON = "person", _("the person's own word, entered in the console")
    RECORDS = "records", _("our records, entered by staff")
    LINE = "line", _("an event from LINE")


class Recipient(models.Model):
    # Checked by a trigger of the statement, as a foreign key's check of each row is a third of the
    # time of an import; found by the index `recipient_by_standing`.
    account = models.ForeignKey(
        OfficialAccount,
        models.PROTECT,
        related_name="recipients",
        db_constraint=False,
        db_index=False,
    )
    phone = models.CharField(max_length=16, null=True, blank=True)  # E.164
    phone_country = models.CharField(max_length=3, blank=True)  # ISO region of the number
    line_user_id = models.CharField(max_length=33, null=True, blank=True)
    consent = models.CharField(max_length=8, choices=Consent, default=Consent.NOT_SET)
    consent_source = models.CharField(max_length=8, choices=Source, default=Source.ASSUMED)
    consent_observed_at = models.DateTimeField(null=True, blank=True)  # null: only assumed
    friend_status = models.CharField(
        max_length=10, choices=FriendStatus, default=FriendStatus.NOT_FRIEND
    )
    friend_source = models.CharField(max_length=8, choices=Source, default=Source.ASSUMED)
    friend_observed_at = models.DateTimeField(null=True, blank=True)
    attributes = models.JSONField(default=dict, blank=True)  # text by name, for placeholders
    # Words of ours that audiences are chosen by; never shown to the person.
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True, db_default=[])
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    # Of a number known to be re-issued: since when it is this person's, see `reassign`
    phone_since = models.DateTimeField(null=True, blank=True)
    former_phone = models.CharField(max_length=16, null=True, blank=True)  # re-issued to another
    closed_at = models.DateTimeField(null=True, blank=True)  # re-issued, and no address is left
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        permissions: ClassVar = [
            ("import_recipient", "May import recipients from files"),
            ("suppress_recipient", "May suppress phone numbers"),
            ("erase_recipient", "May erase a person"),
            ("reassign_recipient", "May close a person whose number was re-issued"),
            ("reveal_phone", "May see whole phone numbers"),
            ("subject_access", "May hand out everything held about a person"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                # In this order, as LINE's consent belongs to the phone, on every account.
                fields=["phone", "account"],
                name="a_phone_is_one_person_per_account",
            ),
            models.UniqueConstraint(
                fields=["line_user_id", "account"],
                condition=Q(line_user_id__isnull=False),
                name="a_user_id_is_one_person_per_account",
            ),
            models.CheckConstraint(
                condition=Q(phone__isnull=False)
                | Q(line_user_id__isnull=False)
                | Q(erased_at__isnull=False)
                | Q(closed_at__isnull=False),
                name="a_recipient_can_be_addressed",
            ),
            models.CheckConstraint(
                condition=Q(phone__isnull=True) | Q(phone__regex=r"^\+[1-9][0-9]{6,14}$"),
                name="a_phone_is_e164",
            ),
            models.CheckConstraint(
                condition=Q(line_user_id__isnull=True) | Q(line_user_id__regex=r"^U[0-9a-f]{32}$"),
                name="a_line_user_id_is_u_and_32_hex",
            ),
            models.CheckConstraint(
                condition=Q(consent__in=Consent.values), name="consent_is_one_of_three"
            ),
            models.CheckConstraint(
                condition=Q(friend_status__in=FriendStatus.values),
                name="friend_status_is_one_of_three",
            ),
        ]
        indexes: ClassVar = [
            # "Why was this number written to last year", if it was another person's then
            models.Index(
                fields=["former_phone"],
                condition=Q(former_phone__isnull=False),
                name="recipient_by_former_phone",
            ),
            # Counts and filters of the audience by consent and friend status, and the list by
            # account, consent and friend status, newest first
            models.Index(
                fields=["account", "consent", "friend_status", "id"],
                name="recipient_by_standing",
            ),
            # Audiences by tag; those without any cost nothing
            GinIndex(fields=["tags"], condition=~Q(tags=[]), name="recipient_by_tag"),
        ]
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="recipients_belong_to_an_account",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_rows"),  # type: ignore[no-untyped-call]
                func="""
                    IF EXISTS (
                        SELECT 1 FROM (SELECT DISTINCT account_id FROM new_rows) named
                        WHERE NOT EXISTS (SELECT 1 FROM accounts_officialaccount account
                                          WHERE account.id = named.account_id)
                    ) THEN RAISE EXCEPTION 'lineportal: a recipient belongs to an account'; END IF;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Protect(name="recipients_are_erased_not_deleted", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="consent_never_returns_to_not_set",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__consent="not_set")
                & ~pgtrigger.Q(old__consent="not_set"),
                func="RAISE EXCEPTION 'lineportal: consent never returns to not set';",
            ),
            # However an address changes: by hand, by a file, re-issued, or forgotten.
            pgtrigger.Trigger(
                name="a_link_ends_with_its_address",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("phone", "line_user_id"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(old__phone__df=pgtrigger.F("new__phone"))
                | pgtrigger.Q(old__line_user_id__df=pgtrigger.F("new__line_user_id")),
                func="""
                    UPDATE recipients_link SET ended_at = NEW.updated_at, end_reason = 'changed'
                    WHERE phone_recipient_id = NEW.id AND ended_at IS NULL;
                    UPDATE recipients_link SET ended_at = NEW.updated_at, end_reason = 'changed'
                    WHERE user_recipient_id = NEW.id AND ended_at IS NULL;
                    RETURN NULL;
                """,
            ),
            pgtrigger.Trigger(
                name="a_recipient_stays_with_its_account",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__account_id__df=pgtrigger.F("new__account_id")),
                func="RAISE EXCEPTION 'lineportal: a recipient stays with its account';",
            ),
        ]

    def __str__(self) -> str:
        return f"{_('Recipient')} {self.pk}"
