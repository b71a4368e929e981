"""Django's PostgreSQL backend over the embedded server, which starts when something connects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base

from lineportal import postgres

# One look per process and folder: asking the server costs 10 ms.
_started: dict[str, str] = {}


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        folder = str(self.settings_dict["EMBEDDED_FOLDER"])
        if folder not in _started:
            _started[folder] = str(postgres.start(Path(folder)))
        self.settings_dict["HOST"] = _started[folder]
        return super().get_connection_params()

    def connect(self) -> None:
        try:
            super().connect()
        except base.Database.OperationalError:
            # The server may have been stopped since; start it once more.
            _started.pop(str(self.settings_dict["EMBEDDED_FOLDER"]), None)
            super().connect()
