"""Pages of accounts, users, API keys and the audit chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, StackedInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from lineportal.accounts import access
from lineportal.accounts.models import AccountScope, ApiKey, OfficialAccount, Service
from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from lineportal.console import (
    account_check,
    account_forwarding,
    reconciliation_desk,
    road_forms,
    road_pages,
)
from lineportal.console.base import Desk, user_of
from lineportal.sending import checking, opening, routing


@admin.register(OfficialAccount)
class AccountDesk(Desk):
    account_path = "pk"
    view_permission = "accounts.view_officialaccount"
    list_display = ("name", "slug", "country", "timezone", "is_active")
    sortable_by = ("name", "slug", "country")  # some accounts
    ordering = ("name",)
    change_form_outer_before_template = "console/account.html"
    act_labels: ClassVar[dict[str, Any]] = {
        "check": gettext_lazy("Check this account"),
        **account_forwarding.LABELS,
    }
    act_forms = account_forwarding.FORMS
    act_notes = account_forwarding.NOTES
    linked_acts = account_forwarding.ACTS
    grave_act = account_forwarding.GRAVE
    forbidden = 403

    def get_queryset(self, request: HttpRequest) -> QuerySet[OfficialAccount]:
        return access.accounts_of(request.user).prefetch_related("roads")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(routing.MANAGE))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm(opening.CHANGE))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return ("slug", "country", "timezone")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return ("slug", "name", "country", "timezone", "is_active")

    def get_urls(self) -> list[URLPattern]:
        return [*road_pages.urls(self), *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return road_pages.add_account(self, request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        opening.change_account(
            obj.pk,
            name=obj.name,
            is_active=obj.is_active,
            by=user_of(request),
            at=timezone.now(),
        )

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        checks = ["check"] if access.may(user, routing.MANAGE, obj) else []
        return [*checks, *account_forwarding.available(obj, user)]

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        if act != "check":
            return account_forwarding.do(act, obj, request, details)
        at = timezone.now()
        found = checking.check(obj, by=user_of(request), at=at)
        account_check.keep(request, obj, found, at=at)
        return HttpResponseRedirect(f"{self.page_url(obj)}#check")

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        may_manage = access.may(request.user, routing.MANAGE, obj)
        return {
            "roads": road_pages.road_rows(obj, may_manage=may_manage),
            "missing": [Service(each).label for each in road_forms.missing(obj)],
            "may_manage": may_manage,
            "checked": account_check.kept(request, obj, at=timezone.now()),
            **account_forwarding.panel(obj, request),
            **reconciliation_desk.opened(user_of(request), of=obj),
        }


class ActionFilter(admin.SimpleListFilter):
    """The acts that were ever recorded, read off the index one by one."""

    title = gettext_lazy("action")
    parameter_name = "action__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(action, action) for action in chain.actions()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry]
    ) -> QuerySet[AuditEntry]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditDesk(Desk):
    account_path = ""
    view_permission = "audit.view_auditentry"
    list_display = ("number", "at", "actor", "action", "subject")
    list_filter = (ActionFilter,)
    search_fields = ("subject__exact", "actor__exact")
    search_help_text = gettext_lazy("A whole subject or actor, such as “campaign:12” or “user:7”")
    ordering = ("-number",)
    sortable_by = ("number",)
    walks = (("account_id",),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """A user with a list of accounts sees the entries of those accounts only."""
        return access.limited(AuditEntry.objects.all(), request.user, account="account_id")


class ScopeInline(StackedInline):  # type: ignore[misc]
    model = AccountScope
    can_delete = True
    verbose_name_plural = gettext_lazy("Only these accounts (none given: all)")


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserDesk(UserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (ScopeInline,)
    list_display = ("username", "first_name", "last_name", "is_active", "last_login")


@admin.register(Group)
class GroupDesk(GroupAdmin, ModelAdmin):  # type: ignore[misc]
    pass


@admin.register(ApiKey)
class ApiKeyDesk(Desk):
    account_path = ""
    view_permission = "accounts.view_apikey"
    list_display = ("name", "prefix", "user", "scopes", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    fields: ClassVar[tuple[str, ...]] = (
        "name", "prefix", "user", "scopes", "created_at", "last_used_at", "revoked_at",
    )  # fmt: skip
    ordering = ("-id",)
