"""How long each kind of personal data is kept, per account."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount

LONGEST = 3650  # days
# Below these, what still works would lose what it needs: a report of delivery, a repair.
SHORTEST = {
    "message_values_days": 3,
    "webhook_bodies_days": 1,
    "import_files_days": 1,
    "refused_rows_days": 1,
    "delivery_events_days": 3,
    "conversation_days": 1,
    "media_days": 1,
}


class Retention(models.Model):
    """Days that personal data is kept; null: for good. What decided and counted always stays."""

    account = models.OneToOneField(OfficialAccount, models.CASCADE, related_name="retention")
    message_values_days = models.PositiveIntegerField(
        _("message values (days)"), null=True, blank=True, default=365, db_default=365,
        help_text=_("Address and values of messages that are done, and the rows of campaigns that"
                    " ended. Empty: kept for good."),
    )  # fmt: skip
    webhook_bodies_days = models.PositiveIntegerField(
        _("webhook bodies (days)"), null=True, blank=True, default=90, db_default=90,
        help_text=_("What providers posted, word for word, once it was read. Empty: kept for"
                    " good."),
    )  # fmt: skip
    import_files_days = models.PositiveIntegerField(
        _("import files (days)"), null=True, blank=True, default=7, db_default=7,
        help_text=_("Files of dry runs that nobody applied. Empty: kept for good."),
    )  # fmt: skip
    refused_rows_days = models.PositiveIntegerField(
        _("refused rows (days)"), null=True, blank=True, default=30, db_default=30,
        help_text=_("Cells of rows that an import refused, for repair. Empty: kept for"
                    " good."),
    )  # fmt: skip
    delivery_events_days = models.PositiveIntegerField(
        _("events (days)"), null=True, blank=True, default=365, db_default=365,
        help_text=_("What an event says beyond its kind and time, and of whom. Empty: kept"
                    " for good."),
    )  # fmt: skip
    conversation_days = models.PositiveIntegerField(
        _("conversations (days)"), null=True, blank=True, default=730, db_default=730,
        help_text=_("Words of customers and answers, and the customer's name once nothing younger"
                    " is left. Empty: kept for good."),
    )  # fmt: skip
    media_days = models.PositiveIntegerField(
        _("customers' files (days)"), null=True, blank=True, default=90, db_default=90,
        help_text=_("Pictures, voice and files that customers sent. Empty: kept for good."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("retention period")
        verbose_name_plural = _("retention periods")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(**{f"{name}__isnull": True})
                | Q(**{f"{name}__range": (shortest, LONGEST)}),
                name=f"{name}_are_from_{shortest}_to_{LONGEST}",
            )
            for name, shortest in SHORTEST.items()
        ]

    def __str__(self) -> str:
        return str(self.account)
