"""A bare HTTP sink: answers every POST as LINE would, does nothing else, and counts.

`python -m tests.benchmarks.sink` prints its port. GET answers, as JSON, the moments of the POSTs
since the last GET: how many in each hundredth of a second, by the monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter

import uvloop

_HEAD_END = b"\r\n\r\n"
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"X-Line-Request-Id: 8ce1b9e2-4f1c-4b93-a1f8-91d4b6d0c0de\r\nContent-Length: 2\r\n\r\n{}"
)


class Sink(asyncio.Protocol):
    def __init__(self, posts: Counter[int]) -> None:
        self._posts = posts
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._waiting + data if self._waiting else data
        answers = []
        while (head_end := data.find(_HEAD_END)) >= 0:
            head = data[:head_end].lower()
            if head.startswith(b"get "):
                body = json.dumps(sorted(self._posts.items())).encode()
                self._posts.clear()
                answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                data = data[head_end + 4 :]
                continue
            begin = head.find(b"content-length:") + 15
            end = head.find(b"\r\n", begin)
            length = int(head[begin : end if end > 0 else None])
            if len(data) < head_end + 4 + length:
                break
            data = data[head_end + 4 + length :]
            self._posts[int(time.monotonic() * 100)] += 1
            answers.append(_ANSWER)
        self._waiting = data
        if answers:
            self._transport.write(b"".join(answers))  # type: ignore[attr-defined]


async def serve() -> None:
    posts: Counter[int] = Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(posts), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
