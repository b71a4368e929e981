"""What every desk of the console shares: account limits, act pages, and refusals as messages.

A desk translates and makes one call; rules are in the rooms below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from lineportal import typesetting
from lineportal.accounts import access
from lineportal.console import phone
from lineportal.console.lists import BoundedDesk
from lineportal.conversations import talking
from lineportal.sending import (
    campaigns,
    followers,
    forwarding,
    incidents,
    quota,
    retries,
    roads,
    routing,
    stops,
    subject_access,
)
from lineportal.sending import messages as sending_messages
from recipients import imports, intake, link_codes, linking, purposes, requests, reveals
from templates_app import (
    attachments,
    catalogue,
    catalogue_import,
    content,
    drafting,
    thread,
    waivers,
    workflow,
)
from templates_app.models import MessageTemplate

# What the rooms below refuse with; each text says what to do.
REFUSALS = (
    workflow.WrongState,
    drafting.KeyTaken,
    workflow.MissingDecision,
    waivers.Blocked,
    thread.Unsayable,
    attachments.Unusable,
    content.InvalidContent,
    catalogue_import.Refused,
    campaigns.WrongState,
    campaigns.NameTaken,
    quota.OverQuota,
    routing.AccountExists,
    roads.RoadExists,
    roads.NoRoad,
    followers.NotListed,
    forwarding.NotPassedOn,
    intake.Invalid,
    intake.Conflict,
    intake.PersonExists,
    imports.NotWaiting,
    purposes.MissingPurpose,
    incidents.AlreadyClosed,
    linking.StandsAgainst,
    linking.AlreadyEnded,
    link_codes.TooManyCodes,
    requests.AlreadyOpen,
    requests.NotDone,
    requests.NotOpen,
    reveals.NoNumber,
    subject_access.Forgotten,
    typesetting.MissingFont,
    sending_messages.CannotSendAgain,
    retries.NothingToRetry,
    stops.AlreadyStopped,
    stops.NotStopped,
    talking.CannotAnswer,
    PermissionDenied,
)


class ActForm(forms.Form):
    """A form of one act; its fields are styled as the theme's own."""

    folded: Sequence[str] = ()  # fields that are seldom changed, shown when asked for

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        for field in self.fields.values():
            kind = "lp-check" if isinstance(field.widget, forms.CheckboxInput) else "lp-input"
            field.widget.attrs.setdefault("class", kind)


