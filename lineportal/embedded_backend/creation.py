"""Test databases on the embedded server: each run has its own, and tidies up after killed ones."""

from __future__ import annotations

import os
import re
from typing import Any

from django.db.backends.postgresql import creation

# tests/settings.py names them: the process id, and pytest-xdist's worker behind it.
_NAME = re.compile(r"test_lineportal_(\d+)(_\w+)?")


class DatabaseCreation(creation.DatabaseCreation):
    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> str:
        with self._nodb_cursor() as cursor:  # type: ignore[attr-defined]
            drop_abandoned(cursor)
        name: str = super()._create_test_db(verbosity, autoclobber, keepdb)  # type: ignore[misc]
        return name


def drop_abandoned(cursor: Any) -> None:
    """Drop the databases of this machine's test runs whose process is gone."""
    cursor.execute("SELECT datname FROM pg_database")
    for (name,) in cursor.fetchall():
        match = _NAME.fullmatch(name)
        if match and not _lives(int(match[1])):
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
