"""The one way in for a single person: add or change a recipient, by the rules of `consent`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from lineportal import logs
from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from recipients import consent, erasure, evidence, phones, siblings, words
from recipients.models import Recipient, Source

ADD = "recipients.add_recipient"
CHANGE = "recipients.change_recipient"
ATTRIBUTES_LIMIT = 200  # names
TEXT_LIMIT = 10_000  # characters of one attribute
VERSION_LIMIT = 50  # characters

Conflict = consent.Conflict


class Invalid(Exception):
    """A value cannot be used; `field` says which."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class PersonExists(Exception):
    """The account has a person with this phone or LINE user id already."""


@dataclass(frozen=True, slots=True)
class Details:
    """What may be said of a person; None says nothing."""

    phone: str | None = None
    line_user_id: str | None = None
    consent: str | None = None
    friend_status: str | None = None
    attributes: Mapping[str, Any] | None = None
    tags: Sequence[str] | None = None  # replace the ones held
    observed_at: datetime | None = None  # when consent and friend status were true
    wording_version: str = ""  # of the text that the person agreed to or refused
    evidence: evidence.Evidence | None = None  # of consent and friend status


def add(
    account: OfficialAccount,
    details: Details,
    *,
    by: User,
    at: datetime,
    source: Source,
) -> Recipient:
    """Make a recipient. Raises PermissionDenied, Invalid, PersonExists, Conflict."""
    access.require(by, ADD, account)
    phone = read_phone(account, details.phone) if details.phone else None
    line_user_id = _read_user_id(details.line_user_id) if details.line_user_id else None
    if phone is None and line_user_id is None:
        raise Invalid("phone", _("Give a phone number or a LINE user id."))
    for field, text in (("phone", phone.e164 if phone else None), ("line_user_id", line_user_id)):
        if text and erasure.is_erased(account, text):
            raise Invalid(field, _("This person asked to be forgotten and cannot be added again."))
    given = _statement(details, by=by, at=at, source=source)
    try:
        with transaction.atomic():
            siblings.hold(phone.e164 if phone else None)
            recipient = Recipient.objects.create(
                account=account,
                phone=phone.e164 if phone else None,
                phone_country=phone.country if phone else "",
                phone_since=consent.phone_since(phone.e164) if phone else None,
                line_user_id=line_user_id,
                attributes=_read_attributes(details.attributes or {}),
                tags=_read_tags(details.tags or ()),
                created_at=at,
                updated_at=at,
            )
            inherit_consent(recipient, at=at)
            _take(recipient, details, given)
            chain.write("recipient.add", subject=recipient, by=by, at=at, account_id=account.pk)
    except IntegrityError as error:
        raise PersonExists(
            _("The account has a person with this phone number or LINE user id already.")
        ) from error
    return recipient


def change(
    recipient: Recipient, details: Details, *, by: User, at: datetime, source: Source
) -> Recipient:
    """Change what is given; attributes are merged. A phone or id that is set stays as it is.

    Raises PermissionDenied, Invalid, PersonExists, Conflict.
    """
    access.require(by, CHANGE, recipient.account_id)
    given = _statement(details, by=by, at=at, source=source)
    try:
        with transaction.atomic():
            siblings.hold(
                recipient.phone,
                read_phone(recipient.account, details.phone).e164 if details.phone else None,
            )
            recipient = consent.locked(recipient)
            if recipient.erased_at:
                raise Invalid("phone", _("This person asked to be forgotten; nothing is kept."))
            _set_address(recipient, details)
            if details.attributes is not None:
                recipient.attributes = {
                    **recipient.attributes,
                    **_read_attributes(details.attributes),
                }
            if details.tags is not None:
                recipient.tags = _read_tags(details.tags)
            recipient.updated_at = at
            recipient.save(
                update_fields=[
                    "phone", "phone_country", "phone_since", "closed_at", "line_user_id",
                    "attributes", "tags", "updated_at",
                ]
            )  # fmt: skip
            _take(recipient, details, given)
            chain.write(
                "recipient.change",
                subject=recipient,
                by=by,
                at=at,
                account_id=recipient.account_id,
            )
    except IntegrityError as error:
        raise PersonExists(
            _("Another person of the account has this phone number or LINE user id.")
        ) from error
    return recipient


def read_phone(account: OfficialAccount, text: str) -> phones.Phone:
    """Return the number, read as of the account's country; raises Invalid."""
    try:
        return phones.read(text, country=account.country)
    except phones.UnreadablePhone as error:
        raise Invalid("phone", _("The phone number was not understood: %s.") % error) from error


