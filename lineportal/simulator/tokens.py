"""Tokens that are good once and not for long: of replies (a minute) and of links (ten minutes)."""

from __future__ import annotations

import secrets

from lineportal.simulator.people import Person

REPLY_SECONDS = 60.0
LINK_SECONDS = 600.0

_KEPT = 100_000


class OnceTokens:
    """The tokens of one kind that went out and can still be used."""

    def __init__(self, good_seconds: float) -> None:
        self._good_seconds = good_seconds
        self._held: dict[str, tuple[Person, str, float]] = {}  # whom, channel id, until

    def issue(self, person: Person, channel_id: str, at: float) -> str:
        """Return a new token that stands for this person at this channel."""
        token = secrets.token_hex(16)
        self._held[token] = (person, channel_id, at + self._good_seconds)
        if len(self._held) > _KEPT:
            del self._held[next(iter(self._held))]
        return token

    def holder(self, token: object, channel_id: str, at: float) -> Person | None:
        """Return whom the token stands for, None where it is not good any more."""
        if not isinstance(token, str) or token not in self._held:
            return None
        person, owner, until = self._held[token]
        return person if owner == channel_id and at <= until else None

    def held(self, token: str, at: float) -> tuple[Person, str] | None:
        """Return whom a good token stands for and at which channel; None where it is not good."""
        if token not in self._held:
            return None
        person, owner, until = self._held[token]
        return (person, owner) if at <= until else None

    def whose(self, token: object) -> Person | None:
        """Return whom the token was made for, good or not; None once it was used."""
        return self._held[token][0] if isinstance(token, str) and token in self._held else None

    def use(self, token: str) -> None:
        """Take the token out of the world: it was used."""
        self._held.pop(token, None)
