"""Customers' files: fetched within limits, whatever is claimed of them, and never run in a page."""

from __future__ import annotations

import asyncio
import hashlib
import io
import struct
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import openpyxl
import pytest
from aiohttp import web
from django.test import Client
from PIL import Image

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.conversations import fetching, media_kinds, media_store, previews
from lineportal.conversations.models import ChatMessage, Media, MediaPart
from lineportal.providers import PROVIDERS
from lineportal.providers.downloads import PIECE, Download
from lineportal.sending import media_fetch
from tests import factories, working
from tests.conversations import talk

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 3 * 1024 * 1024
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def png(width: int = 40, height: int = 30) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(drawn, "PNG")
    return drawn.getvalue()


def bomb() -> bytes:
    """Return a PNG of few bytes that says to be 20,000 points wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    points = zlib.compress(b"\0" * 20_001 * 100, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", points) + chunk(b"IEND", b"")
    )


class Server:
    """LINE's two hosts in one, from its documents: a token, and files that a test answers for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.answer: Handler = self._gone
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    async def _gone(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=404)

    async def _start(self) -> str:
        app = web.Application()
        app.router.add_post("/oauth2/v3/token", self._token)
        app.router.add_get("/v2/bot/message/{id}/content", self._content)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return f"http://127.0.0.1:{port}"

    async def _token(self, _request: web.Request) -> web.Response:
        token = {"token_type": "Bearer", "access_token": "t" * 40, "expires_in": 900}
        return web.json_response(token)

    async def _content(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.match_info["id"], request.headers.get("Authorization", "")))
        return await self.answer(request)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def account(server: Server, settings: Any) -> OfficialAccount:
    settings.MEDIA_LIMIT = LIMIT
    return factories.account(api_base_url=server.url)


def now() -> datetime:
    return datetime.now(UTC)


def sent(account: OfficialAccount, kind: str = "image", **more: Any) -> Media:
    """Let a customer send a file; return its row, still waiting."""
    talk.hear(account, talk.message(kind, now(), **more), at=now())
    return Media.objects.latest("pk")


def fetch() -> None:
    working.run(media_fetch.fetch(working.in_database, may_go_on=lambda: True))


def gives(content: bytes, **headers: str) -> Handler:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, headers=headers)

    return answer


def after(media: Media) -> Media:
    media.refresh_from_db()
    return media


def test_a_picture_is_kept_whole_and_shown_as_we_drew_it(
    account: OfficialAccount, server: Server
) -> None:
    content = png(2_000, 1_000)
    server.answer = gives(content, **{"Content-Type": "text/html"})
    media = sent(account)

    fetch()

    assert (after(media).state, media.size, media.content_type) == (
        "kept",
        len(content),
        "image/png",
    )
    assert media.sha256 == hashlib.sha256(content).hexdigest()
    assert b"".join(media_store.pieces(media)) == content
    with Image.open(io.BytesIO(bytes(media.preview or b""))) as shown:
        assert (shown.format, shown.size) == ("PNG", (640, 320))
    assert server.asked == [(media.message.provider_message_id, "Bearer " + "t" * 40)]


def test_a_large_file_is_kept_in_pieces(account: OfficialAccount, server: Server) -> None:
    content = bytes(range(256)) * (LIMIT // 256)
    server.answer = gives(content)
    media = sent(account, "file", fileName="a.bin", fileSize=7)

    fetch()

    assert after(media).state == "kept"
    assert (MediaPart.objects.count(), media.size) == (3, LIMIT)
    assert b"".join(media_store.pieces(media)) == content


def test_a_claim_of_4_gb_is_refused_before_anything_is_read(
    account: OfficialAccount, server: Server
) -> None:
    read = []

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(4 * 1024**3)})
        await response.prepare(request)
        try:
            for _ in range(100):
                await response.write(b"x" * 100_000)
                read.append(1)
        except (ConnectionError, asyncio.CancelledError):
            pass
        return response

    server.answer = answer
    media = sent(account, "video")
    fetch()

    assert (after(media).state, MediaPart.objects.count()) == ("refused", 0)
    assert "larger than 3 MB" in media.problem
    assert len(read) < 100


def test_an_endless_body_is_cut_off_at_the_limit(account: OfficialAccount, server: Server) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 100_000)
        except (ConnectionError, asyncio.CancelledError):
            return response

    server.answer = answer
    media = sent(account, "file", fileName="a", fileSize=1)
    fetch()

    assert (after(media).state, MediaPart.objects.count()) == ("refused", 0)


@pytest.mark.parametrize(
    ("headers", "status", "state"),
    [
        ({"Content-Encoding": "gzip"}, 200, "refused"),
        ({"Location": "http://127.0.0.1:1/"}, 302, "refused"),
        ({}, 400, "refused"),
        ({}, 404, "gone"),
        ({}, 410, "gone"),
        ({}, 202, "waiting"),
        ({}, 500, "waiting"),
        ({}, 429, "waiting"),
        ({}, 401, "waiting"),
    ],
)
def test_what_another_answer_makes_of_a_file(
    account: OfficialAccount, server: Server, headers: dict[str, str], status: int, state: str
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers, body=zlib.compress(b"0" * 10**6))

    server.answer = answer
    media = sent(account)
    fetch()

    assert (after(media).state, MediaPart.objects.count()) == (state, 0)
    assert media.problem
    if state == "waiting":
        assert media.next_at is not None
        assert media.next_at > now()


