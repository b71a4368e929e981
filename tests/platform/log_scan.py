"""Everything that the suite's programs write or export is kept, and scanned at the end of the run.

One full phone number or LINE user id in it fails the run. What is kept: each log record as the
real handler would write it, the output of commands and of started processes, their log files, what
the embedded PostgreSQL adds to its own log, the exported reports and the audit chain.
"""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import json
import logging
import logging.config
import os
import re
import subprocess
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from django.core.management.base import OutputWrapper
from django.db import connection

from lineportal import logs
from lineportal.audit import chain
from lineportal.audit.models import AuditEntry
from lineportal.sending import exports

OURS = ("lineportal", "recipients", "templates_app")
COUNTRIES = {"66": "TH", "81": "JP", "886": "TW"}
EXPORT = ",".join(exports.COLUMNS)

# What is digits but nobody's number.
_NOBODYS = re.compile(
    r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32,}\b"
    r"|\b\d{4}-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?"
    r"|(?:lsn=|\b(?:at|from|to) )[0-9A-F]{1,2}/[0-9A-F]{6,8}\b"  # a place in PostgreSQL's WAL
)
_DIGITS = re.compile(r"\+?[(]{0,2}\d(?:[ \t\u00a0().\-/\u2010-\u2015\u30fc\uff0d]{0,3}\d){7,}")
_USER_ID = re.compile(r"\bU[0-9a-f]{32}\b", re.IGNORECASE)
# The people of the tests without any prefix, as a spreadsheet would leave them.
_OF_TESTS = re.compile(r"8123\d{5}|812345678")


def numbers_in(text: str) -> Iterator[str]:
    """Yield the full numbers and LINE user ids in a text, in whatever script and notation."""
    yield from _USER_ID.findall(text)
    text = _NOBODYS.sub(" ", unicodedata.normalize("NFKC", text))
    for candidate in _DIGITS.findall(text):
        digits = "".join(str(unicodedata.decimal(each)) for each in candidate if each.isdecimal())
        if _OF_TESTS.search(digits) or _is_number(digits, is_international="+" in candidate):
            yield candidate


def _is_number(digits: str, *, is_international: bool) -> bool:
    for code, country in COUNTRIES.items():
        national = digits[1:] if digits.startswith("0") and not is_international else ""
        if digits.startswith(code) and (is_international or len(digits) > len(code) + 8):
            national = digits[len(code) :].removeprefix("0")
        if not 8 <= len(national) <= 10:
            continue
        number = phonenumbers.parse(f"+{code}{national}")
        if phonenumbers.is_valid_number_for_region(number, country):
            return True
    return False


def database_log() -> Path | None:
    """Return the embedded PostgreSQL's own log, where the tests use that and may read it."""
    if connection.settings_dict["ENGINE"] != "lineportal.embedded_backend":
        return None
    log = Path(str(connection.settings_dict["EMBEDDED_FOLDER"])) / "log"
    return log if os.access(log, os.R_OK) else None


class Written(logging.Handler):
    """The product's own handler, into a file of ours; the caller's record stays as it is."""

    def __init__(self, file: io.TextIOBase, configuration: dict[str, Any]) -> None:
        super().__init__(logging.NOTSET)
        configurator = logging.config.DictConfigurator(configuration)
        self.configured = [
            configurator.configure_formatter(each) for each in configuration["formatters"].values()
        ]
        for each in configuration["handlers"]["stderr"].get("filters", ()):
            self.addFilter(configurator.configure_filter(configuration["filters"][each]))
        self._file = file

    def handle(self, record: logging.LogRecord) -> Any:
        return super().handle(copy.copy(record))

    def emit(self, record: logging.LogRecord) -> None:
        for formatter in self.configured:
            self._file.write(f"{formatter.format(record)}\n")


