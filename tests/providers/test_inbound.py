"""Webhooks by Basic or HMAC: who is let in, and that nobody else is."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineportal.providers import inbound
from lineportal.providers.base import BadCredentials, BadSignature

BODY = b'{"results":[{"messageId":"1"}]}'
SECRET = "s3cret-0123456789"
BASIC = {"webhook_user": "portal", "webhook_password": "pa:ss-word"}
HMAC = {"webhook_hmac_secret": SECRET, "webhook_hmac_header": "X-Sign"}


def basic(user: str = "portal", password: str = "pa:ss-word", scheme: str = "Basic") -> str:  # noqa: S107
    return f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def signed(
    body: bytes = BODY, secret: str = SECRET, algorithm: str = "sha256", encoding: str = "hex"
) -> str:
    digest = hmac.new(secret.encode(), body, algorithm).digest()
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def is_taken(headers: dict[str, str], *signers: dict[str, str], body: bytes = BODY) -> bool:
    try:
        inbound.verify_basic_or_hmac(body, headers, signers)
    except BadSignature:
        return False
    return True


@pytest.mark.parametrize("algorithm", inbound.ALGORITHMS)
@pytest.mark.parametrize("encoding", inbound.ENCODINGS)
@pytest.mark.parametrize("prefix", ["", "{algorithm}=", "{algorithm}=".upper()])
def test_every_algorithm_and_encoding_can_be_set(
    algorithm: str, encoding: str, prefix: str
) -> None:
    prefix = prefix.lower().format(algorithm=algorithm)
    signer = {**HMAC, "webhook_hmac_algorithm": algorithm, "webhook_hmac_encoding": encoding}
    word = prefix + signed(algorithm=algorithm, encoding=encoding)

    assert is_taken({"x-sign": word}, signer)
    assert is_taken({"X-SIGN": f" {word} "}, signer)
    assert not is_taken({"x-sign": word}, signer, body=BODY + b" ")
    for other in set(inbound.ALGORITHMS) - {algorithm}:
        assert not is_taken({"x-sign": word}, {**signer, "webhook_hmac_algorithm": other})
    for other in set(inbound.ENCODINGS) - {encoding}:
        assert not is_taken({"x-sign": word}, {**signer, "webhook_hmac_encoding": other})


@pytest.mark.parametrize(
    ("case", "headers", "signers", "taken"),
    [
        ("no credentials are set", {"Authorization": basic()}, [{}], False),
        ("there is no signer", {"Authorization": basic()}, [], False),
        ("blank credentials", {"Authorization": basic("", "")},
         [{"webhook_user": "", "webhook_password": ""}], False),
        ("half of them", {"Authorization": basic("portal", "")}, [{"webhook_user": "portal"}],
         False),
        ("right", {"Authorization": basic()}, [BASIC], True),
        ("scheme in any case", {"authorization": basic(scheme="bAsIc")}, [BASIC], True),
        ("another scheme", {"Authorization": basic(scheme="Bearer")}, [BASIC], False),
        ("another password", {"Authorization": basic(password="pass-word")}, [BASIC], False),
        ("another user", {"Authorization": basic("portal2")}, [BASIC], False),
        ("no header", {}, [BASIC], False),
        ("the colon elsewhere", {"Authorization": basic("portal:pa", "ss-word")}, [BASIC], True),
        ("no base64", {"Authorization": "Basic ***"}, [BASIC], False),
        ("no word", {"Authorization": "Basic"}, [BASIC], False),
        ("letters beyond ASCII", {"Authorization": "Basic ส"}, [BASIC], False),
        ("the second signer", {"Authorization": basic()}, [HMAC, BASIC], True),
        ("the replaced secret", {"X-Sign": signed(secret="old")},
         [HMAC, {**HMAC, "webhook_hmac_secret": "old"}], True),
        ("a secret without a header", {"X-Sign": signed()}, [{"webhook_hmac_secret": SECRET}],
         False),
        ("a blank secret", {"X-Sign": signed(secret="")},
         [{**HMAC, "webhook_hmac_secret": ""}], False),
        ("a blank signature", {"X-Sign": ""}, [HMAC], False),
        ("no signature", {}, [HMAC], False),
        ("half a signature", {"X-Sign": signed()[:32]}, [HMAC], False),
        ("an odd signature", {"X-Sign": signed()[:-1]}, [HMAC], False),
        ("upper-case hex", {"X-Sign": signed().upper()}, [HMAC], True),
        ("another header", {"X-Other": signed()}, [HMAC], False),
        ("unknown algorithm", {"X-Sign": signed()}, [{**HMAC, "webhook_hmac_algorithm": "crc"}],
         False),
        # Where both are set the signature decides: the password says nothing of the body.
        ("both set, password only", {"Authorization": basic()}, [{**BASIC, **HMAC}], False),
        ("both set, signature only", {"X-Sign": signed()}, [{**BASIC, **HMAC}], True),
        ("both set, wrong signature", {"Authorization": basic(), "X-Sign": signed(secret="no")},
         [{**BASIC, **HMAC}], False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_who_is_let_in(case: str, headers: dict[str, str], signers: list[Any], taken: bool) -> None:
    assert is_taken(headers, *signers) is taken, case


@given(st.text(), st.sampled_from(["authorization", "x-sign"]), st.booleans())
def test_no_header_makes_it_raise_anything_else(text: str, name: str, is_basic: bool) -> None:
    value = f"Basic {text}" if is_basic else text

    assert not is_taken({name: value}, HMAC, BASIC)


@pytest.mark.parametrize(
    ("given_settings", "words"),
    [
        ({"webhook_user": "a"}, "go together"),
        ({"webhook_password": "a"}, "go together"),
        ({"webhook_hmac_secret": "a"}, "webhook_hmac_header"),
    ],
)
def test_half_of_the_settings_is_refused(given_settings: dict[str, str], words: str) -> None:
    with pytest.raises(BadCredentials, match=words):
        inbound.check_settings(given_settings)


@pytest.mark.parametrize("whole", [{}, BASIC, HMAC, {**BASIC, **HMAC}])
def test_whole_settings_are_fine(whole: dict[str, str]) -> None:
    inbound.check_settings(whole)

    assert inbound.is_set(whole) is bool(whole)
