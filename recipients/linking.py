"""Link a number's person to a LINE user, and end links. Nothing here merges two people.

At most one open link for each side; one that stands against a new one is ended by people alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.audit import chain
from recipients import consent, erasure
from recipients.intake import Invalid
from recipients.models import Link, LinkConflict, LinkEnd, Recipient, Source

VIEW = "recipients.view_link"
VIEW_CONFLICT = "recipients.view_linkconflict"
KEEP = "recipients.keep_link"
EVIDENCE_LIMIT = 200  # characters


class StandsAgainst(Exception):
    """Another link of the number or of the LINE user is open; the text says what to do."""


class AlreadyEnded(Exception):
    """The link ended before, or the conflict was decided before."""


def of(recipient: Recipient) -> Link | None:
    """Return the open link of a person of either side, with both rows."""
    sides = Q(phone_recipient=recipient) | Q(user_recipient=recipient)
    return open_links().filter(sides).select_related("phone_recipient", "user_recipient").first()


def open_links() -> QuerySet[Link]:
    """Return the links that have not ended, stale ones too."""
    return Link.objects.filter(ended_at__isnull=True)


def is_stale(link: Link, *, at: datetime, days: int) -> bool:
    """Return whether a link is too old to be sent by until somebody confirms it again."""
    return link.confirmed_at <= at - timedelta(days=days)


def users_of(
    phone_recipients: Iterable[int], *, at: datetime, days: int
) -> dict[int, tuple[int, int]]:
    """Return (LINE user's row, link) by the number's row, of links that may be sent by."""
    fresh = open_links().filter(
        phone_recipient__in=list(phone_recipients),
        phone_recipient__line_user_id__isnull=True,
        confirmed_at__gt=at - timedelta(days=days),
    )
    return {
        phone: (user, link)
        for phone, user, link in fresh.values_list("phone_recipient", "user_recipient", "pk")
    }


@transaction.atomic
def link(
    phone: Recipient,
    user: Recipient,
    *,
    at: datetime,
    by: User | None,
    source: Source,
    evidence: str = "",
    linked_at: datetime | None = None,
) -> Link:
    """Link the two and return the link; the same link again is confirmed.

    `by` None is an operator at the shell, or LINE. Raises PermissionDenied, Invalid,
    StandsAgainst.
    """
    if by is not None:
        access.require(by, KEEP, phone.account_id)
    phone, user = _locked(phone, user)
    evidence = evidence.strip()
    if len(evidence) > EVIDENCE_LIMIT or "\0" in evidence:
        raise Invalid(
            "evidence",
            _("Say how it is known in at most %(limit)d characters.") % {"limit": EVIDENCE_LIMIT},
        )
    if linked_at is not None and linked_at > at:
        raise Invalid("linked_at", _("The time when they were linked lies in the future."))
    since = linked_at or at
    if phone.phone_since is not None and since < phone.phone_since:
        raise Invalid("linked_at", consent.reissued_sentence(phone.phone_since.date().isoformat()))
    open_now = list(_standing(phone, user).select_for_update())
    same = [one for one in open_now if _is_same(one, phone, user)]
    if same:
        return _confirm(same[0], by=by, at=since, told_at=at)
    if open_now:
        raise StandsAgainst(
            _("This number or this LINE user is linked to another already; end that link first.")
        )
    made = Link.objects.create(
        account_id=phone.account_id,
        phone_recipient=phone,
        user_recipient=user,
        linked_at=since,
        confirmed_at=since,
        source=source,
        evidence=evidence,
    )
    _settle_same(phone, user, by=by, at=at)
    _state(made, phone, user, at=at)
    _audit("link.make", made, by=by, at=at, source=source)
    return made


@transaction.atomic
def confirm(link: Link, *, by: User | None, at: datetime) -> Link:
    """Say that the link is still right, which makes it young again.

    Raises PermissionDenied, AlreadyEnded.
    """
    if by is not None:
        access.require(by, KEEP, link.account_id)
    _locked(link.phone_recipient, link.user_recipient)
    link = _open(link)
    return _confirm(link, by=by, at=at, told_at=at)


@transaction.atomic
def end(link: Link, *, at: datetime, by: User | None, reason: str = LinkEnd.PERSON) -> Link:
    """End a link; both rows keep what they hold. Raises PermissionDenied, AlreadyEnded."""
    if by is not None:
        access.require(by, KEEP, link.account_id)
    link = _open(link)
    link.ended_at, link.ended_by, link.end_reason = at, by, reason
    link.save(update_fields=["ended_at", "ended_by", "end_reason"])
    _audit("link.end", link, by=by, at=at, reason=str(reason))
    return link


@transaction.atomic
def unlink(user: Recipient, *, at: datetime) -> bool:
    """End the link of a LINE user who asked for it; return whether there was one."""
    found = open_links().filter(user_recipient=user).first()
    if found is None:
        return False
    end(found, at=at, by=None, reason=LinkEnd.CUSTOMER)
    return True


def end_all(recipients: Collection[int], *, at: datetime, by: User | None, reason: str) -> None:
    """End the links of these people, in the caller's transaction and audit entry."""
    sides = Q(phone_recipient__in=recipients) | Q(user_recipient__in=recipients)
    open_links().filter(sides).update(ended_at=at, ended_by=by, end_reason=reason)


def keep_conflict(
    phone: Recipient, user: Recipient, *, at: datetime, source: Source, evidence: str = ""
) -> LinkConflict:
    """Keep for people to decide that the two were proven one, while another link stands."""
    made, is_new = LinkConflict.objects.get_or_create(
        phone_recipient=phone,
        user_recipient=user,
        settled_at=None,
        defaults={
            "account_id": phone.account_id,
            "source": source,
            "evidence": evidence,
            "arose_at": at,
        },
    )
    if is_new:
        chain.write(
            "link.conflict", subject=made, by=None, at=at, account_id=phone.account_id,
            phone_recipient=phone.pk, user_recipient=user.pk,
        )  # fmt: skip
    return made


@transaction.atomic
def settle(conflict: LinkConflict, *, anew: bool, by: User, at: datetime) -> Link | None:
    """Decide a conflict: end what stands against it and link anew, or leave all as it is.

    Raises PermissionDenied, AlreadyEnded, Invalid.
    """
    access.require(by, KEEP, conflict.account_id)
    phone, user = _locked(conflict.phone_recipient, conflict.user_recipient, are_usable=anew)
    conflict = LinkConflict.objects.select_for_update().get(pk=conflict.pk)
    if conflict.settled_at is not None:
        raise AlreadyEnded(_("Somebody decided this already; look at the links as they are now."))
    conflict.settled_at, conflict.settled_by, conflict.is_linked = at, by, anew
    conflict.save(update_fields=["settled_at", "settled_by", "is_linked"])
    made = None
    if anew:
        for standing in _standing(phone, user):
            if not _is_same(standing, phone, user):
                end(standing, at=at, by=by, reason=LinkEnd.RELINKED)
        made = link(
            phone, user, at=at, by=by, source=Source(conflict.source), evidence=conflict.evidence
        )
    chain.write(
        "link.settle", subject=conflict, by=by, at=at, account_id=conflict.account_id,
        is_linked=anew,
    )  # fmt: skip
    return made


def forget(recipient: Recipient, *, at: datetime, by: User | None) -> None:
    """End and empty what links a person who asked to be forgotten, in the caller's transaction."""
    end_all([recipient.pk], at=at, by=by, reason=LinkEnd.ERASED)
    sides = Q(phone_recipient=recipient) | Q(user_recipient=recipient)
    Link.objects.filter(sides).exclude(evidence="").update(evidence="")
    LinkConflict.objects.filter(sides).update(evidence="")
    LinkConflict.objects.filter(sides, settled_at__isnull=True).update(
        settled_at=at, settled_by=by, is_linked=False
    )


def _locked(
    phone: Recipient, user: Recipient, *, are_usable: bool = True
) -> tuple[Recipient, Recipient]:
    """Return both rows as they are now, locked in the order of ids. Raises Invalid."""
    rows = Recipient.objects.filter(pk__in=[phone.pk, user.pk])
    found = {row.pk: row for row in rows.order_by("pk").select_for_update()}
    phone, user = found[phone.pk], found[user.pk]
    if are_usable:
        if phone.account_id != user.account_id or phone.pk == user.pk:
            raise Invalid("line_user_id", _("Link two different people of one account."))
        if not phone.phone:
            raise Invalid("phone", _("This person has no number that could be linked."))
        if not user.line_user_id:
            raise Invalid("line_user_id", _("This person has no LINE user id to be linked."))
        if phone.line_user_id or user.phone:
            raise Invalid(
                "line_user_id",
                _("One of the two holds both a number and a LINE user id already; correct that"
                  " person first."),
            )  # fmt: skip
    return phone, user


def _standing(phone: Recipient, user: Recipient) -> QuerySet[Link]:
    return open_links().filter(Q(phone_recipient=phone) | Q(user_recipient=user)).order_by("pk")


def _is_same(link: Link, phone: Recipient, user: Recipient) -> bool:
    return link.phone_recipient_id == phone.pk and link.user_recipient_id == user.pk


def _open(link: Link) -> Link:
    link = Link.objects.select_for_update().get(pk=link.pk)
    if link.ended_at is not None:
        raise AlreadyEnded(_("This link has ended already."))
    return link


def _confirm(link: Link, *, by: User | None, at: datetime, told_at: datetime) -> Link:
    if at > link.confirmed_at:
        link.confirmed_at = at
        link.save(update_fields=["confirmed_at"])
        _audit("link.confirm", link, by=by, at=told_at)
    return link


def _settle_same(phone: Recipient, user: Recipient, *, by: User | None, at: datetime) -> None:
    """What people had still to decide is decided by the link itself."""
    LinkConflict.objects.filter(
        phone_recipient=phone, user_recipient=user, settled_at__isnull=True
    ).update(settled_at=at, settled_by=by, is_linked=True)


def _state(link: Link, phone: Recipient, user: Recipient, *, at: datetime) -> None:
    """Say of the number what is known of its LINE user, where that is newer or more careful."""
    known = user.ledger.filter(subject=consent.FRIEND).order_by("-pk").first()
    if known is None:
        return
    statement = consent.Statement(
        source=Source(known.source),
        observed_at=known.observed_at,
        is_dated=known.is_dated,
        told_at=at,
        reference=f"link:{link.pk}",
    )
    if entry := consent.stated(phone, known.value, statement):
        entry.save(force_insert=True)
        phone.save(update_fields=consent.FRIEND_FIELDS)


def _audit(action: str, link: Link, *, by: User | None, at: datetime, **facts: str) -> None:
    chain.write(
        action, subject=link, by=by, at=at, account_id=link.account_id,
        phone_recipient=link.phone_recipient_id, user_recipient=link.user_recipient_id,
        evidence_digest=erasure.digest(link.evidence) if link.evidence else "", **facts,
    )  # fmt: skip
