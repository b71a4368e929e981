"""Codes by which a customer proves a number once, and the nonces that LINE gives back for them.

The company gives a code to somebody it knows to own the number: on its own site, or by SMS.
https://developers.line.biz/en/docs/messaging-api/linking-accounts/
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.audit import chain
from recipients import erasure, linking
from recipients.intake import Invalid
from recipients.models import Link, LinkCode, LinkNonce, Recipient, Source

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that is read as another
LENGTH = 8
GOOD_FOR = timedelta(hours=24)
LONGEST = timedelta(days=7)
NONCE_GOOD_FOR = timedelta(minutes=10)  # as LINE's token
MOST_PER_DAY = 10  # codes of one number
EVIDENCE = "LINE account link"


class TooManyCodes(Exception):
    """The number got as many codes as it may within a day."""


class WrongCode(Exception):
    """No code that is good now reads so."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A code as it is shown once; afterwards only its digest is known."""

    code: str = field(repr=False)
    row: LinkCode

    @property
    def shown(self) -> str:
        """The code in two halves, as people read it."""
        return f"{self.code[:4]}-{self.code[4:]}"


@transaction.atomic
def issue(
    phone: Recipient, *, at: datetime, by: User | None, good_for: timedelta = GOOD_FOR
) -> Issued:
    """Make a code for a number; an earlier one of the number is void from now on.

    `by` None is an operator at the shell. Raises PermissionDenied, Invalid, TooManyCodes.
    """
    if by is not None:
        access.require(by, linking.KEEP, phone.account_id)
    phone = Recipient.objects.select_for_update().get(pk=phone.pk)
    if not phone.phone or phone.line_user_id:
        raise Invalid("phone", _("A code is for a person who is known by their number alone."))
    if not timedelta(0) < good_for <= LONGEST:
        raise Invalid("good_for", _("A code is good for at most seven days."))
    codes = LinkCode.objects.filter(phone_recipient=phone)
    if codes.filter(issued_at__gt=at - timedelta(days=1)).count() >= MOST_PER_DAY:
        raise TooManyCodes(
            _("This number got %(most)d codes within a day; wait until tomorrow.")
            % {"most": MOST_PER_DAY}
        )
    codes.filter(ended_at__isnull=True).update(ended_at=at)
    code = "".join(secrets.choice(ALPHABET) for _number in range(LENGTH))
    row = LinkCode.objects.create(
        account_id=phone.account_id,
        phone_recipient=phone,
        digest=erasure.digest(_named("code", phone.account_id, code)),
        issued_at=at,
        issued_by=by,
        expires_at=at + good_for,
    )
    chain.write(
        "link.code", subject=row, by=by, at=at, account_id=phone.account_id,
        phone_recipient=phone.pk,
    )  # fmt: skip
    return Issued(code, row)


@transaction.atomic
def enter(text: str, *, user: Recipient, at: datetime) -> str:
    """Return a new nonce for a LINE user who entered a code of their account.

    Who enters it first has it alone; their earlier nonces are void. Raises WrongCode. That wrong
    ones are counted is the caller's.
    """
    code = read(text)
    row = (
        LinkCode.objects.select_for_update()
        .filter(
            account=user.account_id,
            digest__in=erasure.digests(_named("code", user.account_id, code)),
            ended_at__isnull=True,
            expires_at__gt=at,
        )
        .first()
    )
    if not code or row is None or row.user_recipient_id not in (None, user.pk):
        raise WrongCode(_("This code is wrong, was used, or is too old."))
    row.user_recipient = user
    row.save(update_fields=["user_recipient"])
    LinkNonce.objects.filter(code=row, used_at__isnull=True).update(used_at=at)
    nonce = secrets.token_urlsafe(32)  # 256 bits; LINE takes 10 to 255 characters of base64
    LinkNonce.objects.create(
        code=row,
        user_recipient=user,
        digest=erasure.digest(_named("nonce", user.account_id, nonce)),
        made_at=at,
        expires_at=at + NONCE_GOOD_FOR,
    )
    return nonce


@transaction.atomic
def redeem(nonce: str, *, user: Recipient, occurred_at: datetime, at: datetime) -> Link | None:
    """Link the number that a nonce stands for to the LINE user who came back with it.

    None: it is unknown, used, too old by LINE's time, or another's, or what is known stands
    against it; of two links in conflict people are told.
    """
    found = (
        LinkNonce.objects.select_for_update(of=("self",))
        .select_related("code__phone_recipient")
        .filter(
            digest__in=erasure.digests(_named("nonce", user.account_id, nonce)),
            code__account=user.account_id,
        )
        .first()
    )
    if (
        not nonce
        or found is None
        or found.used_at is not None
        or found.expires_at <= occurred_at
        or found.user_recipient_id != user.pk
    ):
        return None
    ended = LinkCode.objects.filter(pk=found.code_id, ended_at__isnull=True).update(ended_at=at)
    LinkNonce.objects.filter(pk=found.pk).update(used_at=at)
    if not ended:
        return None  # a newer code made this one void, or it was used
    phone = found.code.phone_recipient
    try:
        with transaction.atomic():
            return linking.link(
                phone, user, at=at, by=None, source=Source.LINE, evidence=EVIDENCE,
                linked_at=min(at, max(occurred_at, found.made_at)),
            )  # fmt: skip
    except linking.StandsAgainst:
        linking.keep_conflict(phone, user, at=at, source=Source.LINE, evidence=EVIDENCE)
    except Invalid:
        pass  # one of the two was re-issued, changed or forgotten in between
    return None


def forget(recipient: Recipient) -> None:
    """Drop the codes of a person who asked to be forgotten, or whose number is another's."""
    LinkNonce.objects.filter(user_recipient=recipient).delete()
    LinkCode.objects.filter(user_recipient=recipient).delete()
    LinkCode.objects.filter(phone_recipient=recipient).delete()


def drop_old(account_id: int, *, until: datetime, most: int) -> int:
    """Delete codes and nonces that nobody could use any more at `until`; return how many."""
    over = Q(ended_at__lt=until) | Q(ended_at__isnull=True, expires_at__lt=until)
    nonces = LinkNonce.objects.filter(code__account=account_id, expires_at__lt=until)
    # A nonce is younger than its code, and goes with it.
    codes = LinkCode.objects.filter(over, account=account_id).exclude(nonces__expires_at__gte=until)
    gone = 0
    for rows in (nonces, codes):
        page = list(rows.order_by("pk").values_list("pk", flat=True)[:most])
        gone += rows.model.objects.filter(pk__in=page).delete()[0]
    return gone


def read(text: str) -> str:
    """Return a code as it was made, however it was typed; blank: it cannot be one."""
    letters = "".join(text[:60].split()).replace("-", "").upper()
    is_one = len(letters) == LENGTH and all(each in ALPHABET for each in letters)
    return letters if is_one else ""


def _named(kind: str, account_id: int, text: str) -> str:
    """Tombstones are digests under the same key; none may stand for the other."""
    return f"link {kind} {account_id}:{text}"