def test_a_body_that_breaks_off_is_asked_for_again_and_kept_once(
    account: OfficialAccount, server: Server
) -> None:
    content = b"y" * 1_500_000

    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        await response.write(content[:1_200_000])
        request.transport.close()  # type: ignore[union-attr]
        return response

    server.answer = broken
    media = sent(account, "file", fileName="a")
    fetch()
    assert (after(media).state, media.attempts) == ("waiting", 1)

    server.answer = gives(content)
    Media.objects.update(next_at=now())
    fetch()
    assert (after(media).state, media.size) == ("kept", len(content))
    assert b"".join(media_store.pieces(media)) == content


def test_it_is_given_up_after_a_day(account: OfficialAccount) -> None:
    media = sent(account)
    claimed = media_store.claim(at=now())
    assert claimed is not None
    media_store.finish(claimed, Download("later", problem="no"), at=now() + timedelta(hours=25))

    assert (after(media).state, media.next_at) == ("refused", None)


def test_what_is_taken_back_while_it_is_fetched_leaves_nothing(
    account: OfficialAccount, server: Server
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"z" * 1_100_000)
        event = talk.unsend(request.match_info["id"], now())
        await working.in_database(lambda: talk.hear(account, event, at=now()))
        await response.write(b"z" * 1_100_000)
        return response

    server.answer = answer
    media = sent(account, "file", fileName="secret.txt")
    fetch()

    assert (after(media).state, media.name, MediaPart.objects.count()) == ("deleted", "", 0)


def test_two_workers_fetch_each_file_once(account: OfficialAccount, server: Server) -> None:
    server.answer = gives(png())
    files = [sent(account) for _ in range(8)]

    async def both() -> None:
        await asyncio.gather(
            *(media_fetch.fetch(working.in_database, may_go_on=lambda: True) for _ in range(2))
        )

    working.run(both())

    assert {after(each).state for each in files} == {"kept"}
    assert len(server.asked) == len(files) == len(set(server.asked))


def test_what_a_dead_worker_left_is_fetched_anew(account: OfficialAccount, server: Server) -> None:
    media = sent(account)
    dead = media_store.claim(at=now() - media_store.LEASE - timedelta(minutes=1))
    assert dead is None  # it was not due then
    Media.objects.update(next_at=now() - timedelta(hours=1))
    dead = media_store.claim(at=now() - timedelta(minutes=10))
    assert dead is not None
    assert media_store.keep(dead, b"half of it")
    assert not media_store.is_due(at=now() - timedelta(minutes=9))

    content = png()
    server.answer = gives(content)
    fetch()

    assert b"".join(media_store.pieces(after(media))) == content
    assert not media_store.keep(dead, b"late")
    media_store.finish(dead, Download(size=4), at=now())
    assert after(media).size == len(content)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html><script>alert(1)</script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain"),
        (b"%PDF-1.7 ...", "application/pdf"),
        (b"PK\x03\x04" + b"\0" * 100, "application/zip"),
        (b"GIF89a<script>alert(1)</script>", "image/gif"),
        (b"\x89PNG\r\n\x1a\nnot a picture", "image/png"),
        (bomb(), "image/png"),
        (b"MZ" + b"\0" * 60, "application/octet-stream"),
    ],
    ids=["html", "svg", "pdf", "zip", "gif", "no picture", "bomb", "program"],
)
def test_hostile_files_are_only_ever_saved(
    account: OfficialAccount, server: Server, content: bytes, kind: str
) -> None:
    server.answer = gives(content, **{"Content-Type": "image/jpeg"})
    media = sent(account, "file", fileName="invoice\u202egnp.jpg<b>", fileSize=1)
    fetch()

    assert (after(media).state, media.content_type, media.preview) == ("kept", kind, None)
    client = Client()
    client.force_login(factories.user("agent"))
    answer = client.get(f"/conversations/files/{media.pk}/")
    assert b"".join(answer.streaming_content) == content  # type: ignore[attr-defined]
    safe = {"image/gif", "image/png"}
    assert answer["Content-Type"] == (kind if kind in safe else "application/octet-stream")
    assert answer["Content-Disposition"].startswith("attachment")
    assert "\u202e" not in answer["Content-Disposition"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Content-Length"] == str(len(content))
    assert client.get(f"/conversations/files/{media.pk}/preview/").status_code == 404
    assert AuditEntry.objects.get(action="conversation.file").facts == {"media": media.pk}


def test_a_preview_holds_nothing_of_the_original_but_its_points() -> None:
    noted = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.new("RGB", (100, 50), "blue").save(noted, "JPEG", exif=exif)

    shown = previews.draw(noted.getvalue())

    assert shown is not None
    assert b"taken at home" not in shown
    assert previews.draw(b"") is None
    assert previews.draw(bomb()) is None


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"\0\0\0\x18ftypqt  ", "video/quicktime"), (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x18ftyphevc", "image/heic"),
        (b"\0\0\0\x18ftypavif", "image/avif"), (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (b"\0\0\0\x18ftypM4A ", "audio/mp4"), (b"\xff\xf3\x40", "audio/mpeg"),
        ("สวัสดี\r\n".encode() * 1000, "text/plain"), ("ก".encode() + b"\xe0", "text/plain"),
        (b"\xff\xfe\x01", "application/octet-stream"), (b"", "application/octet-stream"),
        (b"\x1b[31mred", "application/octet-stream"),
        (b"PK\x03\x04..word/", "application/zip"),
    ],
)  # fmt: skip
def test_what_a_file_is_its_first_bytes_tell(first: bytes, kind: str) -> None:
    assert media_kinds.of(first) == kind
    assert kind == "application/octet-stream" or media_kinds.extension(kind).startswith(".")


