"""Registers every desk; Django's admin finds this module by its name."""

from lineportal.console import (
    accounts_desk,
    answering_desk,
    audiences_desk,
    campaigns_desk,
    catalogue_desk,
    control_desk,
    imports_desk,
    links_desk,
    messages_desk,
    people_desk,
    privacy_desk,
    reconciliation_desk,
    suppressions_desk,
    templates_desk,
)

__all__ = [
    "accounts_desk",
    "answering_desk",
    "audiences_desk",
    "campaigns_desk",
    "catalogue_desk",
    "control_desk",
    "imports_desk",
    "links_desk",
    "messages_desk",
    "people_desk",
    "privacy_desk",
    "reconciliation_desk",
    "suppressions_desk",
    "templates_desk",
]
