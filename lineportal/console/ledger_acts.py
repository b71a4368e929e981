"""The acts of a person's page that write its ledger, and the parts of the page that show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget

from lineportal.accounts import access
from lineportal.console.base import ActForm, user_of
from lineportal.sending import reissued
from recipients import bases, consent, evidence, intake, provenance, reassign
from recipients.models import (
    Consent,
    ConsentEvidence,
    ConsentRecord,
    FriendStatus,
    LegalBasisKind,
    Reachability,
    Recipient,
    Source,
)

VIEW = "recipients.view_consentrecord"
SHOWN = 100  # records on a person's page

LABELS: dict[str, Any] = {
    "withdraw": gettext_lazy("Withdraw everything"),
    "standing": gettext_lazy("Record consent or friend status"),
    "basis": gettext_lazy("Record a legal basis"),
    "opt_out": gettext_lazy("Record a marketing opt-out"),
    "end_opt_out": gettext_lazy("End a marketing opt-out"),
    "withdraw_purpose": gettext_lazy("Withdraw one purpose"),
    "reassign": gettext_lazy("The number is another person's now"),
}
NOTES: dict[str, Any] = {
    "opt_out": gettext_lazy("It is ours, and apart from LINE's own setting, which stays."),
    "end_opt_out": gettext_lazy("Only the person's own, newer word ends an opt-out."),
    "withdraw_purpose": gettext_lazy(
        "What rests on the person's consent for this purpose ends, and they get no more marketing"
        " of it. LINE's own setting stays."
    ),
    "reassign": gettext_lazy(
        "For a number that its operator gave to somebody else. This person gives the number up,"
        " their waiting notifications are skipped, and a new person is opened who has not chosen."
    ),
}


class ProvenForm(ActForm):
    """What may come with any statement, after its own fields."""

    source = forms.ChoiceField(
        label=gettext_lazy("Who says so"),
        choices=[
            (Source.PERSON, gettext_lazy("The person")),
            (Source.RECORDS, gettext_lazy("Our records")),
        ],
    )
    observed_at = forms.DateTimeField(
        label=gettext_lazy("Observed at (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy(
            "When this was true. Without it a refusal or block can be recorded, not lifted."
        ),
    )
    wording_version = forms.CharField(
        label=gettext_lazy("Version of the wording"),
        required=False,
        max_length=intake.VERSION_LIMIT,
        help_text=gettext_lazy("Of the text that they agreed to or refused."),
    )
    evidence = forms.CharField(
        label=gettext_lazy("Evidence, in words"),
        required=False,
        max_length=evidence.TEXT_LIMIT,
        widget=forms.Textarea,
    )
    evidence_file = forms.FileField(
        label=gettext_lazy("Evidence, as a file"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=gettext_lazy("A form, a mail or a recording, at most 5 MB. It can be erased."),
    )


class StandingForm(ProvenForm):
    consent = forms.ChoiceField(
        label=gettext_lazy("LON consent"),
        required=False,
        choices=[("", gettext_lazy("as it is")), *Consent.choices],
    )
    friend_status = forms.ChoiceField(
        label=gettext_lazy("Friend status"),
        required=False,
        choices=[("", gettext_lazy("as it is")), *FriendStatus.choices],
    )
    field_order = ("consent", "friend_status")


class BasisForm(ProvenForm):
    purpose = forms.CharField(
        label=gettext_lazy("Purpose"),
        max_length=bases.PURPOSE_LIMIT,
        help_text=gettext_lazy("Such as “newsletter”; name nobody in it."),
    )
    basis = forms.ChoiceField(label=gettext_lazy("Legal basis"), choices=LegalBasisKind.choices)
    field_order = ("purpose", "basis")


class OptOutForm(ProvenForm):
    purpose = forms.CharField(
        label=gettext_lazy("Purpose"),
        max_length=bases.PURPOSE_LIMIT,
        required=False,
        help_text=gettext_lazy("Empty: all marketing."),
    )
    field_order = ("purpose",)


class PurposeForm(ActForm):
    purpose = forms.CharField(label=gettext_lazy("Purpose"), max_length=bases.PURPOSE_LIMIT)


class ReassignForm(ActForm):
    reason = forms.CharField(
        label=gettext_lazy("How this is known"), max_length=reassign.REASON_LIMIT
    )
    everywhere = forms.BooleanField(
        label=gettext_lazy("On every account of yours that holds the number"),
        required=False,
        initial=True,
    )


FORMS: dict[str, type[ActForm]] = {
    "standing": StandingForm,
    "basis": BasisForm,
    "opt_out": OptOutForm,
    "end_opt_out": OptOutForm,
    "withdraw_purpose": PurposeForm,
    "reassign": ReassignForm,
}


def available(recipient: Recipient, user: User) -> list[str]:
    """Return those acts that the user may do on the person now."""
    if recipient.closed_at:
        return []
    acts = []
    if access.may(user, intake.CHANGE, recipient.account_id):
        acts += ["withdraw", "standing", "basis", "opt_out"]
        if recipient.opt_outs.filter(ended_at__isnull=True).exists():
            acts.append("end_opt_out")
    if recipient.phone and access.may(user, reassign.REASSIGN, recipient.account_id):
        acts.append("reassign")
    return acts


def do(act: str, recipient: Recipient, request: HttpRequest, details: dict[str, Any]) -> Any:
    """Carry out one act; return the person to show next. Raises what the rooms below refuse."""
    by, at = user_of(request), timezone.now()
    if act == "reassign":
        return reissued.take(recipient, at=at, by=by, **details)[0].now
    if act == "standing":
        return _stand(recipient, details, by=by, at=at)
    purpose, statement = details.get("purpose", ""), _statement(details, by=by, at=at)
    if act == "basis":
        bases.record(recipient, purpose=purpose, basis=details["basis"], statement=statement)
    elif act == "opt_out":
        bases.opt_out(recipient, purpose=purpose, statement=statement)
    elif act == "end_opt_out":
        bases.end_opt_out(recipient, purpose=purpose, statement=statement)
    elif act in ("withdraw", "withdraw_purpose"):
        bases.withdraw(recipient, purpose=purpose, statement=statement)
    else:
        raise Http404
    return recipient


def panel(recipient: Recipient, user: User, *, at: datetime) -> dict[str, Any]:
    """Return what the person's page shows of how we know."""
    records: Sequence[ConsentRecord] = []
    if access.may(user, VIEW, recipient.account_id):
        found = recipient.ledger.select_related("recorded_by", "evidence").defer("evidence__file")
        records = list(found.order_by("-id")[: SHOWN + 1])
    return {
        "told": [
            (gettext_lazy("LON consent"), provenance.consent(recipient, at=at)),
            (gettext_lazy("Friend status"), provenance.friend_status(recipient, at=at)),
        ],
        "reached": Reachability.objects.filter(recipient=recipient).first(),
        "legal_bases": recipient.legal_bases.order_by("purpose"),
        "opt_outs": recipient.opt_outs.order_by("purpose"),
        "may_withdraw": "withdraw" in available(recipient, user) and not recipient.erased_at,
        "ledger": [
            {
                "record": record,
                "previous": provenance.word(record.previous),
                "value": provenance.word(record.value),
                "reference": provenance.reference(record),
                "imported": provenance.imported(record),
            }
            for record in records[:SHOWN]
        ],
        "former_owners": reassign.former_owners(recipient),
        "owner_now": reassign.owner_now(recipient),
        "has_older": len(records) > SHOWN,
    }


