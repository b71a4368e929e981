"""Templates, what was said and decided about them, and LINE's own catalogue of keys."""

from templates_app.models.briefs import Brief
from templates_app.models.catalogue import CatalogueEdition, CatalogueEntry, CatalogueKind
from templates_app.models.review import EntryKind, ReviewEntry, ReviewFile, Waiver
from templates_app.models.templates import (
    Category,
    DecidedBy,
    MessageTemplate,
    State,
    TemplateEvent,
)

__all__ = [
    "Brief",
    "CatalogueEdition",
    "CatalogueEntry",
    "CatalogueKind",
    "Category",
    "DecidedBy",
    "EntryKind",
    "MessageTemplate",
    "ReviewEntry",
    "ReviewFile",
    "State",
    "TemplateEvent",
    "Waiver",
]
