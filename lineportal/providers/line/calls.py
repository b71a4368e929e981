"""One way to ask LINE anything: token, its renewal, time-outs, and no word of what is secret."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import aiohttp

from lineportal.providers import http
from lineportal.providers.base import WireRequest
from lineportal.providers.line import answers
from lineportal.providers.line.tokens import CODE, Tokens
from lineportal.providers.outcomes import Outcome, SendResult

_TOO_LATE = SendResult(
    Outcome.UNAVAILABLE,
    code=CODE,
    detail="LINE's access token came too late for this call; nothing was sent.",
)


@dataclass(slots=True)
class Heard:
    """LINE's answer, and the token it was asked with."""

    answer: http.Answer
    token: str


class Line:
    """One channel's way to LINE, with its tokens."""

    def __init__(
        self,
        given: Mapping[str, str],
        *,
        base: str,
        clock: Callable[[], float],
        total_seconds: float,
        connect_seconds: float,
    ) -> None:
        self._secret = given["channel_secret"]
        self._base = base
        self.clock = clock
        self._total_seconds = total_seconds
        self._connect_seconds = connect_seconds
        self.tokens = Tokens(
            channel_id=given["channel_id"],
            channel_secret=self._secret,
            fixed=given["channel_access_token"],
            base=base,
            clock=clock,
            connect_seconds=connect_seconds,
        )

    async def ask(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Heard | SendResult:
        """Ask once, and once more where LINE no longer takes a short-lived token.

        That second time is no repeat: 401 surely did nothing.
        """
        ends_at = self.clock() + self._total_seconds
        is_renewed = False
        while True:
            token = await self.tokens.get(session, ends_at=ends_at)
            if isinstance(token, SendResult):
                return token
            left = round(ends_at - self.clock(), 1)  # few lengths, so that each is made once
            if left < self._total_seconds / 2:  # a call cut off by us would be uncertain
                return _TOO_LATE
            answer = await http.request(
                session,
                method,
                f"{self._base}{path}",
                data=body,
                params=params,
                headers={**(headers or {}), "Authorization": f"Bearer {token}"},
                total_seconds=left,
                connect_seconds=self._connect_seconds,
            )
            if isinstance(answer, SendResult):
                return answer
            if answer.status != 401 or not self.tokens.drop(token) or is_renewed:
                return Heard(answer, token)
            is_renewed = True

    async def send(
        self,
        session: aiohttp.ClientSession,
        call: str,
        request: WireRequest,
        *,
        hidden: Iterable[str],
    ) -> SendResult:
        """Post what writes to somebody; never raises. `hidden` names them."""
        heard = await self.ask(
            session, request.method, request.path, headers=request.headers, body=request.body
        )
        if isinstance(heard, SendResult):
            return heard
        return self.result(call, heard, hidden=hidden)

    def result(self, call: str, heard: Heard, *, hidden: Iterable[str] = ()) -> SendResult:
        """Return what an answer means, without the words in `hidden` and without secrets."""
        return answers.result(
            call,
            heard.answer,
            hidden=(heard.token, self._secret, *hidden),
            is_token_fixed=self.tokens.is_fixed,
        )
