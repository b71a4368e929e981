"""LINE's catalogue of keys as it was imported: what is in it, and what a template takes from it.

Where a country's catalogue was never imported, nothing is checked against it: LINE publishes the
keys on pages that only its customers see.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from templates_app import content as contents
from templates_app.models import CatalogueEdition, CatalogueEntry, CatalogueKind, MessageTemplate


def titles(country: str) -> dict[tuple[str, str], str]:
    """Return what readers see for each key of a country, retired ones too, by (kind, key)."""
    rows = CatalogueEntry.objects.filter(country=country).exclude(title="")
    return {(kind, key): title for kind, key, title in rows.values_list("kind", "key", "title")}


def choices(countries: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """Return (key, title) of what an author may pick, by kind."""
    found: dict[str, list[tuple[str, str]]] = {kind: [] for kind in CatalogueKind.values}
    rows = CatalogueEntry.objects.filter(country__in=countries, retired_at__isnull=True)
    for kind, key, title in rows.order_by("key").values_list("kind", "key", "title"):
        found[kind].append((key, title))
    return found


def search(rows: QuerySet[CatalogueEntry], words: str) -> QuerySet[CatalogueEntry]:
    """Return the entries whose key, title or description holds all of the words."""
    for word in words.split():
        rows = rows.filter(
            Q(key__icontains=word) | Q(title__icontains=word) | Q(description__icontains=word)
        )
    return rows


def problems(content: Mapping[str, Any], country: str) -> dict[str, str]:
    """Return a sentence for each key of catalogue content that LINE's catalogue does not offer.

    `content` is valid catalogue content; nothing is found where the catalogue is empty.
    """
    wanted = list(keys(content))
    known = {
        (kind, key): retired_at
        for kind, key, retired_at in CatalogueEntry.objects.filter(country=country).values_list(
            "kind", "key", "retired_at"
        )
    }
    if not known:
        return {}
    found = {}
    for place, kind, key in wanted:
        if (kind, key) not in known:
            found[place] = _("“%(key)s” is not in LINE's catalogue of this country; pick another.")
        elif known[kind, key] is not None:
            found[place] = _("LINE's catalogue does not hold “%(key)s” any more; pick another.")
        else:
            continue
        found[place] %= {"key": key}
    return found


def require_known(template_content: Any, *, service: str, country: str) -> None:
    """Raise content.InvalidContent unless every key of catalogue content is on offer."""
    if contents.kind(template_content, service=service) != "catalogue":
        return
    if found := problems(template_content, country):
        raise contents.InvalidContent(found)


def reference(template: MessageTemplate) -> str:
    """Return what stands as LINE's reference for catalogue content: the key and its edition."""
    key = template.content["template_key"]
    edition = CatalogueEdition.objects.filter(
        entries__country=template.account.country,
        entries__kind=CatalogueKind.TEMPLATE,
        entries__key=key,
    ).first()
    return f"LINE key catalogue: {key}" + (f", edition {edition.name}" if edition else "")


def used_by(entry: CatalogueEntry) -> QuerySet[MessageTemplate]:
    """Return the versions whose content holds a key."""
    rows = MessageTemplate.objects.filter(account__country=entry.country, service="lon")
    name = {"template": "template_key", "item": "item_key", "button": "button_key"}[entry.kind]
    if entry.kind == CatalogueKind.TEMPLATE:
        return rows.filter(content__contains={name: entry.key})
    if entry.kind == CatalogueKind.BUTTON:
        return rows.filter(content__contains={"buttons": [{name: entry.key}]})
    return rows.filter(
        Q(content__contains={"items": [{name: entry.key}]})
        | Q(content__contains={"emphasis": {name: entry.key}})
    )


def keys(content: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (place, kind, key)."""
    yield "template_key", CatalogueKind.TEMPLATE, content["template_key"]
    if emphasis := content.get("emphasis"):
        yield "emphasis.item_key", CatalogueKind.ITEM, emphasis["item_key"]
    for n, item in enumerate(content.get("items") or []):
        yield f"items[{n}].item_key", CatalogueKind.ITEM, item["item_key"]
    for n, button in enumerate(content.get("buttons") or []):
        yield f"buttons[{n}].button_key", CatalogueKind.BUTTON, button["button_key"]
