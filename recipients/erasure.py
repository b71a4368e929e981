"""Forget a person: what is personal goes, counts and decisions stay, and re-import is barred.

A tombstone is a keyed digest of the number or of the LINE user id. It is written under the newest
of LINEPORTAL_FIELD_KEYS and found under each of them, so that a new key in front frees nobody.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from lineportal import logs
from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from recipients import consent, purposes
from recipients.models import ConsentEvidence, ErasedPhone, Reachability, Recipient, Suppression

ERASE = "recipients.erase_recipient"
NOBODY = "false"  # SQL: no row's owner was forgotten

_BLOCK = 64  # bytes: SHA-256's own, to which HMAC pads a key
_FEW = 1_000  # texts are looked up by their digests; of more, each is compared with all we hold


@dataclass(frozen=True, slots=True)
class Key:
    """A key of tombstones; `id` tells which one wrote a digest and says nothing of the key."""

    id: str
    secret: bytes = field(repr=False)

    def digest(self, text: str) -> str:
        return hmac.digest(self.secret, text.encode(), "sha256").hex()


@transaction.atomic
def erase(recipient: Recipient, *, at: datetime, by: User | None, reason: str = "") -> Recipient:
    """Empty the person's row and leave tombstones; `by` None is an operator at the shell.

    Who is erased already stays as is. Messages, webhooks and the rest are
    `sending.forgetting`'s, which calls this.
    """
    if by is not None:
        access.require(by, ERASE, recipient.account_id)
    recipient = Recipient.objects.select_for_update().get(pk=recipient.pk)
    if recipient.erased_at is not None:
        return recipient
    said = purposes.without_personal_data(reason, recipient)
    names = [text for text in (recipient.phone, recipient.line_user_id) if text]
    ErasedPhone.objects.bulk_create(
        [
            ErasedPhone(
                account_id=recipient.account_id,
                key_id=all_keys()[0].id,
                digest=digest(text),
                erased_at=at,
            )
            for text in names
        ],
        # Of a number that came back by a door that asks nobody, the newest erasure counts.
        update_conflicts=True,
        unique_fields=["account", "digest"],
        update_fields=["erased_at"],
    )
    if recipient.phone:
        Suppression.objects.filter(account_id=recipient.account_id, phone=recipient.phone).delete()
    if recipient.former_phone:
        _leave_to_the_new_owner(recipient.account_id, recipient.former_phone)
    recipient.phone, recipient.phone_country, recipient.line_user_id = None, "", None
    recipient.attributes, recipient.tags = {}, []
    recipient.former_phone = None  # no tombstone: the number is another person's now
    recipient.erased_at = recipient.updated_at = at
    recipient.save()
    ConsentEvidence.objects.filter(record__recipient=recipient).delete()
    Reachability.objects.filter(recipient=recipient).delete()
    chain.write(
        "recipient.erase",
        subject=recipient,
        by=by,
        at=at,
        account_id=recipient.account_id,
        **({"reason": said} if said else {}),
    )
    return recipient


def _leave_to_the_new_owner(account_id: int, phone: str) -> None:
    """Forget why a re-issued number was suppressed before; what is in force stays so."""
    before = Suppression.objects.filter(account_id=account_id, phone=phone)
    if since := consent.phone_since(phone):
        before = before.filter(created_at__lt=since)
    before.filter(lifted_at__isnull=False).delete()
    before.update(reason=logs.MASK)


def is_erased(account: OfficialAccount, text: str) -> bool:
    """Return whether the owner of a number or LINE user id asked this account to forget them.

    Somebody forgotten who follows the account again is here by their own new act: their user id
    is held again, and so not barred.
    """
    is_barred = ErasedPhone.objects.filter(account=account, digest__in=digests(text)).exists()
    return is_barred and not (
        text.startswith("U")
        and Recipient.objects.filter(account=account, line_user_id=text).exists()
    )


def forgotten(account: OfficialAccount, text: str) -> Recipient | None:
    """Return the emptied row of a number's or user id's owner who asked to be forgotten."""
    if not is_erased(account, text):
        return None
    rows = ErasedPhone.objects.filter(account=account, digest__in=digests(text))
    # Both rows were written by one act with one time; nothing else may link them.
    moments = list(rows.values_list("erased_at", flat=True))
    return Recipient.objects.filter(account=account, erased_at__in=moments).first()


def erased_among(
    account: OfficialAccount,
    *,
    phones: Iterable[str] = (),
    line_user_ids: Iterable[str] = (),
) -> frozenset[str]:
    """Return those numbers (E.164) and LINE user ids whose owners asked to be forgotten.

    For any number of texts: an account that forgot nobody costs one small query.
    """
    used = _used_keys(account)
    if not used:
        return frozenset()
    found = _among(account, list(phones), used)
    ids = _among(account, list(line_user_ids), used)
    if ids:
        again = Recipient.objects.filter(account=account, line_user_id__in=ids)
        ids -= set(again.values_list("line_user_id", flat=True))
    return frozenset(found | ids)


def erased_users(named: Collection[tuple[int, str]]) -> dict[tuple[int, str], datetime]:
    """Return when those of (account id, LINE user id) were forgotten who are not held again."""
    accounts = {account_id for account_id, _user in named}
    if not named or not ErasedPhone.objects.filter(account__in=accounts).exists():
        return {}
    of = {(pk, digest): (pk, user) for pk, user in named for digest in digests(user)}
    rows = ErasedPhone.objects.filter(account__in=accounts, digest__in=[each for _, each in of])
    found = {
        of[pk, digest]: moment
        for pk, digest, moment in rows.values_list("account", "digest", "erased_at")
        if (pk, digest) in of
    }
    if found:
        again = Recipient.objects.filter(
            account__in=accounts, line_user_id__in=[user for _pk, user in found]
        )
        for held in again.values_list("account", "line_user_id"):
            found.pop(held, None)  # type: ignore[arg-type]
    return found


def digests_of(account: OfficialAccount) -> frozenset[str]:
    """Return every tombstone of an account; compare them with `digests` of a text."""
    return frozenset(ErasedPhone.objects.filter(account=account).values_list("digest", flat=True))


def digest(text: str) -> str:
    """Return the digest under which a number or user id is laid down now.

    Keyed, for a plain hash of so few numbers could be undone.
    """
    return all_keys()[0].digest(text)


def digests(text: str) -> list[str]:
    """Return every digest under which a number or user id may stand."""
    return [key.digest(text) for key in all_keys()]


def digest_sql(column: str, key: Key | None = None) -> tuple[str, list[Any]]:
    """Return SQL and parameters for `digest` of a text column: HMAC-SHA256 from sha256() alone.

    `column` is an SQL expression of ours, never a user's text; `key` None is the newest.
    """
    secret = (key or all_keys()[0]).secret.ljust(_BLOCK, b"\0")
    outer, inner = (bytes(byte ^ pad for byte in secret) for pad in (0x5C, 0x36))
    sql = f"encode(sha256(%s::bytea || sha256(%s::bytea || convert_to({column}, 'UTF8'))), 'hex')"
    return sql, [outer, inner]


def erased_sql(column: str, account: OfficialAccount) -> tuple[str, list[Any]]:
    """Return an SQL condition and its parameters: the column's owner asked to be forgotten.

    As `is_erased`; NOBODY where the account forgot none.
    """
    terms: list[str] = []
    parameters: list[Any] = []
    for key in _used_keys(account):
        sql, given = digest_sql(column, key)
        terms.append(
            f"{sql} IN (SELECT digest FROM recipients_erasedphone"
            " WHERE account_id = %s AND key_id = %s)"
        )
        parameters += [*given, account.pk, key.id]
    if not terms:
        return NOBODY, []
    again = (
        "EXISTS (SELECT FROM recipients_recipient again"
        f" WHERE again.account_id = %s AND again.line_user_id = {column})"
    )
    return f"(({' OR '.join(terms)}) AND NOT {again})", [*parameters, account.pk]


def unreadable() -> int:
    """Return how many tombstones bar nobody, as their key is not in LINEPORTAL_FIELD_KEYS."""
    return ErasedPhone.objects.exclude(key_id__in=[key.id for key in all_keys()]).count()


def all_keys() -> Sequence[Key]:
    """Return the keys of tombstones, the newest first; the last is that of the first releases."""
    return _derived(tuple(settings.FIELD_KEYS), settings.SECRET_KEY)


@functools.lru_cache(maxsize=8)
def _derived(field_keys: tuple[str, ...], secret_key: str) -> Sequence[Key]:
    made = []
    for text in field_keys:
        # Not the field key itself: what one purpose gives away must not open the other.
        secret = hmac.digest(base64.urlsafe_b64decode(text), b"lineportal tombstones", "sha256")
        made.append(Key(hashlib.sha256(secret).hexdigest()[:16], secret))
    first = f"erased:{secret_key}".encode()
    return (*made, Key("", first if len(first) <= _BLOCK else hashlib.sha256(first).digest()))


def _used_keys(account: OfficialAccount) -> list[Key]:
    used = set(
        ErasedPhone.objects.filter(account=account).order_by().values_list("key_id").distinct()
    )
    return [key for key in all_keys() if (key.id,) in used]


def _among(account: OfficialAccount, texts: list[str], used: Sequence[Key]) -> set[str]:
    rows = ErasedPhone.objects.filter(account=account)
    if len(texts) <= _FEW:
        of = {key.digest(text): text for text in texts for key in used}
        rows = rows.filter(digest__in=list(of))
        return {of[each] for each in rows.values_list("digest", flat=True)}
    held = set(rows.values_list("digest", flat=True))
    return {text for text in texts if any(key.digest(text) in held for key in used)}
