"""The versions of a template key: the short list, each of them drawn, and what two differ in."""

from __future__ import annotations

import re
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.console.base import Desk, wording
from lineportal.console.template_parts import Part
from lineportal.sending import usage
from templates_app import differences
from templates_app.models import MessageTemplate, State

PER_PAGE = 6
LISTED = 8  # on the template's own page
LOOKS = {State.APPROVED: "lp-good", State.SUBMITTED: "lp-wait"}
# The parts of a template as its author calls them; within Flex the places stay as they are.
PARTS = {
    "title": gettext_lazy("Title"),
    "company": gettext_lazy("Company"),
    "icon": gettext_lazy("Icon"),
    "greeting": gettext_lazy("Greeting"),
    "emphasis": gettext_lazy("Emphasis"),
    "items": gettext_lazy("Item"),
    "explanation": gettext_lazy("Explanation"),
    "buttons": gettext_lazy("Button"),
    "text": gettext_lazy("Text"),
    "alt_text": gettext_lazy("Alternative text"),
    "purpose": gettext_lazy("Purpose"),
    "category": gettext_lazy("Category"),
    "language": gettext_lazy("Language"),
    "samples": gettext_lazy("Sample"),
    "label": gettext_lazy("label"),
    "value": gettext_lazy("value"),
    "url": gettext_lazy("address"),
}
_PLACE = re.compile(r"(\w+)(?:\[(\d+)\])?(?:\.(\w+))?")
_NAMES = "admin:templates_app_messagetemplate"


def versions_of(template: MessageTemplate) -> QuerySet[MessageTemplate]:
    """Return every version of the template's key, newest first, with who did what."""
    people = ("created_by", "submitted_by", "approved_by", "rejected_by")
    rows = MessageTemplate.objects.filter(account_id=template.account_id, key=template.key)
    return rows.select_related(*people).order_by("-version")


def current(template: MessageTemplate) -> int | None:
    """Return the version that the key means: the highest approved one."""
    approved = MessageTemplate.objects.filter(
        account_id=template.account_id, key=template.key, state=State.APPROVED
    )
    return approved.order_by("-version").values_list("version", flat=True).first()


def panel(template: MessageTemplate, request: HttpRequest) -> dict[str, Any]:
    """Return the newest versions for the template's own page."""
    rows = list(versions_of(template)[: LISTED + 1])
    return {
        "versions": _shown(rows[:LISTED], template),
        "has_more_versions": len(rows) > LISTED,
        "versions_url": reverse(f"{_NAMES}_versions", args=[template.pk]),
    }


def urls(desk: Desk) -> list[URLPattern]:
    """Return the addresses of the pages below a template's own."""

    def versions(request: HttpRequest, pk: int) -> HttpResponse:
        template = _template(desk, request, pk)
        page = Paginator(versions_of(template), PER_PAGE).get_page(request.GET.get("page"))
        rows = _shown(list(page), template)
        compare_url = reverse(f"{_NAMES}_difference", args=[template.pk])
        for each in rows:
            number = each["row"].version
            each |= wording(each["row"])
            if number > 1:  # versions are numbered without a gap
                each["difference_url"] = f"{compare_url}?first={number - 1}&second={number}"
        newest = versions_of(template).values_list("version", flat=True)[0]
        context = {
            **_frame(desk, request, template, _("Versions")),
            "page": page,
            "pages": page.paginator.get_elided_page_range(page.number),
            "rows": rows,
            "numbers": range(newest, 0, -1),
            "first": newest - 1,
            "second": newest,
        }
        return TemplateResponse(request, "console/template/all_versions.html", context)

    def difference(request: HttpRequest, pk: int) -> HttpResponse:
        template = _template(desk, request, pk)
        old, new = _two(template, request)
        found = differences.between(old, new)
        context = {
            **_frame(desk, request, template, _("Difference")),
            "subtitle": _("%(key)s: version %(old)d against version %(new)d")
            % {"key": template.key, "old": old.version, "new": new.version},
            "difference": found,
            "details": _rows(found.details),
            "words": _rows(found.words),
            "samples": _rows(found.samples),
            "sides": [
                {"row": row, "url": desk.page_url(row), **wording(row)} for row in (old, new)
            ],
        }
        return TemplateResponse(request, "console/template/difference.html", context)

    return [
        path("<int:pk>/versions/", desk._site(versions), name=f"{_NAMES[6:]}_versions"),
        path("<int:pk>/difference/", desk._site(difference), name=f"{_NAMES[6:]}_difference"),
    ]


def _frame(desk: Desk, request: HttpRequest, template: MessageTemplate, title: str) -> Any:
    return {
        **desk.admin_site.each_context(request),
        "title": title,
        "subtitle": template.key,
        "opts": desk.opts,
        "original": template,
        "back_url": desk.page_url(template),
        "versions_url": reverse(f"{_NAMES}_versions", args=[template.pk]),
        "compare_url": reverse(f"{_NAMES}_difference", args=[template.pk]),
    }


def _template(desk: Desk, request: HttpRequest, pk: int) -> MessageTemplate:
    template = desk.get_queryset(request).filter(pk=pk).first()
    if template is None or not desk.has_view_permission(request, template):
        raise Http404
    found: MessageTemplate = template
    return found


def _two(template: MessageTemplate, request: HttpRequest) -> tuple[Any, Any]:
    """Return the versions asked for by number, the older first."""
    asked = [request.GET.get(name, "") for name in ("first", "second")]
    if not all(each.isascii() and each.isdigit() and len(each) < 10 for each in asked):
        raise Http404
    numbers = sorted(int(each) for each in asked)
    rows = {row.version: row for row in versions_of(template).filter(version__in=numbers)}
    if not all(number in rows for number in numbers):
        raise Http404
    return rows[numbers[0]], rows[numbers[1]]


def _rows(changes: list[differences.Change]) -> list[dict[str, Any]]:
    return [{"place": place_in_words(each.place), "change": each} for each in changes]


def place_in_words(place: str) -> str:
    """Return `items[1].value` as “Item 2: value”, and what is not so built as it is."""
    found = _PLACE.fullmatch(place)
    if found is None:
        return place
    part, index, inner = found.groups()
    name = str(PARTS.get(part, part))
    if index is not None:
        name = f"{name} {int(index) + 1}"
    return f"{name}: {PARTS.get(inner, inner)}" if inner else name


def _shown(rows: list[MessageTemplate], template: MessageTemplate) -> list[dict[str, Any]]:
    used = usage.campaigns_of([row.pk for row in rows])
    key_means = current(template)
    return [
        {
            "row": row,
            "url": reverse(f"{_NAMES}_change", args=[row.pk]),
            "label": _("Revoked") if row.revoked_at else State(row.state).label,
            "look": LOOKS.get(State(row.state), ""),
            "is_current": row.version == key_means,
            "is_this": row.pk == template.pk,
            "campaigns": used.get(row.pk, 0),
        }
        for row in rows
    ]


PART = Part(page="console/template/versions.html", panel=panel)
