"""The audit chain: who did what, in an order that cannot be rewritten unnoticed.

Entries hold ids, counts and digests only, so erasing a person never breaks the chain.
"""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from lineportal.audit import guards


class AuditEntry(models.Model):
    number = models.BigIntegerField(unique=True)  # 1, 2, 3 ... without a gap
    at = models.DateTimeField()
    actor = models.CharField(max_length=80)  # "user:7", "key:3" or "system"
    action = models.CharField(max_length=60)  # "template.approve"
    account_id = models.BigIntegerField(null=True, blank=True)
    subject = models.CharField(max_length=80)  # "template:12"
    facts = models.JSONField(default=dict)  # ids, counts and digests; never personal data
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes: ClassVar = [
            # "What happened to this template / campaign / recipient?"
            models.Index(fields=["subject", "number"], name="audit_by_subject"),
            # The list of one action, and the actions there are
            models.Index(fields=["action", "number"], name="audit_by_action"),
            # The list of one actor's acts
            models.Index(fields=["actor", "number"], name="audit_by_actor"),
            # The list as a person with a list of accounts sees it
            models.Index(fields=["account_id", "number"], name="audit_of_account"),
            # export_audit --from --to
            models.Index(fields=["at"], name="audit_by_time"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="audit_entries_never_change",
                operation=pgtrigger.Update | pgtrigger.Delete,
            ),
            guards.never_truncated("audit_entries_are_never_truncated"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action} {self.subject}"
