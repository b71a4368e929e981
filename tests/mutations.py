"""Real bodies, broken in every way that a careless or a hostile sender might; seeded."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_DEEP = "@deep@"  # becomes lists within lists, beyond what a reader may follow
_RAW = "@raw@"  # becomes a word that JSON does not have, or a number beyond all
_RAW_WORDS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "0x1", "undefined")
_WORDS = (
    "", " ", "\0", "a\0b", "\ud800", "x" * 5_000, "null", "-1", "true", "٣", "ＡＢＣ", "🧧",
    "\u202e", "<script>", "%s%n",
    "2026-13-45T99:99:99Z", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00Z",
    "';--", "../../etc/passwd", "U" + "0" * 32, "+66812345678", "{{name}}",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**18, 10**30, -(10**30), 1e308, [], {}, [[]], [None], {"": 1},
    {"a": {"b": [{"c": None}]}}, _DEEP, _RAW, [_DEEP], *_WORDS,
)  # fmt: skip


def mutants(bodies: Sequence[bytes], count: int, *, seed: int) -> Iterator[bytes]:
    """Yield that many bodies, each one of the given ones with one to three things wrong."""
    dice = random.Random(seed)
    for _ in range(count):
        body = dice.choice(bodies)
        for _ in range(dice.choice((1, 1, 2, 3))):
            body = dice.choice(_WAYS)(body, dice)
        yield body


def json_mutants(bodies: Sequence[bytes], count: int, *, seed: int) -> Iterator[bytes]:
    """Yield bodies that are JSON still, each with one to three values that are another's."""
    dice = random.Random(seed)
    for _ in range(count):
        tree = json.loads(dice.choice(bodies))
        for _ in range(dice.choice((1, 2, 3))):
            values = [each for each in _VALUES if _DEEP not in str(each) and each != _RAW]
            tree = _grafted(tree, dice, values)
        yield json.dumps(tree).encode()


def _tree(body: bytes, dice: random.Random) -> bytes:
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return _bytes(body, dice)
    text = json.dumps(_grafted(tree, dice, _VALUES), ensure_ascii=dice.random() < 0.8)
    depth = dice.choice((50, 500, 900, 5_000, 100_000))
    text = text.replace(f'"{_DEEP}"', "[" * depth + "]" * depth)
    text = text.replace(f'"{_RAW}"', dice.choice(_RAW_WORDS))
    return text.encode(errors="surrogatepass")


def _grafted(tree: Any, dice: random.Random, values: Sequence[Any]) -> Any:
    """Return the tree with one of its places changed."""
    places = list(_places(tree))
    if not places or dice.random() < 0.03:
        return dice.choice(values)
    holder, key = dice.choice(places)
    match dice.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[dice.choice(_WORDS)] = holder.pop(key)
        case 1 | 2 if isinstance(holder, list):
            holder.extend([holder[key]] * dice.choice((1, 2, 50)))
        case 3:
            holder[key] = [holder[key]]
        case _:
            holder[key] = dice.choice(values)
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(tree, dict | list):
        return
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        yield from _places(value)


def _bytes(body: bytes, dice: random.Random) -> bytes:
    """Return the body with some bytes lost, doubled, turned or put in."""
    start = dice.randrange(len(body) + 1)
    end = min(len(body), start + dice.choice((1, 1, 2, 8, 40)))
    match dice.randrange(6):
        case 0:
            return body[:start]
        case 1:
            return body[:start] + body[end:]
        case 2:
            return body[:end] + body[start:]
        case 3:
            return body[:start] + dice.randbytes(end - start) + body[end:]
        case 4:
            return body[:start] + dice.randbytes(dice.choice((1, 3, 30))) + body[start:]
        case _:
            turned = bytes(each ^ (1 << dice.randrange(8)) for each in body[start:end])
            return body[:start] + turned + body[end:]


def _encoding(body: bytes, dice: random.Random) -> bytes:
    """Return the body as another system would write it, or with something round it."""
    text = body.decode(errors="replace")
    match dice.randrange(5):
        case 0:
            return text.encode("utf-16")
        case 1:
            return b"\xef\xbb\xbf" + body
        case 2:
            return b" \r\n" * dice.choice((1, 1_000)) + body
        case 3:
            return body + body
        case _:
            return dice.choice((b"", b"[]", b"{}", b"null", b'""', b"0", b"[" + body + b"]"))


_WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_tree, _tree, _tree, _bytes, _bytes,
                                                             _encoding)  # fmt: skip
