"""Django's PostgreSQL backend over the embedded server, which starts when something connects.

Procrastinate takes its parameters from the same wrapper, so its pool starts the server too.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base, client
from psycopg import OperationalError

from lineportal import postgres
from lineportal.embedded_backend import creation

# One look per process and folder: asking the server costs 10 ms.
_started: dict[str, postgres.ConnectionInfo] = {}


class DatabaseClient(client.DatabaseClient):
    def runshell(self, parameters: Iterable[str]) -> None:
        self.connection.get_connection_params()  # `dbshell` asks for the host without connecting
        super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient
    creation_class = creation.DatabaseCreation

    def get_connection_params(self) -> dict[str, Any]:
        folder = str(self.settings_dict["EMBEDDED_FOLDER"])
        if folder not in _started:
            _started[folder] = postgres.start(Path(folder))
        where = _started[folder]
        self.settings_dict.update(HOST=where.host, PORT=where.port, USER=where.user)
        return super().get_connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except OperationalError:
            # The server may have been stopped since we looked; start it once more.
            _started.pop(str(self.settings_dict["EMBEDDED_FOLDER"]), None)
            return super().get_new_connection(self.get_connection_params())
