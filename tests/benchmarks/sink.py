"""A bare HTTP sink: answers every POST as LINE would, does nothing else, and counts.

`python -m tests.benchmarks.sink` prints its port. GET answers the count and the moments (seconds,
monotonic) of the first and the last POST since the last GET, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import time

import uvloop

_HEAD_END = b"\r\n\r\n"
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"X-Line-Request-Id: 8ce1b9e2-4f1c-4b93-a1f8-91d4b6d0c0de\r\nContent-Length: 2\r\n\r\n{}"
)


class Counter:
    def __init__(self) -> None:
        self.count = 0
        self.first = self.last = 0.0

    def take(self, n: int) -> None:
        self.last = time.monotonic()
        if not self.count:
            self.first = self.last
        self.count += n

    def read(self) -> bytes:
        text = json.dumps({"count": self.count, "first": self.first, "last": self.last})
        self.count = 0
        return text.encode()


class Sink(asyncio.Protocol):
    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._waiting + data if self._waiting else data
        answers = []
        while (head_end := data.find(_HEAD_END)) >= 0:
            head = data[:head_end].lower()
            if head.startswith(b"get "):
                body = self._counter.read()
                answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                data = data[head_end + 4 :]
                continue
            begin = head.find(b"content-length:") + 15
            end = head.find(b"\r\n", begin)
            length = int(head[begin : end if end > 0 else None])
            if len(data) < head_end + 4 + length:
                break
            data = data[head_end + 4 + length :]
            self._counter.take(1)
            answers.append(_ANSWER)
        self._waiting = data
        if answers:
            self._transport.write(b"".join(answers))  # type: ignore[attr-defined]


async def serve() -> None:
    counter = Counter()
    server = await asyncio.get_running_loop().create_server(lambda: Sink(counter), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve())
