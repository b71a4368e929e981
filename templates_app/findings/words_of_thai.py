"""Where Thai words begin and end. Thai has no blanks between words: “ลอง” (try) also stands
inside “คลอง” (canal), “คุ้ม” (worth it) inside “คุ้มครอง” (cover), “โปร” (promo) inside “โปรด”.
"""

from __future__ import annotations

from functools import cache, lru_cache

from pythainlp.tokenize import Tokenizer


@cache
def _tokenizer() -> Tokenizer:
    return Tokenizer(engine="newmm")  # reads its word list (0.4 s) when first used


@lru_cache(maxsize=4096)
def edges(text: str) -> frozenset[int]:
    """Return the offsets at which a word begins or ends."""
    places, at = {0}, 0
    for word in _tokenizer().word_tokenize(text):
        at += len(word)
        places.add(at)
    return frozenset(places)
