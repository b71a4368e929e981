"""Payloads as the providers document them, read from the files beside this."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def recorded(provider: str, name: str) -> Any:
    """Return what `<provider>/<name>.json` holds."""
    return json.loads((_HERE / provider / f"{name}.json").read_text())


def webhooks(provider: str) -> dict[str, bytes]:
    """Return the raw bodies of `<provider>/webhooks.json` by their names."""
    return {
        each["name"]: json.dumps(each["body"], ensure_ascii=False, separators=(",", ":")).encode()
        for each in recorded(provider, "webhooks")["webhooks"]
    }
