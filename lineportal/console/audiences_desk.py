"""The audiences' pages: a filter built of rows, counted as it is edited, kept under a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.console import audience_rows
from lineportal.console.audience_rows import Row
from lineportal.console.base import ActForm, Desk, user_of
from lineportal.sending import campaigns, saved_audiences, trees
from lineportal.sending.models import SavedAudience
from recipients.intake import Invalid


@admin.register(SavedAudience)
class AudienceDesk(Desk):
    view_permission = saved_audiences.VIEW
    list_display = ("name", "account", "says", "changed_at")
    list_filter = ("account",)
    search_fields = ("name",)
    ordering = ("name", "pk")
    list_select_related = ("account",)
    act_labels: ClassVar[dict[str, Any]] = {"delete": gettext_lazy("Delete the audience")}
    act_forms: ClassVar[dict[str, type[ActForm]]] = {"delete": ActForm}
    act_notes: ClassVar[dict[str, Any]] = {
        "delete": gettext_lazy("Campaigns made from it keep the filter they took."),
    }
    grave_act = frozenset({"delete"})

    @admin.display(description=gettext_lazy("Whom it names"))
    def says(self, saved: SavedAudience) -> str:
        return trees.sentence(saved.filter)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(saved_audiences.KEEP))

    def get_urls(self) -> list[URLPattern]:
        name = "sending_savedaudience_count"
        return [path("count/", self._site(self.count_view), name=name), *super().get_urls()]

    def available_acts(self, obj: SavedAudience, user: User) -> Sequence[str]:
        return ["delete"] if access.may(user, saved_audiences.KEEP, obj.account_id) else []

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        saved_audiences.delete(obj, by=user_of(request), at=timezone.now())
        messages.success(request, _("The audience “%s” is deleted.") % obj.name)
        return HttpResponseRedirect(reverse("admin:sending_savedaudience_changelist"))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the builder; the button that was pressed says what to do with its rows."""
        saved = self._saved(request, object_id) if object_id is not None else None
        if saved is None and not self.has_add_permission(request):
            raise PermissionDenied
        page = _Page(request, saved)
        pressed = request.POST.get("do", "") if request.method == "POST" else ""
        if "remove" in request.POST:
            page.remove(request.POST["remove"])
        elif pressed == "add":
            page.rows.append(Row())
        elif pressed == "count":
            page.count(limit=None, patience=saved_audiences.PATIENCE)
        elif pressed == "save":
            made = page.save()
            if made is not None:
                messages.success(request, _("The audience “%s” is saved.") % made.name)
                return HttpResponseRedirect(self.page_url(made))
        page.settle(is_edited=pressed in ("add", "rows") or "remove" in request.POST)
        context = {
            **self.admin_site.each_context(request),
            "title": saved.name if saved else _("New audience"),
            "subtitle": saved.account.name if saved else None,
            "opts": self.opts,
            "buttons": self.buttons(saved, request) if saved else [],
            "may_send": request.user.has_perm(campaigns.ADD),
            "count_url": reverse("admin:sending_savedaudience_count"),
            **page.context(),
        }
        status = 409 if pressed == "save" else 200
        return TemplateResponse(request, "console/audience.html", context, status=status)

    def count_view(self, request: HttpRequest) -> HttpResponse:
        """The live count alone, of what the form holds now."""
        if request.method != "POST" or not self.has_view_permission(request):
            raise Http404
        saved = self._saved(request, request.POST["saved"]) if request.POST.get("saved") else None
        page = _Page(request, saved)
        page.count(limit=saved_audiences.LIVE_LIMIT, patience=saved_audiences.LIVE_PATIENCE)
        return TemplateResponse(request, "console/audience_count.html", page.context())

    def _saved(self, request: HttpRequest, pk: str) -> SavedAudience:
        found: SavedAudience | None = self.get_object(request, pk)
        if found is None or not self.has_view_permission(request, found):
            raise Http404
        return found


