"""Pages of accounts, users, API keys and the audit chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, StackedInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from lineportal.accounts import access
from lineportal.accounts.models import AccountScope, ApiKey, Country, OfficialAccount, Road, Service
from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from lineportal.console import reconciliation_desk
from lineportal.console.base import Desk, user_of
from lineportal.sending import routing


class AccountForm(forms.ModelForm[OfficialAccount]):
    country = forms.ChoiceField(label=gettext_lazy("Country"), choices=Country.choices)
    service = forms.ChoiceField(
        label=gettext_lazy("Service"),
        required=False,
        choices=[("", gettext_lazy("Both")), *Service.choices],
    )
    channel_id = forms.CharField(label=gettext_lazy("Channel id"))
    channel_secret = forms.CharField(
        label=gettext_lazy("Channel secret"), widget=forms.PasswordInput
    )
    channel_access_token = forms.CharField(
        label=gettext_lazy("Channel access token"),
        required=False,
        widget=forms.PasswordInput,
        help_text=gettext_lazy("Empty: short-lived tokens are fetched, as LINE advises."),
    )
    api_base_url = forms.CharField(label=gettext_lazy("Provider address"), required=False,
        help_text=gettext_lazy("Empty for LINE's own."))  # fmt: skip
    rate_per_second = forms.IntegerField(label=gettext_lazy("Messages a second"), initial=500)

    class Meta:
        model = OfficialAccount
        fields = ("slug", "name", "country")


@admin.register(OfficialAccount)
class AccountDesk(Desk):
    account_path = "pk"
    view_permission = "accounts.view_officialaccount"
    list_display = ("name", "slug", "country", "timezone", "is_active")
    sortable_by = ("name", "slug", "country")  # some accounts
    ordering = ("name",)
    readonly_fields = ("webhook_address",)
    change_form_outer_before_template = "console/account.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OfficialAccount]:
        return access.accounts_of(request.user)

    @admin.display(description=gettext_lazy("Webhook address to enter at the provider"))
    def webhook_address(self, account: OfficialAccount) -> str:
        return routing.webhook_url(account)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(routing.MANAGE))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm("accounts.change_officialaccount"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        return ("slug", "country", "timezone", "webhook_address") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        if obj is not None:
            return ("slug", "name", "country", "timezone", "is_active", "webhook_address")
        return (
            "slug", "name", "country", "service", "channel_id", "channel_secret",
            "channel_access_token", "api_base_url", "rate_per_second",
        )  # fmt: skip

    def get_form(self, request: HttpRequest, obj: Any = None, **kw: Any) -> Any:
        return super().get_form(request, obj, **({} if obj else {"form": AccountForm}), **kw)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            routing.change_account(
                obj.pk,
                name=obj.name,
                is_active=obj.is_active,
                by=user_of(request),
                at=timezone.now(),
            )
            return
        values = form.cleaned_data
        names = ("channel_id", "channel_secret", "channel_access_token")
        made = routing.open_account(
            slug=values["slug"],
            name=values["name"],
            country=values["country"],
            provider="line",
            service=values["service"],
            api_base_url=values["api_base_url"],
            rate_per_second=values["rate_per_second"],
            given={name: values[name] for name in names if values[name]},
            at=timezone.now(),
            by=user_of(request),
        )
        obj.pk = made.pk

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        return {
            "roads": Road.objects.filter(account=obj).order_by("service"),
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
