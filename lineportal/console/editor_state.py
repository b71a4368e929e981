"""What the editor knows during one request: what was typed, and what is made of it.

Nothing is kept until `save`; half-written content is drawn as far as it goes.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import access, languages
from lineportal.accounts.models import OfficialAccount
from lineportal.console import editor_controls, editor_faults, editor_form, phone
from lineportal.console.base import ActForm, user_of
from templates_app import callers, catalogue, drafting, findings, rendering
from templates_app import content as contents
from templates_app.models import Category, MessageTemplate

EXAMPLE: dict[str, Any] = {
    "title": "พัสดุของคุณมาถึงแล้ว",
    "greeting": "เรียน คุณ{{name}}",
    "emphasis": {"label": "เลขพัสดุ", "value": "{{tracking_no}}"},
    "items": [{"label": "จาก", "value": "{{parcel_from}}"}],
    "buttons": [{"label": "ติดตามพัสดุ", "url": "https://example.com/track/{{tracking_no}}"}],
}
EXAMPLE_SAMPLE = {"name": "สมชาย ใจดี", "tracking_no": "TH012345678", "parcel_from": "ร้านดอกไม้"}


class DetailsForm(ActForm):
    """What is said about the message: whose it is, what for, in which language."""

    account = forms.ModelChoiceField(
        OfficialAccount.objects.none(), label=gettext_lazy("Official Account")
    )
    key = forms.SlugField(
        label=gettext_lazy("Key"),
        max_length=60,
        help_text=gettext_lazy("The name API callers use. It cannot be changed later."),
    )
    purpose = forms.CharField(
        label=gettext_lazy("What the message is for"),
        max_length=200,
    )
    language = forms.CharField(
        label=gettext_lazy("Language"),
        max_length=35,
        help_text=gettext_lazy("th, zh-Hant, ja, en or another BCP 47 tag."),
        widget=forms.TextInput(attrs={"list": "languages"}),
    )
    category = forms.ChoiceField(
        label=gettext_lazy("Category"),
        choices=Category.choices,
        help_text=gettext_lazy("Notifications are always transactional."),
    )

    def __init__(self, *args: Any, by: Any, is_new: bool, **kw: Any) -> None:
        super().__init__(*args, auto_id="%s", **kw)
        if not is_new:
            del self.fields["account"], self.fields["key"]
            return
        accounts = access.accounts_of(by).order_by("name")
        field = self.fields["account"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = accounts
        if len(only := accounts[:2]) == 1:
            field.initial = only[0]


class Page:
    """The editor's state for one request: what was typed, and what is made of it."""

    def __init__(self, request: HttpRequest, template: MessageTemplate | None) -> None:
        self.request, self.template, self.user = request, template, user_of(request)
        self.is_sent = request.method == "POST"
        self.kinds = [
            kind
            for kind in editor_form.KINDS
            if template is None or kind.service == template.service
        ]
        data = request.POST if self.is_sent else None
        self.details = DetailsForm(
            data, initial=self._initial(), by=self.user, is_new=template is None
        )
        self.details.use_required_attribute = False
        if self.is_sent:
            self.written = editor_form.of_form(
                request.POST, kinds=self.kinds, file=request.FILES.get("flex_file")
            )
        else:
            self.written = self._as_saved()
        self.is_overtaken = False
        self.sample_faults: list[str] = []

    def save(self) -> MessageTemplate | None:
        """Save what was typed; None where something is wrong, which the page then shows."""
        # Both are asked, so that everything wrong is shown at once.
        if not self.details.is_valid() or editor_faults.find(self.written, **self._kept()):
            return None
        if self.template is not None and self._seen() != self.request.POST.get("seen"):
            self.is_overtaken = True
            return None
        values = dict(self.details.cleaned_data)
        values["content"] = editor_form.to_content(self.written)
        placeholders = contents.placeholders(values["content"])
        if len(placeholders) <= editor_form.NAMES_LIMIT:
            values["samples"] = editor_form.kept_samples(self.written, placeholders)
        at = timezone.now()
        try:
            if self.template is not None:
                return drafting.edit(self.template, by=self.user, at=at, changes=values)
            account = values.pop("account")
            service = self.written.kind.service
            return drafting.create(account, service=service, by=self.user, at=at, **values)
        except drafting.KeyTaken as refusal:
            self.details.add_error("key", str(refusal))
        except contents.InvalidContent as refusal:
            for place, sentence in refusal.problems.items():
                if place == "samples":
                    self.sample_faults.append(sentence)
                else:
                    known = place if place in self.details.fields else None
                    self.details.add_error(known, sentence)
        return None

    def _catalogue(self) -> dict[str, Any]:
        """Return the keys that may be picked: of the account's country, once it is known."""
        if self.template is not None:
            countries = {self.template.account.country}
        else:
            accounts = access.accounts_of(self.user)
            chosen = str(self.details["account"].value() or "")
            if chosen.isdecimal():
                accounts = accounts.filter(pk=int(chosen))
            countries = set(accounts.values_list("country", flat=True))
        choices = catalogue.choices(countries)
        return {
            "catalogue_choices": list(choices.items()),
            "has_catalogue": any(choices.values()),
            "catalogue_url": reverse("admin:templates_app_catalogueentry_changelist"),
        }

    def context(self, *, is_judged: bool) -> dict[str, Any]:
        """Return what the fields show; `is_judged`: what is wrong stands at its field."""
        faults = editor_faults.find(self.written, **self._kept()) if is_judged else {}
        return {
            "details": self.details,
            "is_judged": is_judged,
            "n_faults": sum(map(len, faults.values()))
            + (sum(map(len, self.details.errors.values())) if is_judged else 0),
            **self._catalogue(),
            "kind": self.written.kind,
            "kinds": self.kinds,
            "languages": list(languages.LANGUAGES),
            "template": self.template,
            "seen": self._seen(),
            "is_overtaken": self.is_overtaken,
            "sample_faults": self.sample_faults,
            **editor_controls.context(self.written, faults),
            **self.preview(),
        }

    def preview(self) -> dict[str, Any]:
        """Return what the pane beside the fields shows: the phone, what is missing, who is told."""
        written = self.written
        content = editor_form.drawable(written)
        placeholders = contents.placeholders(content)
        faults = editor_faults.find(written, **self._kept())
        values, shown = self._shown_values(placeholders)
        service = written.kind.service
        is_drawn = content is not None and isinstance(content.get("flex", {}), dict)
        # What is no container may have any shape; rules look only at what has the right one.
        is_sound = is_drawn and (written.kind.structure != "flex" or not faults)
        samples = editor_form.kept_samples(written, placeholders)
        found = findings.find(
            content, service=service, samples=samples,
            category=self._detail("category"), language=self._detail("language"),
        ) if is_sound and content is not None else []  # fmt: skip
        return {
            "screen": phone.screen(
                rendering.draw(content, service=service, **self._kept()), values=values
            )
            if is_drawn and content is not None
            else "",
            "sender_name": self._sender(),
            "shown": shown,
            "tabs": [_("Placeholders"), *(
                _("Sample %(n)d") % {"n": n + 1} for n in range(len(written.samples) or 1)
            )] if placeholders else [],
            "is_dark": bool(self.request.POST.get("dark")),
            "missing": editor_controls.said(faults),
            "findings": found,
            **self._callers(placeholders, is_read=content is not None),
            **editor_controls.totals(written),
            **editor_controls.samples(written, placeholders),
            "are_samples_new": self._are_samples_new(placeholders),
        }  # fmt: skip

    def _callers(self, placeholders: list[str], *, is_read: bool) -> dict[str, Any]:
        sample = next(iter(self.written.samples), {})
        context: dict[str, Any] = {
            "placeholders": placeholders,
            "example": callers.example(placeholders, sample),
        }
        if self.template is None or not is_read:
            return context
        approved = callers.approved_before(self.template)
        before = approved or self.template
        change = callers.compare(before.placeholders, placeholders, version=before.version)
        edit = callers.compare(self.template.placeholders, placeholders) if approved else None
        return {
            **context,
            "change": callers.sentence(change),
            "since_approved": approved,
            "edit_change": callers.of_edit(edit) if edit else "",
        }

    def _are_samples_new(self, placeholders: list[str]) -> bool:
        """Return whether the sample fields on the page are others than these words need."""
        offered = self.request.POST.getlist("sample_offered")
        return offered != placeholders or self.request.POST.get("do", "").startswith(
            ("add_sample", "sample-")
        )

    def _shown_values(self, placeholders: list[str]) -> tuple[dict[str, str], int]:
        chosen = self.request.POST.get("shown", "")
        n = int(chosen) if chosen.isascii() and chosen.isdecimal() and len(chosen) < 3 else 0
        sets = self.written.samples or [{}]
        if not 0 < n <= len(sets) or not placeholders:
            return {}, 0
        return sets[n - 1], n

    def _sender(self) -> str:
        if self.template is not None:
            return self.template.account.name
        chosen = self.details["account"].value()
        field = self.details.fields["account"]
        assert isinstance(field, forms.ModelChoiceField)
        for pk, name in field.queryset.values_list("pk", "name") if field.queryset else ():
            if str(pk) == str(getattr(chosen, "pk", chosen)):
                return str(name)
        return ""

    def _kept(self) -> dict[str, str]:
        return {name: self._detail(name) for name in ("category", "language")}

    def _detail(self, name: str) -> str:
        value = self.details[name].value()
        return value if isinstance(value, str) else ""

    def _seen(self) -> str:
        return self.template.changed_at.isoformat() if self.template is not None else ""

    def _initial(self) -> dict[str, Any]:
        if self.template is None:
            return {"language": "th", "category": Category.TRANSACTIONAL}
        return {name: getattr(self.template, name) for name in ("purpose", "category", "language")}

    def _as_saved(self) -> editor_form.Written:
        if self.template is not None:
            return editor_form.of_content(
                self.template.content, service=self.template.service, samples=self.template.samples
            )
        if self.request.GET.get("example"):
            return editor_form.of_content(EXAMPLE, service="lon", samples=[EXAMPLE_SAMPLE])
        return editor_form.Written(editor_form.kind_named(self.request.GET.get("kind", "")))
