"""What LINE and the account manager want to know of a template beside its words."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from templates_app import guards
from templates_app.models.templates import MessageTemplate


class Brief(models.Model):
    """The dossier's answers for one version; written until the version is decided on."""

    template = models.OneToOneField(
        MessageTemplate, models.PROTECT, primary_key=True, related_name="brief"
    )
    use_case = models.TextField(blank=True, help_text=_("What the reader gets from it."))
    trigger = models.TextField(blank=True, help_text=_("What happens before it is sent."))
    audience = models.TextField(blank=True, help_text=_("Who gets it, and why they may."))
    monthly_volume = models.PositiveIntegerField(null=True, blank=True)
    contact_name = models.CharField(max_length=200, blank=True)
    contact_email = models.EmailField(blank=True)
    contact_phone = models.CharField(max_length=40, blank=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("brief")
        verbose_name_plural = _("briefs")
        triggers: ClassVar = guards.BRIEF_TRIGGERS

    def __str__(self) -> str:
        return f"brief of {self.template_id}"
