"""What must hold before anything starts: a PostgreSQL that is new enough, and logs no person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

OLDEST = 160000  # PostgreSQL 16, as libpq numbers it


@register(Tags.database)
def postgresql_is_new_enough(
    app_configs: Any = None, databases: Sequence[str] | None = None, **_rest: Any
) -> list[Error]:
    """Return an error for a server older than PostgreSQL 16; run by `migrate`."""
    return [
        Error(
            f"DATABASE_URL leads to PostgreSQL {version // 10000}; lineportal needs 16 or newer.",
            id="lineportal.E001",
        )
        for alias in databases or []
        if (version := _version(alias)) < OLDEST
    ]


@register(Tags.database)
def postgresql_logs_no_values(
    app_configs: Any = None, databases: Sequence[str] | None = None, **_rest: Any
) -> list[CheckMessage]:
    """Return a warning where the server's log would hold phone numbers of failed statements."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('log_error_verbosity'),"
                " current_setting('log_min_error_statement'), current_user"
            )
            verbosity, statements, user = cursor.fetchone()
        if (verbosity, statements) != ("terse", "panic"):
            found.append(
                Warning(
                    "PostgreSQL writes the values of failed statements to its log, phone numbers"
                    " among them.",
                    hint=f"As its superuser: ALTER ROLE {user} SET log_error_verbosity = terse;"
                    f" ALTER ROLE {user} SET log_min_error_statement = panic;",
                    id="lineportal.W001",
                )
            )
    return found


def _version(alias: str) -> int:
    connection: Any = connections[alias]
    with connection.cursor():  # the version is known once connected
        return int(connection.pg_version)
