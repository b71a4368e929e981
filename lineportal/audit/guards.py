"""Database triggers that more than one app declares beside its models."""

from __future__ import annotations

import pgtrigger


def never_truncated(name: str) -> pgtrigger.Trigger:
    """Return a trigger that refuses TRUNCATE, except in test databases.

    Django's test runner empties tables by TRUNCATE; its connections say so by the setting
    `lineportal.testing`. Anybody may set that, so the database must be a test's by its name too.
    """
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func="""
            IF current_setting('lineportal.testing', true) = 'on'
               AND starts_with(current_database(), 'test_') THEN RETURN NULL; END IF;
            RAISE EXCEPTION 'lineportal: % may not be truncated', TG_TABLE_NAME;
        """,
    )


def append_only(name: str) -> pgtrigger.Trigger:
    """Return a trigger that refuses UPDATE and DELETE."""
    return pgtrigger.Protect(name=name, operation=pgtrigger.Update | pgtrigger.Delete)
