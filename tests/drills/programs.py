"""The real programs of a drill: simulator, workers, web server. All end when the drill does."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.drills.place import PROJECT
from tests.line import Line

START_SECONDS = 60.0
STOP_SECONDS = 1.0  # the verdict has been given by then


class DidNotHappen(Exception):
    """What a drill waited for did not come about in time."""


def wait(is_so: Callable[[], bool], what: str, *, seconds: float, pause: float = 0.05) -> None:
    """Wait until it is so; raises DidNotHappen."""
    ends_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends_at:
            raise DidNotHappen(f"after {seconds:.0f} s it was still not so that {what}")
        time.sleep(pause)


def interrupted(*_signal: object) -> None:
    """End by KeyboardInterrupt, once: what is then tidied up is not interrupted again."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Programs:
    """Starts programs of this checkout, each with its own log, and ends those still running."""

    def __init__(self, logs: Path, environment: dict[str, str]) -> None:
        self.environment = environment
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        with self.log(name).open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=PROJECT,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the drill, which then ends them
            )
        self._running[name] = process
        return process

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def kill(self, name: str) -> None:
        """`kill -9`."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Ask all to end, and kill those that do not."""
        for process in self._running.values():
            process.terminate()
        ends_at = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            try:
                process.wait(max(0.1, ends_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()


class Simulator(Line):
    """The simulator as a process of its own, on one port for as long as the drill lasts."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._port = free_port()
        super().__init__(f"http://127.0.0.1:{self._port}")

    def start(self) -> None:
        self._programs.start("simulator", "-m", "lineportal.simulator", "--port", str(self._port))
        wait(lambda: answers(f"{self.url}/healthz"), "the simulator answers", seconds=START_SECONDS)

    def kill(self) -> None:
        """End it at once: its log, people and channels are forgotten."""
        self._programs.kill("simulator")


class Workers:
    """Worker processes; one that is killed or ends by itself is replaced at once."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._serial = 0
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ended = 0  # by themselves

    def start(self, **environment: str) -> str:
        """Start one; return its name, under which PostgreSQL knows its connections."""
        self._serial += 1
        name = f"worker-{self._serial}"
        self.running[name] = self._programs.start(
            name, "manage.py", "run_worker", PGAPPNAME=name, **environment
        )
        return name

    def kill(self, name: str) -> None:
        """`kill -9`; nobody takes its place yet."""
        del self.running[name]
        self._programs.kill(name)

    def replace_ended(self) -> None:
        """Do what a service manager does: start another one for each that has ended."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                del self.running[name]
                self.ended += 1
                self.start()


def answers(url: str) -> bool:
    """Return whether an address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own server
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
