"""The forms of accounts and roads, made from what each provider says it is set up with.

A secret is typed, sent and forgotten: no form ever begins with one, or shows it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.accounts import credentials
from lineportal.accounts.models import Country, OfficialAccount, Road, Service
from lineportal.console.base import ActForm
from lineportal.providers import PROVIDERS
from lineportal.providers.base import Provider, Setting
from lineportal.sending import routing

_PREFIX = "credential_"
_WITHOUT = "without_"
_FEW = 3  # optional settings, that need no folding away


class RoadForm(ActForm):
    """A road by one provider: which service, and what the provider is set up with."""

    def __init__(
        self, *args: Any, kind: type[Provider], services: Iterable[str] = (), **kw: Any
    ) -> None:
        super().__init__(*args, **kw)
        self.kind = kind
        self._settle()
        if services:
            self._add("service", _service(list(services)))
        for setting in kind.settings:
            self._add(f"{_PREFIX}{setting.name}", _field(setting))
        # What may be left as it is stands behind "More settings".
        optional = [f"{_PREFIX}{each.name}" for each in kind.settings if not each.is_required]
        self.folded = optional if len(optional) > _FEW else []
        self._add("api_base_url", _address(kind))
        self._add("rate_per_second", _pace(kind, kind.default_rate))

    def _settle(self) -> None:
        """Change the fields that stand above those of the road."""

    def _add(self, name: str, field: forms.Field) -> None:
        field.widget.attrs.setdefault("class", "lp-input")
        self.fields[name] = field

    def details(self) -> dict[str, Any]:
        """Return what was filled in, as the acts take it."""
        values = {
            name: value for name, value in self.cleaned_data.items() if not name.startswith(_PREFIX)
        }
        given = {
            setting.name: value
            for setting in self.kind.settings
            if (value := self.cleaned_data[f"{_PREFIX}{setting.name}"])
        }
        return {**values, "provider": self.kind.name, "given": given}


class AccountForm(RoadForm):
    """A new account with its first road."""

    slug = forms.CharField(
        label=gettext_lazy("Short name"),
        help_text=gettext_lazy("Commands and the API use it: letters, digits and hyphens."),
    )
    name = forms.CharField(label=gettext_lazy("Name"), help_text=gettext_lazy("As people read it."))
    country = forms.ChoiceField(label=gettext_lazy("Country"))

    def __init__(self, *args: Any, kind: type[Provider], **kw: Any) -> None:
        served = [each for each in Service.values if each in kind.serves]
        # LINE's own channel mostly has both; with a partner each is a contract of its own.
        both = [""] if kind.name == "line" else []
        super().__init__(*args, kind=kind, services=[*both, *served], **kw)

    def _settle(self) -> None:
        served = {place for offer in self.kind.serves.values() for place in offer.countries}
        country: Any = self.fields["country"]
        country.choices = [each for each in Country.choices if each[0] in served]
        if unserved := [label for code, label in Country.choices if code not in served]:
            country.help_text = _(
                "%(provider)s is not supported here for accounts of %(list)s."
            ) % {
                "provider": self.kind.title,
                "list": ", ".join(map(str, unserved)),
            }


class CredentialsForm(ActForm):
    """New credentials of a road; what is left as it is stays."""

    def __init__(self, *args: Any, road: Road, sharing: Road | None, **kw: Any) -> None:
        """`sharing` is the account's other road, where it goes by the same provider and sender."""
        super().__init__(*args, **kw)
        self.kind = PROVIDERS[road.provider]
        self.known = _known(road)
        for setting in self.kind.settings:
            if setting.name != self.kind.sender_setting:
                self._add(setting)
        if sharing is not None:
            both = forms.BooleanField(
                label=_("For both services"),
                required=False,
                initial=True,
                help_text=_("%(service)s is sent by %(sender)s too.")
                % {"service": sharing.get_service_display(), "sender": road.sender},
            )
            both.widget.attrs["class"] = "lp-check"
            self.fields["both"] = both

    def _add(self, setting: Setting) -> None:
        field = _field(setting)
        is_set = bool(self.known.get(setting.name))
        if setting.is_secret:
            field.required = setting.is_required and not is_set
            kept = _("Empty: it stays as it is.") if is_set else ""
            field.help_text = " ".join(filter(None, [kept, setting.help if not is_set else ""]))
        else:
            field.initial = self.known.get(setting.name, setting.default)
        field.widget.attrs.setdefault("class", "lp-input")
        self.fields[f"{_PREFIX}{setting.name}"] = field
        if setting.is_secret and is_set and not setting.is_required:
            away = forms.BooleanField(
                label=_("Take away: %(name)s") % {"name": setting.label}, required=False
            )
            away.widget.attrs["class"] = "lp-check"
            self.fields[f"{_WITHOUT}{setting.name}"] = away

    def given(self) -> dict[str, str]:
        """Return what is new; blank for what is to be taken away."""
        found = {}
        for setting in self.kind.settings:
            value = self.cleaned_data.get(f"{_PREFIX}{setting.name}")
            if self.cleaned_data.get(f"{_WITHOUT}{setting.name}"):
                found[setting.name] = ""
            elif setting.is_secret:
                found |= {setting.name: value} if value else {}
            elif value is not None and value != self.known.get(setting.name, setting.default):
                found[setting.name] = value
        return found


