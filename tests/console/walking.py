"""A walk through every list of the console: what a person can click, typed as addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import OfficialAccount
from lineportal.sending.models import Campaign, Message
from recipients.models import Recipient, Suppression

MOST_QUERIES = 20
LAST_PAGE = 100


@dataclass(frozen=True, slots=True)
class Visit:
    """One address of a list, and what it shows, in words."""

    model: str
    what: str
    url: str


def lists() -> dict[str, Any]:
    """Return every registered list of the console by the name of its model."""
    return {model._meta.label_lower: desk for model, desk in admin.site._registry.items()}


def url_of(label: str) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_changelist")


def searches() -> dict[str, list[str]]:
    """Return what is searched in each list, by what rows there are: found, and found nowhere."""
    person = Recipient.objects.filter(phone__isnull=False, line_user_id__isnull=False).first()
    message = Message.objects.filter(reference__isnull=False).order_by("-pk").first()
    campaign, suppression = Campaign.objects.first(), Suppression.objects.first()
    who = [person.phone, "0" + str(person.phone)[3:], person.line_user_id] if person else []
    return {
        "recipients.recipient": [*who, str(person.pk if person else 1), "+66899999999", "somebody"],
        "sending.message": [
            *who, str(message.pk) if message else "1", str(message.reference) if message else "",
            "+66899999999", "0" * 32, "somebody",
        ],
        "recipients.suppression": [suppression.phone if suppression else "", "+66899999999"],
        "sending.campaign": [campaign.name if campaign else "", "no such name"],
        "audit.auditentry": ["recipient:7", "user:7", "system", "nobody"],
        "templates_app.messagetemplate": ["parcel", "nothing"],
    }  # fmt: skip


def visits(client: Client, label: str, *, pairs: bool = False) -> Iterator[Visit]:
    """Yield a list's addresses: as it opens, each filter's choices, each sort, each search.

    With `pairs`, every two choices of different filters too.
    """
    base = url_of(label)
    yield Visit(label, "opened", base)
    changes = client.get(base).context["cl"]
    choices = [
        [(f"{spec.title}: {choice['display']}", choice["query_string"])
         for choice in spec.choices(changes) if not choice.get("selected")]
        for spec in changes.filter_specs
    ]  # fmt: skip
    for each in choices:
        for what, query in each:
            yield Visit(label, what, base + query)
    for n, one in enumerate(choices if pairs else []):
        for other in choices[n + 1 :]:
            for what, query in one:
                for second, more in other:
                    yield Visit(label, f"{what}, {second}", f"{base}{query}&{more[1:]}")
    if changes.search_fields:
        for text in searches().get(label, ["nothing"]):
            yield Visit(label, "search", base + changes.get_query_string({"q": text}))
    for column in range(len(changes.list_display)):
        order = changes.get_query_string({"o": f"{column}"})
        yield Visit(label, f"sorted by column {column}", base + order)
    if label == "sending.message":
        yield from _of_campaigns(base)


def _of_campaigns(base: str) -> Iterator[Visit]:
    """Yield what the campaign's page links to."""
    largest = Campaign.objects.filter(state="finished").order_by("-pk")[:2]
    for campaign in largest:
        here = f"{base}?campaign__id__exact={campaign.pk}"
        yield Visit("sending.message", "of a campaign", here)
        for status in ("delivered", "skipped", "failed"):
            theirs = f"{here}&status__exact={status}"
            yield Visit("sending.message", f"of a campaign, {status}", theirs)
        by_rule = f"{here}&rule__exact=missing_values"
        yield Visit("sending.message", "of a campaign, rule", by_rule)


def paged(url: str, page: int) -> str:
    return f"{url}{'&' if '?' in url else '?'}p={page}"


def smallest_account() -> OfficialAccount:
    return OfficialAccount.objects.order_by("-pk")[0]