class Desk(BoundedDesk):
    """A model's pages: limited to the user's accounts, with acts instead of free editing."""

    account_path = "account"  # from the row to its account; empty: rows of no account
    view_permission = ""
    actions = None
    compressed_fields = True
    act_labels: ClassVar[dict[str, Any]] = {}
    act_forms: ClassVar[dict[str, type[ActForm]]] = {}
    act_notes: ClassVar[dict[str, Any]] = {}
    main_act: ClassVar[frozenset[str]] = frozenset()
    grave_act: ClassVar[frozenset[str]] = frozenset()
    forbidden: ClassVar[int] = 409  # the status of an act that is not for this person
    # Acts that the page links to beside what they are about, not by a button above it.
    linked_acts: ClassVar[frozenset[str]] = frozenset()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        if self.account_path:
            rows = access.limited(rows, request.user, account=self.account_path)
        return rows

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the row, or None; a page that is only read asks twice, and is answered once."""
        if request.method != "GET":
            return super().get_object(request, object_id, from_field)
        found = request.__dict__.setdefault("_desk_objects", {})
        key = (self.model, object_id, from_field)
        if key not in found:
            found[key] = super().get_object(request, object_id, from_field)
        return found[key]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm(self.view_permission))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, **kw: Any) -> Any:
        """Offer only the accounts that the user may touch."""
        if obj is not None and not self.has_change_permission(request, obj):
            kw["help_texts"] = {}  # how to fill a field in is of no use beside what it holds
        form = super().get_form(request, obj, **kw)
        if "account" in form.base_fields:
            form.base_fields["account"].queryset = access.accounts_of(request.user)
        return form

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        own = [path("<path:object_id>/act/<slug:act>/", self._site(self.act_view), name=name)]
        return [*own, *super().get_urls()]

    def available_acts(self, obj: Any, user: User) -> Sequence[str]:
        """Return the acts this person may do on the object now."""
        return []

    def do(self, act: str, obj: Any, request: HttpRequest, details: dict[str, Any]) -> Any:
        """Carry out one act; return the object to show next, an answer, or None to stay."""
        raise Http404

    def act_url(self, obj: Any, act: str) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_act"
        return reverse(name, args=[obj.pk, act])

    def page_url(self, obj: Model) -> str:
        meta = obj._meta
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])

    def buttons(self, obj: Any, request: HttpRequest) -> list[dict[str, Any]]:
        """Return the buttons of the object's page: only what this person may press now."""
        return [
            {
                "url": self.act_url(obj, act),
                "label": self.act_label(act, obj),
                "asks": act in self.act_forms,
                "look": "main" if act in self.main_act else "plain",
            }
            for act in self.available_acts(obj, user_of(request))
            if act in self.act_labels and act not in self.linked_acts
        ]

    def act_label(self, act: str, obj: Any) -> str:
        return str(self.act_labels[act])

    def act_form(self, act: str, obj: Any) -> type[ActForm]:
        """Return the form of what an act needs to know."""
        return self.act_forms.get(act, ActForm)

    def act_initial(self, act: str, obj: Any) -> dict[str, Any]:
        """Return what the form of an act begins with."""
        return {}

    def act_facts(self, act: str, obj: Any) -> dict[str, Any]:
        """Return what an act's form shows beside its fields: a `facts_page` and its context."""
        return {}

    def panel(self, obj: Any, request: HttpRequest) -> dict[str, Any]:
        """Return what the object's own page shows beside its fields."""
        return {}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method == "GET":
            access.keep_list(request.user)
        context: dict[str, Any] = {
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
        }
        if object_id is not None and (obj := self.get_object(request, object_id)):
            context |= {"buttons": self.buttons(obj, request), **self.panel(obj, request)}
        try:
            response: HttpResponse = super().changeform_view(
                request, object_id, form_url, {**context, **(extra_context or {})}
            )
            return response
        except REFUSALS as refusal:
            if request.method != "POST":
                raise
            messages.error(request, _sentence(refusal))
            return HttpResponseRedirect(request.get_full_path())

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go to the new object's own page, where the next step is."""
        super().response_add(request, obj, post_url_continue)  # says that it was added
        return HttpResponseRedirect(self.page_url(obj))

    def act_view(self, request: HttpRequest, object_id: str, act: str) -> HttpResponseBase:
        """Ask what an act needs, and do it on POST."""
        obj = self.get_object(request, object_id)
        if obj is None or act not in self.act_labels or not self.has_view_permission(request, obj):
            raise Http404
        form_class = self.act_form(act, obj)
        is_sent = request.method == "POST"
        status = 409 if is_sent else 200
        form = (
            form_class(request.POST, request.FILES)
            if is_sent
            else form_class(initial={**self.act_initial(act, obj), **request.GET.dict()})
        )
        if request.method == "POST" and form.is_valid():
            try:
                shown = self.do(act, obj, request, form.cleaned_data)
            except REFUSALS as refusal:
                messages.error(request, _sentence(refusal))
                status = self.forbidden if isinstance(refusal, PermissionDenied) else 409
            else:
                if isinstance(shown, HttpResponseBase):
                    return shown
                return HttpResponseRedirect(self.page_url(shown or obj))
        context = {
            **self.admin_site.each_context(request),
            **self.act_facts(act, obj),
            "title": self.act_label(act, obj),
            "subtitle": str(obj),
            "opts": self.opts,
            "form": form,
            "note": self.act_notes.get(act, ""),
            "back_url": self.page_url(obj),
            "is_grave": act in self.grave_act,
        }
        return TemplateResponse(request, "console/act.html", context, status=status)

    def _site(self, view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        wrapped: Callable[..., HttpResponseBase] = self.admin_site.admin_view(view)
        return wrapped


def wording(
    template: MessageTemplate, *, values: Mapping[str, str] | None = None, drawing: Any = None
) -> dict[str, Any]:
    """Return what the phone shows, so that who confirms reads the words that go out.

    `drawing` is a message object of this template; by default its own, with its placeholders.
    """
    return {
        "screen": phone.screen(
            drawing or phone.drawing_of(template), values=values, titles=_titles_for(template)
        ),
        "sender_name": template.account.name,
    }


def _titles_for(template: MessageTemplate) -> dict[tuple[str, str], str]:
    is_catalogue = content.kind(template.content, service=template.service) == "catalogue"
    return catalogue.titles(template.account.country) if is_catalogue else {}


def user_of(request: HttpRequest) -> User:
    """Return the person who is logged in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def _sentence(refusal: BaseException) -> str:
    return str(refusal) or _("You may not do this.")
