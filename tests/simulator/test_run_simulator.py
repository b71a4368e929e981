"""`manage.py run_simulator` and `python -m lineportal.simulator` as programs of their own."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulator.driving import Line

ROOT = Path(__file__).resolve().parents[2]
ALONE = ["-m", "lineportal.simulator"]
MANAGED = ["manage.py", "run_simulator"]


@pytest.mark.parametrize(
    ("program", "number"),
    [(ALONE, signal.SIGTERM), (ALONE, signal.SIGINT), (MANAGED, signal.SIGTERM)],
)
def test_it_says_where_it_listens_and_stops_at_a_signal(
    program: list[str], number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, *program, "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("LINE simulator on http://127.0.0.1:")
        line = Line(first.split()[-1])
        assert line.call("GET", "/healthz").status == 200

        process.send_signal(number)
        rest, errors = process.communicate(timeout=10)
    finally:
        process.kill()
        process.communicate()

    assert (process.returncode, rest) == (0, "")
    assert "Traceback" not in errors


@pytest.mark.parametrize("program", [ALONE, MANAGED])
def test_a_taken_port_is_one_sentence_and_status_1(line: Line, program: list[str]) -> None:
    port = line.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, *program, "--port", port],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_it_imports_nothing_of_the_portal() -> None:
    allowed = {
        "aiohttp",
        "uvloop",
        "phonenumbers",
        "__future__",
        *sys.stdlib_module_names,
    }
    for path in (ROOT / "lineportal" / "simulator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                ours = name == "lineportal.simulator" or name.startswith("lineportal.simulator.")
                django = name.startswith("django.") and path.name in (
                    "apps.py",
                    "run_simulator.py",
                )
                assert ours or django or name.split(".")[0] in allowed, (path, name)
