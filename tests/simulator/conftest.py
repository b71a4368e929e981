"""One simulator for all these tests, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lineportal.simulator import server
from tests.simulator.driving import Inbox, Line, receiving


@pytest.fixture(scope="session")
def simulator_url() -> Iterator[str]:
    with server.running() as running:
        yield running.url


@pytest.fixture
def line(simulator_url: str) -> Line:
    """An empty simulator with one channel."""
    line = Line(simulator_url)
    line.control("POST", "reset")
    line.channel()
    return line


@pytest.fixture
def inbox(line: Line) -> Iterator[Inbox]:
    """The webhook endpoint of that channel."""
    with receiving() as inbox:
        line.channel(webhook_url=inbox.url)
        yield inbox
        line.control("POST", "reset")
