"""Who may be written to: the rules about the person, each one SQL condition, in order.

The first rule that matches excludes and is the one reported. The same definition selects, counts
and explains; rules about our own history and the message's values are in `sending/audience.py`.
The table is LINE's (notification messages, consent x friend status): first blocked, then rejected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, CharField, Exists, OuterRef, Q, Value, When
from django.db.models.expressions import RawSQL
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from recipients.models import (
    Consent,
    FriendStatus,
    MarketingOptOut,
    Recipient,
    Suppression,
)
from recipients.phones import SERVED

# Changes whenever one of RULES is added or changes its meaning. A rule about the message, such as
# `link_ended`, has no part in it: what it looked at, such as the link, stands with the message.
VERSION = "2026-11-2"

LON = "lon"
OA = "oa"


@dataclass(frozen=True, slots=True)
class Asked:
    """For what kind of message, and at which moment, eligibility is asked."""

    service: str  # "lon" or "oa"
    category: str  # "transactional" or "marketing"
    at: datetime
    purpose: str = ""  # the template's; an opt-out from it bars marketing of that purpose only


@dataclass(frozen=True, slots=True)
class Rule:
    code: str  # stored on skipped messages and shown in reports: never rename
    reason: Promise  # one sentence for people
    excludes: Callable[[Asked], Q]
    applies: Callable[[Asked], bool] = lambda asked: True


def _is_lon(asked: Asked) -> bool:
    return asked.service == LON


def _is_oa(asked: Asked) -> bool:
    return asked.service == OA


def _is_marketing(asked: Asked) -> bool:
    return asked.category == "marketing"


def _suppressed(asked: Asked) -> Q:
    in_force = Suppression.objects.filter(
        account=OuterRef("account"), phone=OuterRef("phone"), lifted_at__isnull=True
    ).filter(Q(until__isnull=True) | Q(until__gt=asked.at))
    return Q(Exists(in_force))


def _opted_out(asked: Asked) -> Q:
    in_force = MarketingOptOut.objects.filter(recipient=OuterRef("pk"), ended_at__isnull=True)
    barred = Q(purpose="")
    if asked.purpose:
        barred |= Q(purpose__iexact=asked.purpose)
    return Q(Exists(in_force.filter(barred)))


RULES = (
    Rule(
        "erased",
        _("The person asked to be forgotten."),
        lambda asked: Q(erased_at__isnull=False),
    ),
    Rule("suppressed", _("The number is on the suppression list."), _suppressed),
    Rule(
        "no_phone",
        _("We hold no phone number, and a notification goes to a number."),
        lambda asked: Q(phone__isnull=True),
        _is_lon,
    ),
    Rule(
        "no_line_user_id",
        _("We hold no LINE user id, and a two-way message goes to one."),
        lambda asked: Q(line_user_id__isnull=True),
        _is_oa,
    ),
    Rule(
        "country_not_served",
        _("LINE delivers notifications only to numbers of Japan, Thailand and Taiwan."),
        lambda asked: ~Q(phone_country__in=SERVED),
        _is_lon,
    ),
    Rule(
        "blocked",
        _("The person blocked the Official Account; LINE would accept and drop the message."),
        lambda asked: Q(friend_status=FriendStatus.BLOCKED),
    ),
    Rule(
        "consent_rejected",
        _("The person switched LINE notification messages off; LINE would refuse."),
        lambda asked: Q(consent=Consent.REJECTED),
        _is_lon,
    ),
    Rule(
        "not_friend",
        _("Two-way messages go to friends of the Official Account only."),
        lambda asked: ~Q(friend_status=FriendStatus.FRIEND),
        _is_oa,
    ),
    Rule(
        "opted_out",
        _("The person asked us for no marketing."),
        _opted_out,
        _is_marketing,
    ),
)


def first_excluding(asked: Asked, *more: When) -> Case:
    """Return an expression over recipients: the code of the first rule that excludes, or "".

    `more` are branches of later rules, in their order.
    """
    return Case(
        *(
            When(rule.excludes(asked), then=Value(rule.code))
            for rule in RULES
            if rule.applies(asked)
        ),
        *more,
        default=Value(""),
        output_field=CharField(),
    )


def excluded(recipient_ids: list[int], asked: Asked) -> dict[int, str]:
    """Return rule code by recipient id for those of the given ones who are excluded now."""
    # One array instead of a parameter for each: a worker asks this of a thousand at a time.
    given = RawSQL("SELECT unnest(%s::bigint[])", [f"{{{','.join(map(str, recipient_ids))}}}"])
    rows = (
        Recipient.objects.filter(pk__in=given)
        .annotate(rule=first_excluding(asked))
        .exclude(rule="")
    )
    return dict(rows.values_list("pk", "rule"))


def verdict(recipient: Recipient, asked: Asked) -> tuple[str, str]:
    """Return (verdict, rule) for one person by the rules about the person alone."""
    rule = excluded([recipient.pk], asked).get(recipient.pk, "")
    return verdict_of(rule, service=asked.service, consent=recipient.consent), rule


def verdict_of(rule: str, *, service: str, consent: str) -> str:
    """Return what follows from the first rule that excludes, or from there being none."""
    if rule:
        return "excluded"
    if service == LON and consent == Consent.NOT_SET:
        return "send_pending_consent"
    return "send"