def inherit_consent(recipient: Recipient, *, at: datetime) -> None:
    """Give a new person the LON consent that another account's row of the phone holds.

    What was observed before the number was re-issued is its former owner's.
    """
    if not recipient.phone:
        return
    others = Recipient.objects.filter(phone=recipient.phone, consent_observed_at__isnull=False)
    if recipient.phone_since:
        others = others.filter(consent_observed_at__gte=recipient.phone_since)
    known = others.exclude(pk=recipient.pk).order_by("-consent_observed_at").first()
    if known and known.consent_observed_at:
        statement = consent.Statement(
            source=Source(known.consent_source),
            observed_at=known.consent_observed_at,
            is_dated=True,
            told_at=at,
            reference=f"recipient:{known.pk}",
        )
        consent.take(recipient, consent.CONSENT, known.consent, statement)


def statement(
    *,
    source: Source,
    at: datetime,
    by: User | None,
    observed_at: datetime | None = None,
    wording_version: str = "",
    given: evidence.Evidence | None = None,
    reference: str = "",
) -> consent.Statement:
    """Return a statement made at a door; without `observed_at` it is undated. Raises Invalid."""
    if observed_at and observed_at > at:
        raise Invalid("observed_at", _("This date lies in the future; give when it was observed."))
    version = wording_version.strip()
    if len(version) > VERSION_LIMIT or "\0" in version:
        raise Invalid(
            "wording_version",
            _("At most %(limit)d characters are kept.") % {"limit": VERSION_LIMIT},
        )
    if logs.masked(version) != version:  # it stays in the ledger for ever
        raise Invalid("wording_version", _("Name the wording without numbers or ids of anybody."))
    return consent.Statement(
        source=source,
        observed_at=observed_at or at,
        is_dated=observed_at is not None,
        told_at=at,
        reference=reference,
        by=by,
        wording_version=version,
        evidence=given,
    )


def read_evidence(
    text: str = "", *, file: bytes | None = None, file_name: str = "", content_type: str = ""
) -> evidence.Evidence | None:
    """Return what was given as evidence, or None; raises Invalid."""
    try:
        return evidence.read(text, file=file, file_name=file_name, content_type=content_type)
    except evidence.Unusable as error:
        raise Invalid("evidence", str(error)) from error


def _take(recipient: Recipient, details: Details, statement: consent.Statement) -> None:
    is_recorded = False
    for subject, value, read, field in (
        (consent.CONSENT, details.consent, words.consent, "consent"),
        (consent.FRIEND, details.friend_status, words.friend_status, "friend_status"),
    ):
        if value is None:
            continue
        try:
            word = read(value)
        except words.UnknownWord as error:
            raise Invalid(field, _("Not understood: %s.") % error) from error
        is_recorded |= consent.take(recipient, subject, word, statement)
    if statement.evidence and not is_recorded:
        raise Invalid(
            "evidence",
            _("Nothing new was stated, so there is no record that this could prove; give consent or"
              " friend status, and when it was observed."),
        )  # fmt: skip


def _set_address(recipient: Recipient, details: Details) -> None:
    if details.phone:
        phone = read_phone(recipient.account, details.phone)
        if recipient.phone and recipient.phone != phone.e164:
            raise Invalid(
                "phone",
                _("A person's number stays; a new number is a new person. Add that one."),
            )
        if erasure.is_erased(recipient.account, phone.e164):
            raise Invalid("phone", _("The owner of this number asked to be forgotten."))
        recipient.phone, recipient.phone_country = phone.e164, phone.country
        recipient.phone_since = consent.phone_since(phone.e164)
    if details.line_user_id:
        line_user_id = _read_user_id(details.line_user_id)
        if recipient.line_user_id and recipient.line_user_id != line_user_id:
            raise Invalid("line_user_id", _("A person's LINE user id stays; add a new person."))
        if erasure.is_erased(recipient.account, line_user_id):
            raise Invalid("line_user_id", _("The owner of this id asked to be forgotten."))
        recipient.line_user_id = line_user_id
    if details.phone or details.line_user_id:
        recipient.closed_at = None  # there is an address again


def _read_user_id(text: str) -> str:
    try:
        return words.line_user_id(text)
    except words.UnreadableUserId as error:
        raise Invalid("line_user_id", _("Not understood: %s.") % error) from error


def _read_tags(tags: Sequence[str]) -> list[str]:
    try:
        return words.tags(tags)
    except words.UnreadableTags as error:
        raise Invalid("tags", str(error)) from error


def _read_attributes(attributes: Mapping[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str | int | float | None) for value in attributes.values()):
        raise Invalid("attributes", _("Give each attribute as a text or a number."))
    read = {
        name.strip(): str(value)
        for name, value in attributes.items()
        if name.strip() and value is not None and value != ""
    }
    if len(read) > ATTRIBUTES_LIMIT or any(len(value) > TEXT_LIMIT for value in read.values()):
        raise Invalid(
            "attributes",
            _("At most %(names)d attributes of at most %(length)d characters are kept.")
            % {"names": ATTRIBUTES_LIMIT, "length": TEXT_LIMIT},
        )
    return read


def _statement(details: Details, *, by: User, at: datetime, source: Source) -> consent.Statement:
    return statement(
        source=source,
        at=at,
        by=by,
        observed_at=details.observed_at,
        wording_version=details.wording_version,
        given=details.evidence,
    )
