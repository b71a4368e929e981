"""What must hold before anything starts: a PostgreSQL that is new enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import Error, Tags, register
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


def _version(alias: str) -> int:
    connection: Any = connections[alias]
    with connection.cursor():  # the version is known once connected
        return int(connection.pg_version)