def test_an_office_file_is_told_from_an_archive_by_its_first_piece() -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for n in range(60_000):
        book.active.append([hashlib.sha256(str(n).encode()).hexdigest()])
    book.save(file)
    first = file.getvalue()[:PIECE]

    assert len(file.getvalue()) > PIECE
    assert media_kinds.extension(media_kinds.of(first)) == ".xlsx"


@pytest.mark.parametrize(
    ("kind", "content", "name"),
    [("image", png(), "picture-{}.png"), ("audio", b"ID3 a voice", "voice-{}.mp3"),
     ("video", b"\0\0\0\x18ftypmp42", "video-{}.mp4"), ("image", b"\0\1", "picture-{}")],
)  # fmt: skip
def test_what_has_no_name_is_saved_by_what_it_is(
    account: OfficialAccount, server: Server, kind: str, content: bytes, name: str
) -> None:
    server.answer = gives(content)
    media = sent(account, kind)
    fetch()

    assert media_store.name_of(after(media)) == name.format(media.pk)


def test_one_that_was_tried_too_often_does_not_keep_the_next_from_being_fetched(
    account: OfficialAccount, server: Server
) -> None:
    server.answer = gives(png())
    tired, fresh = sent(account), sent(account)
    Media.objects.filter(pk=tired.pk).update(attempts=1_000)

    claimed = media_store.claim(at=now())

    assert claimed is not None
    assert claimed.media_id == fresh.pk
    assert after(tired).state == "refused"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a", "https://example.com/a", "https://infobip.com.example.com/a",
        "https://api.infobip.com@example.com/a", "https://u@abc.api.infobip.com/a", "http://api.infobip.com/a",
        "https://api.infobip.com:8443/a", "https://[", "file:///etc/passwd", "//127.0.0.1/a", "",
    ],
)  # fmt: skip
def test_what_lies_elsewhere_than_at_infobip_is_never_asked_for(url: str) -> None:
    provider = PROVIDERS["infobip"](
        {"api_key": "k" * 20, "sender": "SHOP"}, api_base_url="https://abc.api.infobip.com"
    )

    async def keep(_piece: bytes) -> bool:
        raise AssertionError("nothing may come")

    async def ask() -> Download:
        session = cast("Any", None)  # nothing may be asked
        return await provider.content(session, message_id="1", url=url, limit=LIMIT, keep=keep)

    assert asyncio.run(ask()).code == "refused"


@pytest.mark.parametrize(
    ("role", "status"),
    [("agent", 200), ("manager", 200), ("auditor", 200), ("author", 403), ("sender", 403)],
)
def test_who_may_take_a_file(
    account: OfficialAccount, server: Server, role: str, status: int
) -> None:
    server.answer = gives(png())
    media = sent(account)
    fetch()
    by = factories.user(role)
    client = Client()
    client.force_login(by)
    for rest in ("", "preview/"):
        assert client.get(f"/conversations/files/{media.pk}/{rest}").status_code == status
        assert client.post(f"/conversations/files/{media.pk}/{rest}").status_code == 405
    AccountScope.objects.create(user=by).accounts.set([factories.account("b", channel="2")])
    assert client.get(f"/conversations/files/{media.pk}/").status_code == (
        404 if status == 200 else 403
    )


def test_a_dropped_file_is_no_longer_handed_out(account: OfficialAccount, server: Server) -> None:
    server.answer = gives(png())
    media = sent(account)
    fetch()
    fetching.drop(ChatMessage.objects.all())

    client = Client()
    client.force_login(factories.user("agent"))
    answer = client.get(f"/conversations/files/{media.pk}/", follow=True)
    assert answer.redirect_chain == [(f"/conversations/{media.message.conversation_id}/", 302)]
    assert "This file was deleted: it was taken back, or its period is over." in str(answer.content)
    assert client.get(f"/conversations/files/{media.pk}/preview/").status_code == 404
    assert not MediaPart.objects.exists()
