"""One-off messages of API callers, each made once per idempotency key; and sending again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.audit import chain
from lineportal.sending import audience, campaigns, lanes, linked, retries, routing
from lineportal.sending.models import Message, RequestKey
from lineportal.sending.statuses import Status, Verdict
from recipients import eligibility, erasure, intake, siblings, words
from recipients.intake import Invalid
from recipients.models import Recipient
from templates_app import content, rendering, workflow
from templates_app.models import MessageTemplate, State

SEND = "sending.send_message"
SETTLE = "sending.settle_message"
ENDPOINT = "messages"
# What a person may send again, having seen the risk.
REPEATABLE = (Status.UNCERTAIN, Status.FAILED, Status.REFUSED, Status.EXPIRED)


class KeyReused(Exception):
    """The idempotency key was used before, for something else."""


class CannotSendAgain(Exception):
    """The message is not in a status from which a person may send it again."""


def request(
    account: OfficialAccount,
    *,
    template: MessageTemplate,
    phone: str | None,
    line_user_id: str | None,
    values: Mapping[str, Any],
    key: str,
    body: Any,
    by: User,
    at: datetime,
    not_after: datetime | None = None,
    triggered_at: datetime | None = None,
) -> Message:
    """Make one message, queued or skipped; a repeat of the key answers the first one.

    `body` is the caller's request, compared between repeats. Raises PermissionDenied, Invalid,
    KeyReused.
    """
    if made := earlier(account, key=key, body=body, by=by):
        return made
    try:
        with transaction.atomic():
            road = Road.objects.filter(account=account, service=template.service).first()
            if road is None:
                raise Invalid(
                    "template",
                    _("The account has no road for the service “%(service)s”.")
                    % {"service": template.service},
                )
            if problem := routing.unfit(road, template):
                raise Invalid("template", problem)
            recipient = _recipient(account, phone=phone, line_user_id=line_user_id, at=at)
            link = None
            if (
                phone
                and template.service == eligibility.OA
                and recipient.line_user_id is None
                and (found := linked.user_of(recipient, at=at))
            ):
                values = linked.filled(
                    template.placeholders,
                    values,
                    found[0].attributes,
                    number=recipient.attributes,
                )
                recipient, link = found
            if recipient.erased_at:
                values = {}  # nothing is kept of somebody who asked to be forgotten
            _check_values(template, recipient, values)
            pk = audience.write_one(
                recipient,
                template,
                at=at,
                values=values,
                not_after=not_after,
                by=by.pk,
                triggered_at=triggered_at,
                link=link,
            )
            message = Message.objects.get(pk=pk)
            if message.verdict != Verdict.EXCLUDED and not_after and not_after <= at:
                message.status, message.detail = Status.CANCELLED, "too_late"
                message.save(update_fields=["status", "detail"])
            is_kept = recipient.erased_at is None
            RequestKey.objects.create(
                account=account,
                endpoint=ENDPOINT,
                key=key if is_kept else erasure.digest(key),
                body_sha256=_digest(body) if is_kept else erasure.digest(_digest(body)),
                message=message,
            )
            Road.objects.filter(pk=road.pk, used_at__isnull=True).update(used_at=at)
            if message.status == Status.QUEUED:
                lanes.wake_road(road.pk)
            chain.write(
                "message.request",
                subject=message,
                by=by,
                at=at,
                account_id=account.pk,
                verdict=message.verdict,
                rule=message.rule,
            )
            return message
    except IntegrityError:
        # Somebody else used the key while we worked; theirs is the first.
        if made := earlier(account, key=key, body=body, by=by):
            return made
        raise


@transaction.atomic
def send_again(message: Message, *, by: User, at: datetime) -> Message:
    """Queue a message once more under a new reference; a person decides this, seeing the risk.

    A finished campaign runs again for it. Raises PermissionDenied, CannotSendAgain.
    """
    access.require(by, SETTLE, message.account_id)
    if message.campaign_id is not None:  # the campaign's lock comes first, as when it is cancelled
        try:
            campaigns.reopen(message.campaign_id, by=by, at=at)
        except campaigns.WrongState as refusal:
            raise CannotSendAgain(str(refusal)) from refusal
    message = (
        Message.objects.select_for_update(of=("self",))
        .select_related("template")
        .get(pk=message.pk)
    )
    if message.status not in REPEATABLE or message.reference is None:
        raise CannotSendAgain(
            _("Only a message that is uncertain, failed, refused or expired is sent again; this"
              " one is %(status)s.") % {"status": message.status}
        )  # fmt: skip
    if message.template.state != State.APPROVED:
        raise CannotSendAgain(_("Its template is not approved any more, so it is not sent again."))
    if problem := workflow.unsendable(message.template):
        raise CannotSendAgain(problem)
    if message.erased_at is not None:
        raise CannotSendAgain(_("This person asked to be forgotten; nothing is sent any more."))
    if message.values_dropped_at is not None:
        raise CannotSendAgain(
            _("What it said is not kept any more, by the account's retention; send a new one.")
        )
    if message.not_after is not None and message.not_after <= at:
        raise CannotSendAgain(_("The time until which it was to be sent has passed."))
    retries.requeue([message.pk], at=at)
    message.refresh_from_db()
    lanes.wake_service(message.account_id, message.service)
    chain.write("message.again", subject=message, by=by, at=at, account_id=message.account_id)
    return message


def earlier(account: OfficialAccount, *, key: str, body: Any, by: User) -> Message | None:
    """Return the message that this key made before, None where it is new.

    Raises PermissionDenied, Invalid where it cannot be a key, KeyReused.
    """
    access.require(by, SEND, account)
    if not 0 < len(key) <= 255 or not key.isprintable():
        raise Invalid(
            "Idempotency-Key",
            _("Give the header Idempotency-Key: a text of your own, at most 255 characters."),
        )
    # A caller's key and body may name the person; once that one is erased, digests stand there.
    used = (
        RequestKey.objects.filter(
            account=account, endpoint=ENDPOINT, key__in=[key, *erasure.digests(key)]
        )
        .select_related("message__template")
        .first()
    )
    if used is None:
        return None
    given = _digest(body)
    if used.body_sha256 not in {given, *erasure.digests(given)}:
        raise KeyReused(
            _("This Idempotency-Key was used for another message; use a new key for a new one.")
        )
    return used.message


def _digest(body: Any) -> str:
    return hashlib.sha256(rendering.canonical(body)).hexdigest()


def _recipient(
    account: OfficialAccount,
    *,
    phone: str | None,
    line_user_id: str | None,
    at: datetime,
) -> Recipient:
    """Return the person; an unknown one is recorded as not set and not a friend."""
    if bool(phone) == bool(line_user_id):
        raise Invalid("phone", _("Give either a phone number or a LINE user id."))
    fields: dict[str, Any]
    if phone:
        number = intake.read_phone(account, phone)
        fields = {"phone": number.e164}
        extra = {"phone_country": number.country}
    else:
        try:
            fields, extra = {"line_user_id": words.line_user_id(str(line_user_id))}, {}
        except words.UnreadableUserId as error:
            raise Invalid("line_user_id", str(error)) from error
    if forgotten := erasure.forgotten(account, *fields.values()):
        return forgotten  # the rule `erased` excludes the message
    if known := Recipient.objects.filter(account=account, **fields).first():
        return known
    siblings.hold(fields.get("phone"))
    recipient, is_new = Recipient.objects.get_or_create(
        account=account,
        **fields,
        defaults={**extra, "created_at": at, "updated_at": at},
    )
    if is_new:
        intake.inherit_consent(recipient, at=at)
    return recipient


def _check_values(
    template: MessageTemplate, recipient: Recipient, values: Mapping[str, Any]
) -> None:
    """Raise Invalid where a value given by the caller makes a text too long for LINE."""
    merged = {
        **recipient.attributes,
        **{name: str(value) for name, value in values.items()},
    }
    if set(template.placeholders) - set(merged):
        return  # the rule `missing_values` excludes it, and is kept on the message
    for part in content.parts(
        template.content,
        service=template.service,
        category=template.category,
        language=template.language,
    ):
        length = content.utf16_units(rendering.fill_text(part.text, merged, is_url=part.is_url))
        if length > part.limit:
            raise Invalid(
                "values",
                _("%(place)s would have %(length)d characters; LINE allows %(limit)d. Shorten"
                  " the value.") % {"place": part.place, "length": length, "limit": part.limit},
            )  # fmt: skip
