"""LINE's catalogue of template, item and button keys, per country, as it was imported."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import Country
from templates_app import guards


class CatalogueKind(models.TextChoices):
    TEMPLATE = "template", _("Template")
    ITEM = "item", _("Item")
    BUTTON = "button", _("Button")


class CatalogueEdition(models.Model):
    """One import of LINE's tables for one country; append-only."""

    country = models.CharField(max_length=2, choices=Country)
    name = models.CharField(max_length=100)  # as the file or its importer calls it
    sha256 = models.CharField(max_length=64)
    source = models.TextField(blank=True)  # where the tables were taken from
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    imported_at = models.DateTimeField()

    class Meta:
        verbose_name = _("catalogue edition")
        verbose_name_plural = _("catalogue editions")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["country", "name"], name="one_edition_per_name"),
        ]
        triggers: ClassVar = guards.EDITION_TRIGGERS

    def __str__(self) -> str:
        return f"{self.country} {self.name}"


class CatalogueEntry(models.Model):
    """One key; a key that a later edition leaves out is retired, never deleted."""

    country = models.CharField(max_length=2, choices=Country)
    kind = models.CharField(max_length=8, choices=CatalogueKind)
    key = models.CharField(max_length=100)
    # What the reader sees, a title or a label; empty where we know the key alone.
    title = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True)
    edition = models.ForeignKey(CatalogueEdition, models.PROTECT, related_name="entries")
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("key of LINE's catalogue")
        verbose_name_plural = _("keys of LINE's catalogue")
        permissions: ClassVar = [("import_catalogue", "May import LINE's key catalogue")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["country", "kind", "key"],
                name="one_entry_per_catalogue_key",
            ),
        ]
        triggers: ClassVar = guards.CATALOGUE_TRIGGERS

    def __str__(self) -> str:
        return self.key