def download(recipient: Recipient, record: int, user: User) -> HttpResponse:
    """Answer with the evidence of a record. Raises PermissionDenied, Http404."""
    access.require(user, VIEW, recipient.account_id)
    held = ConsentEvidence.objects.filter(record=record, record__recipient=recipient).first()
    if held is None:
        raise Http404
    content, headers = evidence.download(held)
    return HttpResponse(content, headers=headers)


def _stand(recipient: Recipient, details: dict[str, Any], *, by: User, at: datetime) -> Recipient:
    return intake.change(
        recipient,
        intake.Details(
            consent=details["consent"] or None,
            friend_status=details["friend_status"] or None,
            observed_at=details["observed_at"],
            wording_version=details["wording_version"],
            evidence=_evidence(details),
        ),
        by=by,
        at=at,
        source=Source(details["source"]),
    )


def _statement(details: dict[str, Any], *, by: User, at: datetime) -> consent.Statement:
    return intake.statement(
        source=Source(details.get("source", Source.PERSON)),
        at=at,
        by=by,
        observed_at=details.get("observed_at"),
        wording_version=details.get("wording_version", ""),
        given=_evidence(details),
    )


def _evidence(details: dict[str, Any]) -> evidence.Evidence | None:
    file = details.get("evidence_file")
    if file is None:
        return intake.read_evidence(details.get("evidence", ""))
    if file.size > evidence.FILE_LIMIT:  # not read into memory
        raise intake.Invalid("evidence_file", evidence.too_large())
    return intake.read_evidence(
        details.get("evidence", ""),
        file=file.read(),
        file_name=file.name,
        content_type=file.content_type or "",
    )