class Scan:
    """A plugin of one run. `configuration`: what stands for the product's LOGGING."""

    def __init__(self, configuration: dict[str, Any] | None = None) -> None:
        self.configuration = configuration or logs.configuration(debug=False)
        self.found: list[str] = []
        self.lines = 0
        self.serial = itertools.count(1)  # of started processes' files

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.folder: Path = session.config._tmp_path_factory.mktemp("written")  # type: ignore[attr-defined]
        self._log = (self.folder / "records.txt").open("w", encoding="utf-8")
        self._said = (self.folder / "said.txt").open("w", encoding="utf-8")
        self._handler = Written(self._log, self.configuration)
        log = database_log()
        self._database_log_from = log.stat().st_size if log else 0
        self._keep_output_of_commands()
        self._keep_output_of_processes()
        self._keep_exports()
        self._keep_audit_entries()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        # Some tests configure logging anew. First, as the real handler masks the record itself.
        root = logging.getLogger()
        if root.handlers[:1] != [self._handler]:
            root.removeHandler(self._handler)
            root.handlers.insert(0, self._handler)
            root.setLevel(logging.INFO)
            for name in OURS:
                logging.getLogger(name).setLevel(logging.DEBUG)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        logging.getLogger().removeHandler(self._handler)
        self._log.close()
        self._said.close()
        self.scan(self._files(session))
        if self.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        # In a process of pytest-xdist: for the one that tells the user.
        if (told := getattr(session.config, "workeroutput", None)) is not None:
            told["numbers"] = [self.found, self.lines]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        found, lines = getattr(node, "workeroutput", {}).get("numbers", ([], 0))
        self.found += found
        self.lines += lines

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.found:
            terminalreporter.section("full numbers where none may be", red=True)
            for line in self.found[:50]:
                terminalreporter.write_line(line)
        else:
            terminalreporter.write_line(f"{self.lines} lines of logs and exports name nobody.")

    def scan(self, files: Iterable[Path]) -> None:
        """Read files line by line; note where a number stands, without repeating it."""
        for path in files:
            with path.open(encoding="utf-8", errors="replace") as file:
                if path == database_log():
                    file.seek(self._database_log_from)
                for number, line in enumerate(file, start=1):
                    self.lines += 1
                    for found in numbers_in(line):
                        beside = logs.masked(line.replace(found, "<HERE>")).strip()
                        self.found.append(f"{path}:{number}: {beside[:200]}")

    def said(self, text: str) -> None:
        self._said.write(f"{text}\n")

    def _keep_output_of_commands(self) -> None:
        write, said = OutputWrapper.write, self.said

        def kept(self: OutputWrapper, message: Any = "", *given: Any, **named: Any) -> None:
            said(str(message))
            write(self, message, *given, **named)

        OutputWrapper.write = kept  # type: ignore[method-assign]

    def _keep_output_of_processes(self) -> None:
        scan = self

        class Watched(subprocess.Popen):  # type: ignore[type-arg]
            """A process whose output is kept wherever the test itself has no use for it."""

            def __init__(self, arguments: Any, *given: Any, **named: Any) -> None:
                is_ours = not isinstance(arguments, str) and any(
                    "manage.py" in str(each) or "lineportal" in str(each) for each in arguments
                )
                with contextlib.ExitStack() as files:
                    for stream in ("stdout", "stderr"):
                        if is_ours and named.get(stream) == subprocess.DEVNULL:
                            path = scan.folder / f"{stream}-{next(scan.serial)}.txt"
                            named[stream] = files.enter_context(path.open("wb"))
                    super().__init__(arguments, *given, **named)

            def communicate(self, *given: Any, **named: Any) -> Any:
                out, errors = super().communicate(*given, **named)
                for each in (out, errors):
                    if each:
                        scan.said(each if isinstance(each, str) else each.decode(errors="replace"))
                return out, errors

        subprocess.Popen = Watched  # type: ignore[misc]

    def _keep_exports(self) -> None:
        real, folder = exports.lines, self.folder

        def kept(*given: Any, **named: Any) -> Iterator[str]:
            with (folder / "exports.txt").open("a", encoding="utf-8") as file:
                for line in real(*given, **named):
                    file.write(line)
                    yield line

        exports.lines = kept

    def _keep_audit_entries(self) -> None:
        real, said = chain.write, self.said

        def kept(action: str, **named: Any) -> AuditEntry:
            entry = real(action, **named)
            said(json.dumps(chain.content(entry), ensure_ascii=False))
            return entry

        chain.write = kept

    def _files(self, session: pytest.Session) -> Iterator[Path]:
        yield from sorted(self.folder.iterdir())
        if log := database_log():
            yield log
        for path in sorted(self.folder.parent.rglob("*")):
            if path.is_file() and not path.is_symlink() and self.folder not in path.parents:
                is_log = path.suffix == ".log" or path.name == "log"  # the latter: PostgreSQL's
                if is_log or (path.stat().st_size and _begins_as_export(path)):
                    yield path


def _begins_as_export(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(len(EXPORT))
    return start == EXPORT.encode() or (start[:1] == b"{" and b'"account_id"' in start)
