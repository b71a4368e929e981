"""Why somebody is, or was, written to or not: the rules as they were read, and on which facts.

A rule before the one that refused has passed and one behind it was never asked; so the reading
follows from the verdict's own rule and can say nothing else than the statement that judged.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.sending import own_history, policies
from lineportal.sending.models import Message, Policy
from lineportal.sending.statuses import Status
from recipients import eligibility
from recipients.models import Consent, ConsentRecord, FriendStatus, Recipient, Source, Suppression
from templates_app.models import MessageTemplate

# Codes and sentences of the rules about values, the campaign and our own history, in their order,
# after those about the person.
RULES: dict[str, Promise] = {
    "link_ended": gettext_lazy("The number's link to this LINE user ended, or is too old."),
    "missing_values": gettext_lazy("A placeholder of the template has no value for this person."),
    "value_too_long": gettext_lazy("A value makes a text longer than LINE allows."),
    "already_in_campaign": gettext_lazy("The same person and item stand in an earlier row."),
    "frequency_cap": gettext_lazy("The person has had as many messages as the account allows."),
    "recently_refused": gettext_lazy("LINE refused the person's last message a short time ago."),
    "trigger_too_old": gettext_lazy("What the message tells of happened too long ago."),
}
REASONS: dict[str, Promise] = {rule.code: rule.reason for rule in eligibility.RULES} | RULES

_STANDING = (ConsentRecord.Subject.CONSENT, ConsentRecord.Subject.FRIEND)

# What the reading says of a rule, and how pages call it.
RESULTS: dict[str, Promise] = {
    "passed": gettext_lazy("passed"),
    "refused": gettext_lazy("refuses"),
    "not_reached": gettext_lazy("not reached"),
    "not_asked": gettext_lazy("not asked"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One rule, and what it said; `not_asked` are those of other messages, or switched off."""

    rule: str
    reason: str
    result: str  # one of RESULTS

    @property
    def label(self) -> Promise:
        return RESULTS[self.result]


@dataclass(frozen=True, slots=True)
class Input:
    """One fact that a verdict was decided on: its value, who said so, and when it was true."""

    name: str
    label: str
    value: str
    source: str = ""
    observed_at: datetime | None = None
    age: timedelta | None = None  # at the moment of the verdict; None: not dated, only assumed


def reading(
    rule: str,
    asked: eligibility.Asked,
    *,
    switched_on: list[str],
    has_values: bool,
    has_rows: bool,
) -> tuple[Reading, ...]:
    """Return every rule in order with what it said, given the one that refused ("": none did).

    Empty where the rule is not one of today's.
    """
    if rule and rule not in REASONS:
        return ()
    applies = {each.code: each.applies(asked) for each in eligibility.RULES}
    applies |= {"missing_values": has_values, "value_too_long": has_values}
    applies |= {"already_in_campaign": has_rows}
    applies |= {"link_ended": has_rows and asked.service == eligibility.OA}
    applies |= {code: code in switched_on for code in own_history.LETTERS}
    found, result = [], "passed"
    for code, reason in REASONS.items():
        if code == rule:
            found.append(Reading(code, str(reason), "refused"))
            result = "not_reached"
        else:
            found.append(Reading(code, str(reason), result if applies[code] else "not_asked"))
    return tuple(found)


class Held:
    """What is held of one person beside their row, looked up once for all that is asked of them."""

    def __init__(self, recipient: Recipient, *, by: datetime | None = None) -> None:
        """`by`: only what was recorded by then."""
        self._recipient = recipient
        self._by = by

    @functools.cached_property
    def policy(self) -> Policy:
        return policies.of(self._recipient.account_id)

    @functools.cached_property
    def suppressions(self) -> list[Suppression]:
        """Those in force, whatever their end."""
        if self._recipient.phone is None:
            return []
        return list(
            Suppression.objects.filter(
                account_id=self._recipient.account_id,
                phone=self._recipient.phone,
                lifted_at__isnull=True,
            )
        )

    def newest(self, subject: str, value: str) -> ConsentRecord | None:
        """Return the last record of consent or friend status that says so."""
        return self._records.get((subject, value))

    @functools.cached_property
    def _records(self) -> dict[tuple[str, str], ConsentRecord]:
        records = self._recipient.ledger.filter(subject__in=_STANDING)
        if self._by is not None:
            records = records.filter(recorded_at__lte=self._by)
        # Applied in the order of ids, whatever their dates.
        return {(each.subject, each.value): each for each in records.order_by("id")}


def inputs(
    recipient: Recipient, template: MessageTemplate, held: Held, *, at: datetime,
    values: dict[str, Any], triggered_at: datetime | None,
) -> tuple[Input, ...]:  # fmt: skip
    """Return the facts about a person that the rules of this template look at, at this moment."""
    facts = [_erased(recipient, at), _suppressed(held, at)]
    if template.service == eligibility.LON:
        country = recipient.phone_country or _("no phone number")
        facts.append(Input("phone_country", _("Country of the number"), country))
    else:
        address = _("held") if recipient.line_user_id else _("none")
        facts.append(Input("line_user_id", _("LINE user id"), address))
    facts += [
        _standing(held, ConsentRecord.Subject.FRIEND, recipient.friend_status, at),
        _standing(held, ConsentRecord.Subject.CONSENT, recipient.consent, at),
    ]
    if template.category == "marketing":
        facts += _opt_outs(recipient, template, at)
    if template.placeholders:
        missing = [name for name in template.placeholders if name not in values]
        filled = _("all there")
        if missing:
            filled = _("missing: %(names)s") % {"names": ", ".join(missing)}
        facts.append(Input("values", _("Values of placeholders"), filled))
    return (*facts, *_history(recipient, template, held.policy, at=at, triggered_at=triggered_at))


