"""The links that people decide: a number or a LINE user was proven to be another's too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.console.lists import AccountFilter
from recipients import linking, phones
from recipients.models import LinkConflict, Recipient


@admin.register(LinkConflict)
class LinkConflictDesk(Desk):
    view_permission = linking.VIEW_CONFLICT
    list_display = ("number", "phone", "user", "account", "arose_at", "settled_at")
    list_filter = (("account", AccountFilter),)
    list_before_template = "console/links_head.html"
    ordering = ("-id",)
    list_select_related = ("account", "phone_recipient", "user_recipient")
    fields = ("account", "phone", "user", "source", "arose_at", "settled_at", "settled_by",
              "is_linked")  # fmt: skip
    readonly_fields = ("phone", "user")
    change_form_outer_before_template = "console/link_conflict.html"
    act_labels: ClassVar[dict[str, Any]] = {
        "anew": gettext_lazy("End the older link and link anew"),
        "keep": gettext_lazy("Leave the older link"),
    }
    act_forms: ClassVar[dict[str, type[ActForm]]] = {"anew": ActForm, "keep": ActForm}
    act_notes: ClassVar[dict[str, Any]] = {
        "anew": gettext_lazy(
            "The number and this LINE user are linked; every link of either that stands against"
            " it ends. Ask the customer first, if you are not sure."
        ),
        "keep": gettext_lazy("Nothing changes; this is put away as decided."),
    }
    grave_act = frozenset({"anew"})

    @admin.display(description=gettext_lazy("Link to decide"), ordering="id")
    def number(self, conflict: LinkConflict) -> str:
        return str(conflict.pk)

    @admin.display(description=gettext_lazy("Phone"))
    def phone(self, conflict: LinkConflict) -> str:
        person = conflict.phone_recipient
        return f"{phones.mask(person.phone) or '–'} · {person}"

    @admin.display(description=gettext_lazy("LINE user"))
    def user(self, conflict: LinkConflict) -> str:
        return str(conflict.user_recipient)

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        may = access.may(user, linking.KEEP, obj.account_id)
        return ["anew", "keep"] if may and obj.settled_at is None else []

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        sides: Sequence[Recipient] = (obj.phone_recipient, obj.user_recipient)
        standing = {link.pk: link for side in sides if (link := linking.of(side))}
        return {
            "conflict": obj,
            "standing": [
                (link, phones.mask(link.phone_recipient.phone)) for link in standing.values()
            ],
        }

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        linking.settle(obj, anew=act == "anew", by=user_of(request), at=timezone.now())
