"""The database's own log names nobody: neither the embedded server's, nor, unnoticed, another's."""

from __future__ import annotations

from django.db import connection

from lineportal import checks, postgres


def test_the_embedded_server_logs_no_values() -> None:
    assert postgres.SETTINGS["log_error_verbosity"] == "terse"
    assert postgres.SETTINGS["log_min_error_statement"] == "panic"


def test_another_server_that_does_is_pointed_out(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser') = 'on'")
        if not cursor.fetchone()[0]:
            return  # there it is as its superuser set it
        for verbosity, statements, found in (
            ("terse", "panic", []),
            ("default", "panic", ["lineportal.W001"]),
            ("terse", "error", ["lineportal.W001"]),
        ):
            cursor.execute(f"SET LOCAL log_error_verbosity = {verbosity}")
            cursor.execute(f"SET LOCAL log_min_error_statement = {statements}")
            said = checks.postgresql_logs_no_values(databases=["default"])
            assert [message.id for message in said] == found