def of_message(message: Message) -> tuple[tuple[Input, ...], tuple[Reading, ...]]:
    """Return what a message was decided on, and the rules as they were read then.

    Consent and friend status are those frozen on it; their sources are what the ledger held then.
    """
    template, campaign = message.template, message.campaign
    at = decided_at(message)
    held = Held(message.recipient, by=at)
    facts = [
        _standing(held, ConsentRecord.Subject.FRIEND, message.friend_status, at),
        _standing(held, ConsentRecord.Subject.CONSENT, message.consent, at),
    ]
    if message.triggered_at:
        facts.append(_dated("triggered_at", _("What it tells of happened"), "", "",
                            message.triggered_at, at))  # fmt: skip
    read = reading(
        message.rule,
        eligibility.Asked(message.service, template.category, at),
        switched_on=own_history.on_in(message.rules_version),
        has_values=bool(template.placeholders),
        has_rows=campaign is not None and "rows" in campaign.audience,
    )
    return tuple(facts), read


def decided_at(message: Message) -> datetime:
    """Return when a message's verdict was given: when it was written, or skipped by the claim."""
    return message.changed_at if message.status == Status.SKIPPED else message.queued_at


def _dated(
    name: str, label: str, value: str, source: str, observed_at: datetime | None, at: datetime
) -> Input:
    age = max(at - observed_at, timedelta()) if observed_at else None
    return Input(name, label, value, source, observed_at, age)


def _standing(held: Held, subject: str, value: str, at: datetime) -> Input:
    """Return consent or friend status, with the last statement of it that is held."""
    is_consent = subject == ConsentRecord.Subject.CONSENT
    name = "consent" if is_consent else "friend_status"
    label = _("LON consent") if is_consent else _("Friend status")
    shown = str((Consent if is_consent else FriendStatus)(value).label)
    record = held.newest(subject, value)
    if record is None:
        return Input(name, label, shown, str(Source.ASSUMED.label))
    undated = "" if record.is_dated else _("undated, as of when we were told")
    told = [str(record.get_source_display()), record.source_reference, undated]
    source = " · ".join(filter(None, told))
    return _dated(name, label, shown, source, record.observed_at, at)


def _erased(recipient: Recipient, at: datetime) -> Input:
    asked = _("yes") if recipient.erased_at else _("no")
    return _dated("erased", _("Asked to be forgotten"), asked, "", recipient.erased_at, at)


def _suppressed(held: Held, at: datetime) -> Input:
    label = _("Suppression list")
    in_force = (each for each in held.suppressions if each.until is None or each.until > at)
    found = next(in_force, None)
    if found is None:
        return Input("suppressed", label, _("not on it"))
    value = _("on it, for good")
    if found.until:
        value = _("on it until %(day)s") % {"day": found.until.date().isoformat()}
    source = _("suppression %(id)d") % {"id": found.pk}
    return _dated("suppressed", label, value, source, found.created_at, at)


def _opt_outs(recipient: Recipient, template: MessageTemplate, at: datetime) -> list[Input]:
    label = _("Opt-out from marketing")
    barred = Q(purpose="") | Q(purpose__iexact=template.purpose)
    found = recipient.opt_outs.filter(barred, ended_at__isnull=True).order_by("pk")
    return [
        _dated("opted_out", label, each.purpose or _("all marketing"),
               each.get_source_display(), each.opted_out_at, at)
        for each in found
    ] or [Input("opted_out", label, _("none"))]  # fmt: skip


def _history(
    recipient: Recipient, template: MessageTemplate, policy: Policy, *, at: datetime,
    triggered_at: datetime | None,
) -> list[Input]:  # fmt: skip
    """Return what the switched-on rules about our own history look at."""
    on = own_history.switched_on(policy, category=template.category)
    facts = []
    if "frequency_cap" in on:
        for n, limit, days in own_history.counts(
            recipient.pk, policy, category=template.category, at=at
        ):
            value = _("%(n)d of %(limit)d in %(days)d days") % {
                "n": n, "limit": limit, "days": days,
            }  # fmt: skip
            facts.append(Input("frequency", _("Messages to this person"), value))
    if "recently_refused" in on:
        label = _("The last message LINE told of")
        last = own_history.last_told(recipient.pk, policy, service=template.service)
        if last:
            facts.append(_dated("last_outcome", label, str(Status(last[0]).label), "", last[1], at))
        else:
            facts.append(Input("last_outcome", label, _("none")))
    if "trigger_too_old" in on:
        value = "" if triggered_at else _("not said")
        facts.append(_dated("triggered_at", _("What it tells of happened"), value, "",
                            triggered_at, at))  # fmt: skip
    return facts
