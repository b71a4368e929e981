"""The author's editor: a template's words as fields, drawn and judged while they are written.

Every button sends the whole form; which one was pressed says what to do with it. Nothing is kept
until “Save”.
"""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.console.base import Desk, user_of
from lineportal.console.editor_state import Page
from templates_app import callers, workflow
from templates_app.models import MessageTemplate


def page(desk: Desk, request: HttpRequest, template: MessageTemplate | None) -> HttpResponse:
    """Show the editor of a draft, or of a new template; the button pressed says what to do."""
    if template is None and not desk.has_add_permission(request):
        raise PermissionDenied
    if template is not None and not _may_edit(template, request):
        return _refused(desk, request, template)
    back_url = (
        desk.page_url(template)
        if template
        else reverse("admin:templates_app_messagetemplate_changelist")
    )
    state = Page(request, template)
    pressed = request.POST.get("do", "preview") if state.is_sent else ""
    state.written.apply(pressed)
    if pressed == "save":
        before = list(template.placeholders) if template is not None else []
        try:
            saved = state.save()
        except workflow.WrongState as refusal:  # submitted by another just now
            messages.error(request, str(refusal))
            return HttpResponseRedirect(back_url)
        if saved is not None:
            _say_saved(request, saved, before, is_new=template is None)
            return HttpResponseRedirect(desk.page_url(saved))
    is_judged = pressed in ("save", "preview")
    context = {
        **desk.admin_site.each_context(request),
        "title": _("Edit %(template)s") % {"template": template} if template else _("New template"),
        "subtitle": template.account.name if template else None,
        "opts": desk.opts,
        "back_url": back_url,
        "preview_url": reverse("admin:templates_app_messagetemplate_preview"),
        **state.context(is_judged=is_judged),
    }
    status = 409 if pressed == "save" else 200
    return TemplateResponse(request, "console/editor/page.html", context, status=status)


def preview(desk: Desk, request: HttpRequest) -> HttpResponse:
    """The pane beside the fields alone, of what the form holds now; nothing is kept."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    template = None
    if pk := request.POST.get("template", ""):
        template = desk.get_object(request, pk)
        if template is None or not _may_edit(template, request):
            raise PermissionDenied
    elif not desk.has_add_permission(request):
        raise PermissionDenied
    state = Page(request, template)
    state.written.apply(request.POST.get("do", ""))
    context = {**state.preview(), "is_live": True}
    return TemplateResponse(request, "console/editor/preview.html", context)


def _may_edit(template: MessageTemplate, request: HttpRequest) -> bool:
    return workflow.may_edit(template, user_of(request))


def _refused(desk: Desk, request: HttpRequest, template: MessageTemplate) -> HttpResponse:
    """Lead whoever may edit drafts back to the version that is none; refuse anybody else."""
    if not access.may(request.user, workflow.CHANGE, template.account_id):
        raise PermissionDenied
    messages.error(
        request,
        _("Only a draft can be edited; this version is %(state)s. Revise it instead.")
        % {"state": template.state},
    )
    return HttpResponseRedirect(desk.page_url(template))


def _say_saved(
    request: HttpRequest, saved: MessageTemplate, before: list[str], *, is_new: bool
) -> None:
    messages.success(request, _("The draft %(template)s is saved.") % {"template": saved})
    change = callers.change_of(saved, before=before)
    if is_new:
        return
    if change:
        messages.warning(request, callers.sentence(change))
    if change.compared_with_version != saved.version and (
        edit := callers.compare(before, saved.placeholders)
    ):
        messages.info(request, callers.of_edit(edit))
