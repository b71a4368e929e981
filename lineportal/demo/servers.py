"""The demo's own processes: simulator, worker and web server, started and ended together."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
FIRST_PORT = 8000
START_SECONDS = 60.0
STOP_SECONDS = 15.0


class DidNotStart(Exception):
    """One of the demo's processes did not come up; the text says which and where its log is."""


class Servers:
    """Starts programs of this checkout and ends each by its own id, last first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, *arguments: str, **environment: str) -> Path:
        """Start `python ARGUMENTS` with its output in a log; return the log's path."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,  # Ctrl-C is for the demo, which then ends them in order
            )
        self._processes.append((name, process))
        return log

    def check(self) -> None:
        """Raise DidNotStart if any process has ended."""
        for name, process in self._processes:
            if process.poll() is not None:
                raise DidNotStart(
                    f"The {name} ended by itself; its log is {self._logs / name}.log."
                )

    def stop(self) -> None:
        for _name, process in reversed(self._processes):
            process.terminate()
        for _name, process in reversed(self._processes):
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()


@contextlib.contextmanager
def running(logs: Path) -> Iterator[Servers]:
    servers = Servers(logs)
    try:
        yield servers
    finally:
        servers.stop()


def free_port(first: int = FIRST_PORT) -> int:
    """Return the first port from `first` on that nobody listens on."""
    for port in range(first, first + 1000):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise DidNotStart(f"No port from {first} to {first + 999} is free.")


def printed_address(log: Path, servers: Servers) -> str:
    """Wait for the line in which the simulator tells its address."""
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at:
        servers.check()
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("LINE simulator on "):
                return line.rsplit(" ", 1)[1]
        time.sleep(0.1)
    raise DidNotStart(f"The simulator did not come up; its log is {log}.")


def wait_for(url: str, servers: Servers) -> None:
    """Wait until an address answers 200."""
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at:
        servers.check()
        try:
            with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own server
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)
    raise DidNotStart(f"{url} did not answer within {START_SECONDS:.0f} seconds.")
