"""Forget a person in everything sent to and heard of them, together with their record.

What decided and what was counted stays; the audit chain, which holds ids only, is not touched.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

import phonenumbers
from django.contrib.auth.models import User
from django.db import connection, transaction

from lineportal.accounts import access
from lineportal.conversations import keeping
from lineportal.logs import MASK
from lineportal.sending import forwards, inbox, senders
from lineportal.sending.models import Attempt, Campaign, CampaignRow, Message, RequestKey
from lineportal.sending.statuses import SOURCES, Status, Verdict
from recipients import eligibility, erasure, link_codes, linking, requests, uploads, upsert
from recipients.models import Recipient, RecipientImport
from recipients.sheets import encodings

# Texts that people wrote, or that quote a file; each may name somebody. Then the account's column.
_TEXTS = (
    ("recipients_recipientimport", ("file_name", "source_text", "problem"), "account_id"),
    ("recipients_suppression", ("reason",), "account_id"),
    ("sending_stop", ("reason",), "account_id"),
    ("sending_campaign", ("stop_reason",), "account_id"),
    ("django_admin_log", ("object_repr", "change_message"), ""),
)
# A provider's words are kept where they are a code of ours, which names nobody.
CODE = r"^[a-z_]{0,40}$"
# Keys of a campaign's filter that name people.
_NAMING = {"phones", "line_user_ids"}
_DIGIT = re.compile(r"\d")


def erase(recipient: Recipient, *, at: datetime, by: User | None, reason: str = "") -> Recipient:
    """Erase the person, and their messages' addresses and values; what is queued is skipped.

    Raises PermissionDenied. What is unread of the inbox and names them is read first, so that
    nothing of it comes after. Who is erased already stays as is.
    """
    if by is not None:
        access.require(by, erasure.ERASE, recipient.account_id)
    recipient.refresh_from_db()
    inbox.read_naming(recipient.account_id, names_in_bodies(recipient), at=at)
    return _erase(recipient, at=at, by=by, reason=reason)


@transaction.atomic
def _erase(recipient: Recipient, *, at: datetime, by: User | None, reason: str) -> Recipient:
    with connection.cursor() as cursor:
        # An import that is being written may hold the person in rows that it has judged already.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [upsert.LOCK, recipient.account_id])
    # Locked as `erasure.erase` does first of all, so that what is read here is what goes.
    recipient = Recipient.objects.select_for_update().get(pk=recipient.pk)
    if recipient.erased_at is not None:
        return recipient
    names = names_in_bodies(recipient)
    line_user_id = recipient.line_user_id
    messages = Message.objects.filter(recipient=recipient)
    messages.filter(status__in=SOURCES[Status.SKIPPED]).update(
        status=Status.SKIPPED,
        verdict=Verdict.EXCLUDED,
        rule="erased",
        rules_version=eligibility.VERSION,
        changed_at=at,
    )
    _empty_messages(recipient, at=at)
    CampaignRow.objects.filter(recipient=recipient).update(values={}, item="")
    _seal_requests(recipient)
    keeping.forget(recipient, at=at)
    _empty_webhooks(recipient.account_id, line_user_id or "", names, at=at)
    for phone in numbers_of(recipient):
        _empty_refused_rows(recipient.account_id, phone, line_user_id)
        _drop_trials(recipient.account_id, phone, line_user_id)
        _take_out_of_texts(recipient.account_id, phone, line_user_id)
        _take_out_of_audiences(recipient, phone)
    requests.forget_words(recipient)
    linking.forget(recipient, at=at, by=by)
    link_codes.forget(recipient)
    # Last, as it ends with the audit entry.
    return erasure.erase(recipient, at=at, by=by, reason=reason)


def numbers_of(recipient: Recipient) -> list[str | None]:
    """Return the numbers that stand for the person in what is kept, or one None."""
    return [number for number in (recipient.phone, recipient.former_phone) if number] or [None]


def names_in_bodies(recipient: Recipient) -> list[bytes]:
    """Return what a webhook's body may name the person by: id, number, and our delivery tags."""
    names = [recipient.line_user_id or ""]
    names += [(phone or "").removeprefix("+") for phone in numbers_of(recipient)]
    mine = Message.objects.filter(recipient=recipient, reference__isnull=False)
    references = list(mine.values_list("reference", flat=True))
    references += Attempt.objects.filter(message__recipient=recipient).values_list(
        "reference", flat=True
    )
    for reference in references:
        if reference is not None:
            names += [reference.hex, str(reference)]
    return [name.encode() for name in names if name]


