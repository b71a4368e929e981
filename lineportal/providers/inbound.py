"""Webhooks verified by Basic credentials, or by an HMAC whose form the provider leaves open.

A provider that does not publish the header, algorithm or encoding of its signature has them as
settings: nothing is taken for granted that could let a stranger in, or keep the provider out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from lineportal.providers.base import BadCredentials, BadSignature, Setting

ALGORITHMS = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")  # the first is the default
ENCODINGS = ("hex", "base64")

SETTINGS = (
    Setting(
        "webhook_user",
        "Webhook user name",
        is_secret=False,
        pattern="[^:]+",
        help="Basic authentication of what is pushed to us; a user name has no colon.",
    ),
    Setting("webhook_password", "Webhook password", help="Goes with the webhook user name."),
    Setting(
        "webhook_hmac_secret",
        "Webhook HMAC secret",
        help="Where it is set, only signed webhooks are taken, and the user name does not count.",
    ),
    Setting(
        "webhook_hmac_header",
        "Webhook HMAC header",
        is_secret=False,
        pattern="[A-Za-z0-9-]+",
        help="The name of the header that holds the signature; needed with an HMAC secret.",
    ),
    Setting(
        "webhook_hmac_algorithm",
        "Webhook HMAC algorithm",
        is_secret=False,
        default=ALGORITHMS[0],
        choices=ALGORITHMS,
    ),
    Setting(
        "webhook_hmac_encoding",
        "Webhook HMAC encoding",
        is_secret=False,
        default=ENCODINGS[0],
        choices=ENCODINGS,
    ),
)
NAMES = frozenset(each.name for each in SETTINGS)  # what webhooks are verified with

_HEX = re.compile(b"[0-9A-Fa-f]+")


def check_settings(credentials: Mapping[str, str]) -> None:
    """Raise BadCredentials where they are set by halves."""
    user, password = credentials.get("webhook_user"), credentials.get("webhook_password")
    if bool(user) != bool(password):
        raise BadCredentials("webhook_user and webhook_password go together; give both or none.")
    if credentials.get("webhook_hmac_secret") and not credentials.get("webhook_hmac_header"):
        raise BadCredentials(
            "webhook_hmac_secret needs webhook_hmac_header: the name of the header that holds the"
            " signature, as the provider shows it where webhooks are set up."
        )


def is_set(credentials: Mapping[str, str]) -> bool:
    """Return whether a webhook can be verified with these, so that it may be taken at all."""
    return bool(credentials.get("webhook_hmac_secret")) or _has_basic(credentials)


def verify_basic_or_hmac(
    body: bytes, headers: Mapping[str, str], signers: Sequence[Mapping[str, str]]
) -> None:
    """Raise BadSignature unless one of the signers vouches for the raw body.

    A signer with an HMAC secret vouches by the signature alone: the password on its own would say
    nothing of the body. One with neither vouches for nothing.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    # All are asked, so that the time does not tell which one it was.
    if not any([_vouches(signer, body, lowered) for signer in signers]):  # noqa: C419
        raise BadSignature


def signature_headers(signers: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the headers that hold a signature of the body; Basic credentials are none."""
    signed = [signer for signer in signers if signer.get("webhook_hmac_secret")]
    return tuple(dict.fromkeys(each.get("webhook_hmac_header", "") for each in signed))


def _vouches(signer: Mapping[str, str], body: bytes, headers: Mapping[str, str]) -> bool:
    if secret := signer.get("webhook_hmac_secret"):
        return _is_signed(signer, secret, body, headers)
    if _has_basic(signer):
        return _is_basic(signer, headers.get("authorization", ""))
    return False


def _is_signed(
    signer: Mapping[str, str], secret: str, body: bytes, headers: Mapping[str, str]
) -> bool:
    algorithm = signer.get("webhook_hmac_algorithm") or ALGORITHMS[0]
    encoding = signer.get("webhook_hmac_encoding") or ENCODINGS[0]
    header = (signer.get("webhook_hmac_header") or "").lower()
    if not header or algorithm not in ALGORITHMS or encoding not in ENCODINGS:
        return False
    given = headers.get(header, "").strip()
    if given.lower().startswith(f"{algorithm}="):  # as some write it before the signature
        given = given[len(algorithm) + 1 :]
    expected = hmac.new(secret.encode(), body, algorithm).digest()
    return hmac.compare_digest(expected, _decoded(given, encoding))


def _is_basic(signer: Mapping[str, str], given: str) -> bool:
    expected = f"{signer['webhook_user']}:{signer['webhook_password']}".encode()
    scheme, _space, word = given.partition(" ")
    told = _decoded(word.strip(), "base64") if scheme.lower() == "basic" else b""
    # Digests are equally long, so that the time does not tell the length of the password either.
    return hmac.compare_digest(hashlib.sha256(expected).digest(), hashlib.sha256(told).digest())


def _has_basic(credentials: Mapping[str, str]) -> bool:
    return bool(credentials.get("webhook_user") and credentials.get("webhook_password"))


def _decoded(text: str, encoding: str) -> bytes:
    """Return what the text stands for; nothing where it is no such text."""
    raw = text.encode(errors="replace")
    try:
        if encoding == "hex":
            return binascii.unhexlify(raw) if _HEX.fullmatch(raw) else b""
        return base64.b64decode(raw, validate=True)
    except binascii.Error:
        return b""
