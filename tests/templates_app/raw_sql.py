"""Raw SQL as the application's own role, for tests of what the database keeps."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction


def execute(sql: str, *params: Any) -> int:
    """Run one statement as the application does, with what waits for the end checked at once."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        changed = cursor.rowcount
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return changed


def refused(sql: str, *params: Any) -> str:
    """Run a statement that must be refused; return what the database said."""
    with pytest.raises(DatabaseError) as refusal:
        execute(sql, *params)
    return str(refusal.value)