class PaceForm(ActForm):
    """A road's pace, and its address at the provider."""

    def __init__(self, *args: Any, road: Road, **kw: Any) -> None:
        super().__init__(*args, **kw)
        kind = PROVIDERS[road.provider]
        self.fields["rate_per_second"] = _pace(kind, road.rate_per_second)
        self.fields["api_base_url"] = _address(kind, road.api_base_url)
        for field in self.fields.values():
            field.widget.attrs.setdefault("class", "lp-input")


def missing(account: OfficialAccount) -> list[str]:
    """Return the services for which the account has no road."""
    present = {road.service for road in account.roads.all()}
    return [each for each in Service.values if each not in present]


def serves(kind: type[Provider]) -> list[str]:
    """Return for whom the provider is supported, a line for each service."""
    lines = []
    for service in Service.values:
        if codes := routing.countries(kind, service):
            names = ", ".join(str(label) for code, label in Country.choices if code in codes)
            lines.append(f"{Service(service).label}: {names}.")
    return lines


def _known(road: Road) -> Mapping[str, str]:
    """Return the credentials; none where no key opens them, so that all are asked for."""
    try:
        return credentials.of(road)
    except credentials.UnreadableCredentials:
        return {}


def _field(setting: Setting) -> forms.Field:
    if setting.choices:
        blank = [] if setting.is_required or setting.default else [("", "–")]
        return forms.ChoiceField(
            label=setting.label,
            required=setting.is_required,
            help_text=setting.help,
            choices=[*blank, *((each, each) for each in setting.choices)],
            initial=setting.default,
        )
    is_secret = setting.is_secret
    return forms.CharField(
        label=setting.label,
        required=setting.is_required,
        help_text=setting.help,
        initial="" if is_secret else setting.default,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
        if is_secret
        else forms.TextInput(attrs={"autocomplete": "off"}),
    )


def _service(names: list[str]) -> forms.Field:
    labels = {"": gettext_lazy("Both"), **dict(Service.choices)}
    return forms.ChoiceField(
        label=_("Service"),
        required="" not in names,
        choices=[(name, labels[name]) for name in names],
    )


def _address(kind: type[Provider], value: str = "") -> forms.Field:
    return forms.CharField(
        label=_("Address at the provider"),
        required=False,
        initial=value,
        help_text=_("Empty for %(provider)s's own: %(address)s")
        % {"provider": kind.title, "address": kind.api},
    )


def _pace(kind: type[Provider], value: int) -> forms.Field:
    return forms.IntegerField(
        label=_("Messages a second"),
        initial=value,
        help_text=_("%(provider)s takes at most %(most)s.")
        % {"provider": kind.title, "most": kind.ceiling_per_second},
    )