class _Page:
    """What the builder shows: the rows of the form, or those of what is saved."""

    def __init__(self, request: HttpRequest, saved: SavedAudience | None) -> None:
        self.user, self.saved = user_of(request), saved
        self.accounts = access.accounts_of(self.user).order_by("name")
        self.problem = ""
        self.counted: saved_audiences.Count | None = None
        self.may_keep = access.may(
            self.user, saved_audiences.KEEP, saved.account_id if saved else None
        )
        own = audience_rows.of_tree(saved.filter) if saved else []
        self.is_editable = self.may_keep and own is not None
        is_sent = request.method == "POST" and "match" in request.POST and self.is_editable
        data = request.POST if is_sent else QueryDict()
        self.match = data.get("match", next(iter(saved.filter)) if saved else trees.Match.ALL)
        self.name = data.get("name_of_audience", saved.name if saved else "")
        self.rows = audience_rows.of_form(data) if is_sent else own or []
        self.is_as_saved = saved is not None and not is_sent
        self.account = saved.account if saved else self._account(data.get("account", ""))

    def remove(self, place: str) -> None:
        if place.isascii() and place.isdecimal() and len(place) < 4:
            del self.rows[int(place) : int(place) + 1]

    def count(self, *, limit: int | None, patience: int) -> None:
        """Count whom the rows name, or say why that cannot be done."""
        if (account := self._known_account()) is None or (tree := self._tree()) is None:
            return
        try:
            self.counted = saved_audiences.count(
                account, tree, by=self.user, limit=limit, patience=patience
            )
        except saved_audiences.TooSlow as refusal:
            self.problem = str(refusal)
            if limit is not None:
                self.problem = _("Too many people to count while you edit; press “Count”.")
        except Invalid as refusal:
            self._refuse(refusal, account, tree)

    def save(self) -> SavedAudience | None:
        """Save what the form holds; None where it is refused, which the page then says."""
        if not self.is_editable:
            raise PermissionDenied
        if (account := self._known_account()) is None or (tree := self._tree()) is None:
            return None
        at = timezone.now()
        try:
            if self.saved is None:
                return saved_audiences.create(
                    account, name=self.name, filter=tree, by=self.user, at=at
                )
            return saved_audiences.change(
                self.saved, name=self.name, filter=tree, by=self.user, at=at
            )
        except (Invalid, saved_audiences.NameTaken) as refusal:
            self._refuse(refusal, account, tree)
        return None

    def settle(self, *, is_edited: bool) -> None:
        """Make the rows ready to be shown."""
        audience_rows.add_imports(self.rows, self.account)
        if is_edited:
            audience_rows.settle(self.rows)
        if not self.rows:
            self.rows.append(Row())

    def context(self) -> dict[str, Any]:
        return {
            "saved": self.saved,
            "accounts": self.accounts,
            "account": self.account,
            "name": self.name,
            "match": self.match,
            "matches": trees.Match.choices,
            "fields": audience_rows.FIELDS,
            "rows": self.rows,
            "is_full": len(self.rows) >= trees.SIZE_LIMIT,
            "is_editable": self.is_editable,
            "may_keep": self.may_keep,
            "sentence": trees.sentence(self.saved.filter) if self.saved else "",
            "suggestions": audience_rows.suggestions(self.account) if self.is_editable else {},
            "problem": self.problem,
            "is_marked": any(row.fault for row in self.rows),
            "counted": self.counted,
        }

    def _account(self, given: str) -> OfficialAccount | None:
        if given.isascii() and given.isdecimal() and len(given) < 19:
            return self.accounts.filter(pk=int(given)).first()
        if given:
            return None
        only = list(self.accounts[:2])
        return only[0] if len(only) == 1 else None

    def _known_account(self) -> OfficialAccount | None:
        if self.account is None:
            self.problem = _("Choose the account whose people are meant.")
        return self.account

    def _tree(self) -> dict[str, Any] | None:
        if self.is_as_saved and self.saved:
            return dict(self.saved.filter)
        if all(row.is_blank for row in self.rows):
            self.problem = _("Add at least one condition.")
            return None
        return audience_rows.to_tree(self.match, self.rows)

    def _refuse(self, refusal: Exception, account: OfficialAccount, tree: dict[str, Any]) -> None:
        cause = refusal.__cause__
        if isinstance(cause, trees.InvalidAudience) and audience_rows.blame(self.rows, cause):
            self.problem = _("One condition is not complete: %s") % cause.fault
        else:
            self.problem = str(refusal)
