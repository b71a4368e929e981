"""What every provider promises, tried against real servers that misbehave in every way.

A provider's tests subclass ProviderContract and say what is their own: how it is built, what an
answer that takes a message looks like, how a webhook is signed. The promises are inherited.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web

import lineportal
from lineportal.providers import PROVIDERS, http
from lineportal.providers.base import (
    BadCredentials,
    BadSignature,
    CannotWire,
    Event,
    FaultScope,
    Outcome,
    OutgoingMessage,
    Provider,
    SendResult,
    UnreadableWebhook,
)
from tests import mutations
from tests.providers.misbehaving import (
    BROKEN_BODY,
    UNCLEAR,
    Answer,
    Conduct,
    Seen,
    answering,
    closed_port,
    drop,
    listening,
    never_read,
    read_request,
    saying,
    serving,
)

PHONE = "+66812345678"
REFERENCE = UUID("0123456789abcdef0123456789abcdef")
TOTAL_SECONDS = 0.6
CONNECT_SECONDS = 0.25
SERVICES = {"lon", "oa"}
COUNTRIES = {"JP", "TH", "TW"}
CONTENTS = {"bubble", "catalogue", "flex", "text", "picture"}
KINDS = {
    "accepted", "delivered", "refused", "failed", "expired", "follow", "unfollow", "said", "edited",
    "unsent", "linked", "other",
}  # fmt: skip
CHAPTERS = ("What it can", "What it reports", "Set-up", "What is not known", "Sources")
PAGES = Path(lineportal.__file__).parents[1] / "docs" / "providers"


def session(connections: int = 8) -> aiohttp.ClientSession:
    return http.session(connections=connections)


class ProviderContract:
    """A provider's tests subclass this and say how it is built and what they send."""

    secrets: tuple[str, ...]  # all that the provider is built with and nobody may see
    message: OutgoingMessage
    accepting: ClassVar[Any] = {}  # the JSON of an answer with status 200 that takes the message
    # The answer's body, not its status, says what became of the message: no body, no knowledge.
    body_decides: ClassVar[bool] = False
    signer: ClassVar[Mapping[str, str]] = {}  # credentials that the webhooks of `signed` fit
    # Webhook bodies, or pages of reports, as the provider documents them; all kinds that it has.
    webhooks: ClassVar[Sequence[bytes]] = ()

    def build(self, base_url: str) -> Provider:
        """Return the provider with the short time-outs above."""
        raise NotImplementedError

    def complaint(self, words: str) -> Any:
        """Return the JSON of an error body in which the provider says this."""
        return {"message": words}

    def signed(self, body: bytes) -> Mapping[str, str]:
        """Return the headers of a webhook that `signer` vouches for."""
        raise NotImplementedError

    def unknown(self, word: str) -> bytes:
        """Return a webhook with one thing told, of a type or status that is named so."""
        raise NotImplementedError

    @property
    def kind(self) -> type[Provider]:
        return type(self.build("http://127.0.0.1:9"))

    def accepted(self) -> Answer:
        return answering(200, body=self.accepting)

    @property
    def taken(self) -> Outcome:
        """Return what an answer means that is taken by its status, and has no body to read."""
        return Outcome.UNCERTAIN if self.body_decides else Outcome.ACCEPTED

    @pytest.fixture(autouse=True)
    def _nothing_leaks(self, caplog: pytest.LogCaptureFixture) -> Any:
        """No log record of any test here may hold a secret or the number."""
        caplog.set_level(logging.DEBUG)
        yield
        self.assert_hidden(caplog.text)

    def assert_hidden(self, text: str) -> None:
        for hidden in (PHONE, PHONE[1:], *self.secrets):
            assert hidden not in text

    def sent(self, answer: Answer) -> tuple[SendResult, Seen]:
        """Send one message to a server that answers so."""

        async def run() -> tuple[SendResult, Seen]:
            async with serving(answer) as (url, seen), session() as client:
                return await self.build(url).send(client, self.message), seen

        return asyncio.run(run())

    def sent_below_http(self, conduct: Conduct, scheme: str = "http") -> tuple[SendResult, int]:
        """Send one message to such a listener; return the result and how often it was called."""

        async def run() -> tuple[SendResult, int]:
            async with listening(conduct) as (port, connections), session() as client:
                provider = self.build(f"{scheme}://127.0.0.1:{port}")
                return await provider.send(client, self.message), len(connections)

        return asyncio.run(run())

    @pytest.mark.parametrize("case", UNCLEAR)
    def test_what_may_have_been_sent_is_uncertain_and_posted_once(self, case: str) -> None:
        result, connections = self.sent_below_http(UNCLEAR[case])

        assert (result.outcome, connections) == (Outcome.UNCERTAIN, 1)
        assert result.detail
        self.assert_hidden(repr(result))

    @pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308, 418, 500, 502, 503, 504, 599])
    def test_an_answer_that_nobody_documents_is_uncertain_and_is_not_followed(
        self, status: int
    ) -> None:
        result, seen = self.sent(answering(status, headers={"Location": "/elsewhere"}))

        assert (result.outcome, result.http_status) == (Outcome.UNCERTAIN, status)
        assert len(seen.requests) == 1

    @pytest.mark.parametrize("case", BROKEN_BODY)
    @pytest.mark.parametrize("status", [200, 500])
    def test_with_a_broken_body_the_status_decides_or_nothing_is_known(
        self, case: str, status: int
    ) -> None:
        head = f"HTTP/1.1 {status} Whatever\r\n".encode()
        outcome = self.taken if status == 200 else Outcome.UNCERTAIN

        result, connections = self.sent_below_http(saying(head + BROKEN_BODY[case]))

        assert (result.outcome, result.http_status, connections) == (outcome, status, 1)

    def test_a_body_without_end_is_not_read_to_its_end(self) -> None:
        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n")
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()

        async def run() -> float:
            async with listening(endless) as (port, _connections), session() as client:
                provider = self.build(f"http://127.0.0.1:{port}")
                began = asyncio.get_running_loop().time()
                result = await provider.send(client, self.message)
                assert result.outcome is self.taken
                return asyncio.get_running_loop().time() - began

        assert asyncio.run(run()) < TOTAL_SECONDS / 2

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_closed_port_got_nothing(self, scheme: str) -> None:
        self.assert_unsent_to(f"{scheme}://127.0.0.1:{closed_port()}")

    def test_a_name_that_does_not_exist_got_nothing(self) -> None:
        self.assert_unsent_to("http://nowhere.invalid")

    def assert_unsent_to(self, base_url: str) -> None:
        async def run() -> SendResult:
            async with session() as client:
                return await self.build(base_url).send(client, self.message)

        result = asyncio.run(run())
        assert result.outcome is Outcome.UNAVAILABLE
        self.assert_hidden(repr(result))

    def test_a_failed_handshake_sent_nothing(self) -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()

        result, connections = self.sent_below_http(plain, "https")

        assert (result.outcome, connections) == (Outcome.UNAVAILABLE, 1)

    def test_a_handshake_without_end_sent_nothing(self) -> None:
        result, _connections = self.sent_below_http(never_read, "https")

        assert result.outcome is Outcome.UNAVAILABLE

    def test_without_a_free_connection_nothing_is_sent(self) -> None:
        async def slow(request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(CONNECT_SECONDS + 0.15)
            return web.json_response(self.accepting)

        async def run() -> tuple[list[SendResult], Seen]:
            async with serving(slow) as (url, seen), session(connections=1) as client:
                provider = self.build(url)
                both = (provider.send(client, self.message) for _ in range(2))
                return list(await asyncio.gather(*both)), seen

        results, seen = asyncio.run(run())
        assert [r.outcome for r in results] == [Outcome.ACCEPTED, Outcome.UNAVAILABLE]
        assert len(seen.requests) == 1

    def test_on_a_closed_session_nothing_is_sent(self) -> None:
        async def run() -> SendResult:
            client = session()
            await client.close()
            return await self.build("http://127.0.0.1:9").send(client, self.message)

        assert asyncio.run(run()).outcome is Outcome.UNAVAILABLE

    def test_a_dropped_connection_is_not_silently_posted_again(self) -> None:
        async def run() -> tuple[list[SendResult], Seen]:
            count = 0

            async def second_is_dropped(request: web.Request) -> web.StreamResponse:
                nonlocal count
                count += 1
                return await (self.accepted() if count == 1 else drop)(request)

            async with serving(second_is_dropped) as (url, seen), session() as client:
                provider = self.build(url)
                return [await provider.send(client, self.message) for _ in range(2)], seen

        results, seen = asyncio.run(run())
        assert [r.outcome for r in results] == [Outcome.ACCEPTED, Outcome.UNCERTAIN]
        assert len(seen.requests) == 2

    def test_a_connection_that_the_server_closed_while_idle_is_not_used_again(self) -> None:
        body = json.dumps(self.accepting).encode()
        ok = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n" % len(body)

        async def run() -> tuple[list[SendResult], int]:
            async with listening(saying(ok + body)) as (port, connections), session() as client:
                provider = self.build(f"http://127.0.0.1:{port}")
                results = []
                for _ in range(3):
                    results.append(await provider.send(client, self.message))
                    await asyncio.sleep(0.05)
                return results, len(connections)

        results, connections = asyncio.run(run())
        assert [r.outcome for r in results] == [Outcome.ACCEPTED] * 3
        assert connections == 3

    def test_the_bytes_of_the_preview_are_the_bytes_posted(self) -> None:
        _result, seen = self.sent(self.accepted())

        wire = self.build("http://127.0.0.1:9").wire(self.message)
        [(path, headers, body)] = seen.requests
        assert (path, body) == (wire.path, wire.body)
        assert wire.headers.items() <= headers.items()

    def test_a_reply_token_goes_out_where_one_is_taken_and_nowhere_else(self) -> None:
        provider = self.build("http://127.0.0.1:9")
        answer = replace(self.message, reply_token="token-0001")

        assert provider.takes_reply_tokens <= {"oa"}
        assert "token-0001" not in repr(answer)
        if answer.service in provider.takes_reply_tokens:
            assert json.loads(provider.wire(answer).body)
            assert b'"replyToken":"token-0001"' in provider.wire(answer).body
        else:
            with pytest.raises(CannotWire):
                provider.wire(answer)

    @pytest.mark.parametrize("status", [200, 400, 401, 422, 429, 500])
    def test_no_secret_or_number_comes_back(self, status: int) -> None:
        spaced = f"{PHONE[:3]} (0){PHONE[3:5]}-{PHONE[5:8]}.{PHONE[8:]}"
        words = f"no: {PHONE} {spaced} {' '.join(self.secrets)}"

        result, _seen = self.sent(answering(status, body=self.complaint(words)))

        assert "no: ***" in result.detail or (status == 200 and self.body_decides)
        self.assert_hidden(repr(result))
        assert PHONE[-4:] not in result.detail

    @pytest.mark.parametrize("status", [200, 400, 429, 500])
    def test_whatever_comes_back_can_be_stored(self, status: int) -> None:
        head = f"HTTP/1.1 {status} Whatever\r\nx-line-request-id: a\xff\r\nRetry-After: inf\r\n"
        body = json.dumps(self.complaint("a\0b\ud800c")).encode()
        length = f"Content-Length: {len(body)}\r\n\r\n"

        result, _connections = self.sent_below_http(
            saying(head.encode("latin-1") + length.encode() + body)
        )

        assert result.http_status == status
        assert (result.detail + result.request_id).isprintable()
        assert (result.retry_after_seconds or 0) < 86_400

    def test_an_answer_may_be_json_of_any_shape(self) -> None:
        bodies = [json.dumps(each).encode() for each in (self.accepting, self.complaint("no"))]
        statuses = (200, 400, 401, 409, 422, 429)

        async def run() -> list[SendResult]:
            results = []
            shapes = list(mutations.mutants(bodies, 150, seed=1))

            async def answer(request: web.Request) -> web.StreamResponse:
                n = len(results)
                return web.Response(status=statuses[n % 6], body=shapes[n])

            async with serving(answer) as (url, _seen), session() as client:
                while len(results) < len(shapes):  # each with a provider that has nothing in hand
                    results.append(await self.build(url).send(client, self.message))
            return results

        for result in asyncio.run(run()):
            assert (result.detail + result.request_id + result.code).isprintable()
            assert len(result.detail) <= http.DETAIL_LIMIT
            self.assert_hidden(repr(result))

    def test_no_answer_makes_a_look_or_a_count_raise(self) -> None:
        async def looked(url: str) -> None:
            provider = self.build(url)
            async with session() as client:
                for service in provider.serves:
                    checks = await provider.check(
                        client, service=service, webhook_url="https://portal.example/webhooks/x/y/"
                    )
                    assert checks
                    for each in checks:
                        assert each.name
                        assert each.is_ok in (True, False, None)
                        assert each.sentence.endswith(".")
                        assert each.sentence.isprintable()
                    count = await provider.counted(client, service=service, day=date(2026, 1, 31))
                    assert count.messages is not None or count.problem.endswith(".")
                    page = await provider.reports(client, service=service)
                    assert page.body or not page.problem or page.problem.endswith(".")
                    self.assert_hidden(f"{checks} {count} {page.problem}")

        async def below(conduct: Conduct) -> None:
            async with listening(conduct) as (port, _connections):
                await looked(f"http://127.0.0.1:{port}")

        async def above(status: int, body: Any) -> None:
            async with serving(answering(status, body=body)) as (url, _seen):
                await looked(url)

        async def run() -> None:
            words = self.complaint(f"no: {PHONE} {' '.join(self.secrets)}")
            ok = b"HTTP/1.1 200 OK\r\n"
            await asyncio.gather(
                *(below(conduct) for conduct in UNCLEAR.values()),
                *(below(saying(ok + body)) for body in BROKEN_BODY.values()),
                *(above(status, words) for status in (200, 302, 400, 401, 403, 404, 429, 500)),
                *(above(200, body) for body in ({}, [], None, 7, "x", {"status": "ready"})),
                looked(f"http://127.0.0.1:{closed_port()}"),
            )

        asyncio.run(run())

    def test_a_type_or_status_that_nobody_documents_is_kept(self) -> None:
        for word in ("hologram", "DELIVERED_TO_THE_MOON", "x" * 500, "ส่งแล้ว", "0"):
            [event] = self.kind.events(self.unknown(word))

            assert event.kind == "other", word
            self.assert_storable(event)

    def test_what_is_documented_is_read(self) -> None:
        assert self.webhooks
        for body in self.webhooks:
            for event in self.kind.events(body):
                self.assert_storable(event)
                self.assert_hidden(repr(event))

    def test_a_body_that_was_mutated_is_read_or_is_unreadable(self) -> None:
        for body in mutations.mutants(self.webhooks, 2_000, seed=2):
            for event in self.read(body):
                self.assert_storable(event)

    def read(self, body: bytes) -> list[Event]:
        """Return the events that can be read, however much of the body cannot."""
        said = ""
        try:
            events = self.kind.events(body)
        except UnreadableWebhook as problem:
            events, said = problem.readable, str(problem)
        assert said.isprintable()
        return events

    def assert_storable(self, event: Event) -> None:
        assert event.kind in KINDS
        assert 0 < len(event.event_id) <= 64
        assert len(event.line_user_id) <= 33
        assert event.occurred_at.tzinfo is not None
        assert event.scope in FaultScope
        for text in (event.event_id, event.line_user_id, event.code, event.detail, event.sender):
            assert text.isprintable()
        assert "\\u0000" not in json.dumps(event.payload).replace("\\\\", "")

    def test_a_body_is_believed_only_with_a_signature(self) -> None:
        for body in self.webhooks:
            headers = self.signed(body)
            self.kind.verify(body, headers, [{"other": "x"}, self.signer])
            self.kind.verify(body, {name.upper(): each for name, each in headers.items()},
                             [self.signer])  # fmt: skip
            others = dict.fromkeys(self.signer, "another-secret-0123456789abcdef")
            for signers in ([], [{}], [dict.fromkeys(self.signer, "")], [others]):
                self.assert_unsigned(body, headers, signers)
            for name, value in headers.items():
                for wrong in (
                    "",
                    "=",
                    value[:-2],
                    value + "A",
                    value.swapcase(),
                    "\ud800é",
                    "x" * 9_999,
                ):
                    self.assert_unsigned(body, {**headers, name: wrong}, [self.signer])
            self.assert_unsigned(body, {}, [self.signer])

    def assert_unsigned(
        self, body: bytes, headers: Mapping[str, str], signers: Sequence[Mapping[str, str]]
    ) -> None:
        with pytest.raises(BadSignature):
            self.kind.verify(body, headers, signers)

    def test_without_credentials_nothing_is_believed(self) -> None:
        names = ("Authorization", *self.signed(b""))
        for value in ("", "Basic Og==", "Basic ", "Bearer ", "x"):
            for signers in ([], [{}], [{"": ""}], [dict.fromkeys(self.signer, "")]):
                self.assert_unsigned(b"{}", dict.fromkeys(names, value), signers)

    def test_what_it_is_made_of_is_not_shown(self) -> None:
        provider = self.build("http://127.0.0.1:9")

        self.assert_hidden(f"{provider} {provider!r} {provider.wire(self.message).headers}")

    def test_credentials_that_are_none_are_refused_without_being_told(self) -> None:
        given = {each.name: f"{each.name}-s3cret\n" for each in self.kind.settings}

        for wrong in ({}, given, {"unheard_of": "s3cret"}):
            with pytest.raises(BadCredentials) as caught:
                self.kind.check_credentials(wrong)
            assert "s3cret" not in str(caught.value)
            assert str(caught.value).endswith(".")

    def test_what_it_cannot_say_is_refused_before_anything_is_sent(self) -> None:
        provider = self.build("http://127.0.0.1:9")
        bodies = [self.message.body.encode()]
        messages = [
            replace(self.message, body=body.decode())
            for body in mutations.json_mutants(bodies, 500, seed=3)
        ]
        messages += [
            replace(self.message, address=address)
            for address in ("", "+", "0812345678", "+๖๖๘๑๒๓๔๕๖๗", '+668"', "U\ud800", "me", "\0")
        ]
        for message in messages:
            wire, said = None, "Sent."
            try:
                wire = provider.wire(message)
            except CannotWire as problem:
                said = str(problem)
            assert said.endswith(".")
            self.assert_hidden(said)
            if wire is not None:
                json.loads(wire.body)
                assert wire.path.startswith("/")
                assert all(value.isprintable() for value in wire.headers.values())

    def test_it_says_what_it_is(self) -> None:
        kind = self.kind

        assert PROVIDERS[kind.name] is kind
        assert re.fullmatch("[a-z0-9]{1,20}", kind.name)
        assert kind.title
        if kind.api:
            assert urlsplit(kind.api).scheme == "https"
            assert kind.own_hosts.fullmatch(urlsplit(kind.api).hostname or "")
        for host in ("", "example.com", "127.0.0.1", "localhost"):
            assert not kind.own_hosts.fullmatch(host)
        assert kind.serves
        assert set(kind.serves) <= SERVICES
        assert set(kind.may_repeat) <= set(kind.serves)
        for served in kind.serves.values():
            assert set(served.countries) <= COUNTRIES
            assert served.countries
            assert served.contents
            assert served.contents <= CONTENTS
        assert 1 <= kind.default_rate <= kind.ceiling_per_second
        assert kind.counts_in_zone is None or -12 <= kind.counts_in_zone <= 14

    def test_its_settings_are_named_once_and_explained(self) -> None:
        kind, names = self.kind, [each.name for each in self.kind.settings]

        assert len(names) == len(set(names))
        assert kind.sender_setting in names
        assert kind.key_setting in {"", *names}
        assert kind.webhook_settings <= set(names)
        for each in kind.settings:
            assert re.fullmatch("[a-z][a-z0-9_]*", each.name)
            assert each.label
            assert not each.choices or each.default in {"", *each.choices}
            assert not (each.default and each.pattern) or re.fullmatch(each.pattern, each.default)
            assert not each.help or each.help.endswith(".")
        [sender] = [each for each in kind.settings if each.name == kind.sender_setting]
        assert (sender.is_required, sender.is_secret) == (True, False)

    def test_its_page_has_the_one_form(self) -> None:
        page = (PAGES / f"{self.kind.name}.md").read_text()

        assert re.findall(r"^## (.+)$", page, re.MULTILINE) == list(CHAPTERS)
        for each in self.kind.settings:
            assert f"`{each.name}`" in page
