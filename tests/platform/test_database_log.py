"""The database's own log names nobody: neither the embedded server's, nor, unnoticed, another's."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection

from lineportal import checks, postgres
from tests import factories
from tests.platform import log_scan


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
            cursor.execute(f"SET LOCAL log_error_verbosity = '{verbosity}'")
            cursor.execute(f"SET LOCAL log_min_error_statement = '{statements}'")
            said = checks.postgresql_logs_no_values(databases=["default"])
            assert [message.id for message in said] == found


def test_a_refused_statement_leaves_no_number_in_the_embedded_servers_log(
    transactional_db: None,
) -> None:
    log = log_scan.database_log()
    if log is None:
        return  # the log of another server is not ours to read
    read_from = log.stat().st_size
    account = factories.account()
    phone = "+66812345678"
    insert = (
        "INSERT INTO recipients_suppression (account_id, phone, reason, created_at)"
        " VALUES (%s, %s, 'asked', now())"
    )

    with connection.cursor() as cursor:
        cursor.execute(insert, [account.pk, phone])
        with pytest.raises(DatabaseError):
            cursor.execute(insert, [account.pk, phone])

    with log.open(encoding="utf-8", errors="replace") as file:
        file.seek(read_from)
        said = file.read()
    assert "one_suppression_in_force_per_phone" in said  # it is this server's log
    assert list(log_scan.numbers_in(said)) == []