def _empty_messages(recipient: Recipient, *, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sending_message SET address = '', values = '{}', erased_at = %s,
                item = CASE WHEN item = '' THEN '' ELSE 'erased ' || id END,
                detail = CASE WHEN detail ~ %s THEN detail ELSE '' END
            WHERE recipient_id = %s
            """,
            [at, CODE, recipient.pk],
        )
        cursor.execute(
            """
            UPDATE sending_attempt SET detail = ''
            FROM sending_message message
            WHERE message.id = message_id AND message.recipient_id = %s
              AND sending_attempt.detail !~ %s
            """,
            [recipient.pk, CODE],
        )


def _seal_requests(recipient: Recipient) -> None:
    """Replace what a caller named a request by; a repeat is still known, see `messages.earlier`."""
    for request in RequestKey.objects.filter(message__recipient=recipient):
        request.key = erasure.digest(request.key)
        request.body_sha256 = erasure.digest(request.body_sha256)
        request.save(update_fields=["key", "body_sha256"])


def _empty_webhooks(
    account_id: int, line_user_id: str, names: list[bytes], *, at: datetime
) -> None:
    """Empty what was read; a body goes as a whole, for what it said stands in its events.

    So it cannot be passed on any more.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM sending_webhookdelivery
            WHERE account_id = ANY(%(accounts)s) AND read_at IS NOT NULL AND (
                EXISTS (SELECT FROM unnest(%(names)s::bytea[]) AS name
                        WHERE position(name IN body) > 0)
                OR (%(user)s <> '' AND id IN (
                    SELECT delivery_id FROM sending_webhookevent
                    WHERE account_id = %(account)s AND line_user_id = %(user)s)))
            """,
            {
                "account": account_id,
                "accounts": senders.told_with(account_id),
                "names": names,
                "user": line_user_id,
            },
        )
        ids = [pk for (pk,) in cursor.fetchall()]
        forwards.drop(ids, at=at)
        cursor.execute("UPDATE sending_webhookdelivery SET body = '' WHERE id = ANY(%s)", [ids])
        cursor.execute(
            """
            UPDATE sending_webhookevent SET line_user_id = '', payload = '{}'
            WHERE account_id = %(account)s AND (
                (%(user)s <> '' AND line_user_id = %(user)s)
                OR EXISTS (SELECT FROM unnest(%(names)s::text[]) AS name
                           WHERE position(name IN payload::text) > 0))
            """,
            {
                "account": account_id,
                "names": [name.decode() for name in names],
                "user": line_user_id,
            },
        )


def _empty_refused_rows(account_id: int, phone: str | None, line_user_id: str | None) -> None:
    """Empty the refused rows that are about the person, or name them in some cell."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE recipients_importrefusal SET cells = NULL, phone = NULL, line_user_id = NULL
            FROM recipients_recipientimport job
            WHERE job.id = recipient_import_id AND job.account_id = %s AND (
                recipients_importrefusal.phone = %s
                OR recipients_importrefusal.line_user_id = %s OR cells::text ~* ANY(%s))
            """,
            [account_id, phone, line_user_id, list(patterns(phone, line_user_id))],
        )


def _drop_trials(account_id: int, phone: str | None, line_user_id: str | None) -> None:
    """Drop the kept files of finished dry runs that name the person, or may.

    A workbook is compressed and other encodings are many, so only a file in UTF-8 that has no such
    digits in a row is kept. A file that still waits is read soon, without the person.
    """
    trials = RecipientImport.objects.filter(
        account_id=account_id, is_dry_run=True, state=RecipientImport.State.FINISHED
    )
    for trial in trials.filter(parts__isnull=False).distinct():
        with uploads.opened(trial) as file:
            may_name = trial.encoding != encodings.NAMES["utf-8-sig"] or _is_named(
                file, _digits_of(phone), line_user_id or ""
            )
        if may_name:
            uploads.drop(trial)


def _is_named(file: BinaryIO, digits: str, line_user_id: str) -> bool:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
    seen = words = ""
    while piece := text.read(1 << 20):
        # Digits of every script, whatever stands between them.
        numbers = unicodedata.normalize("NFKC", "".join(_DIGIT.findall(piece)))
        seen = seen[-len(digits) :] + "".join(str(unicodedata.decimal(each)) for each in numbers)
        words = words[-len(line_user_id) :] + piece.lower()
        if (digits and digits in seen) or (line_user_id and line_user_id.lower() in words):
            text.detach()
            return True
    text.detach()
    return False


def _digits_of(phone: str | None) -> str:
    if not phone:
        return ""
    return phonenumbers.national_significant_number(phonenumbers.parse(phone))


def _take_out_of_texts(account_id: int, phone: str | None, line_user_id: str | None) -> None:
    spellings = list(patterns(phone, line_user_id))
    with connection.cursor() as cursor:
        for table, columns, owner in _TEXTS:
            for column in columns:
                for pattern in spellings:
                    of_account = f"{owner} = {int(account_id)} AND " if owner else ""
                    cursor.execute(
                        f"UPDATE {table} SET {column} = regexp_replace({column}, %s, %s, 'gi')"
                        f" WHERE {of_account} {column} ~* %s",
                        [pattern, MASK, pattern],
                    )
        for pattern in spellings:
            cursor.execute(
                """
                UPDATE recipients_importrefusal SET reason = regexp_replace(reason, %s, %s, 'gi')
                FROM recipients_recipientimport job
                WHERE job.id = recipient_import_id AND job.account_id = %s AND reason ~* %s
                """,
                [pattern, MASK, account_id, pattern],
            )
            # A campaign's name is its own, so that its number is put behind.
            cursor.execute(
                """
                UPDATE sending_campaign
                SET name = left(regexp_replace(name, %s, %s, 'gi'), 80) || ' ' || id
                WHERE account_id = %s AND name ~* %s
                """,
                [pattern, MASK, account_id, pattern],
            )


def _take_out_of_audiences(recipient: Recipient, phone: str | None) -> None:
    """Campaigns may name their people by number or LINE user id."""
    named = re.compile("|".join(patterns(phone, recipient.line_user_id)) or r"(?!)", re.IGNORECASE)
    campaigns = Campaign.objects.filter(account_id=recipient.account_id)
    for campaign in campaigns.filter(audience__has_any_keys=list(_NAMING)).select_for_update():
        chosen = dict(campaign.audience)
        for key in _NAMING & chosen.keys():
            texts = [chosen[key]] if isinstance(chosen[key], str) else chosen[key]
            chosen[key] = [text for text in texts if not named.search(text)]
            if not chosen[key]:
                # It named nobody else; a filter without any name would name everybody.
                del chosen[key]
                chosen["recipients"] = [recipient.pk]
        if chosen != campaign.audience:
            campaign.audience = chosen
            campaign.save(update_fields=["audience"])


def patterns(phone: str | None, line_user_id: str | None) -> Iterator[str]:
    """Yield regular expressions of the number, however it is written, and of the user id."""
    if phone:
        number = phonenumbers.parse(phone)
        digits = list(phonenumbers.national_significant_number(number))
        prefix = rf"(\+?{number.country_code}[^0-9]{{0,3}}0?[^0-9]{{0,3}}|0)?"
        yield prefix + r"[^0-9]{0,3}".join(digits)
    if line_user_id:
        yield line_user_id
