"""The tables of the providers: docs and code agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from lineportal.accounts.models import Country, Service
from lineportal.providers import PROVIDERS
from lineportal.sending import routing, support
from lineportal.settings import BASE_DIR

PAGES = Path(BASE_DIR) / "docs" / "providers"


def test_the_kept_tables_are_what_the_code_says() -> None:
    text = (PAGES / "README.md").read_text(encoding="utf-8")

    assert text == support.documented(text), (
        "docs/providers/README.md is old; write it anew with:"
        " manage.py list_providers --document docs/providers/README.md"
    )


def test_the_table_says_what_is_refused_and_what_is_not() -> None:
    rows = [line.strip("| ").split(" | ") for line in support.served().splitlines()[2:]]
    told = {
        (name.strip("`"), service.strip("`"), country)
        for name, service, *cells in rows
        for country, cell in zip(Country.values, cells, strict=False)
        if cell == "yes"
    }

    assert told == {
        (name, service, country)
        for name, kind in PROVIDERS.items()
        for service in Service.values
        for country in routing.countries(kind, service)
    }


def test_a_document_without_marks_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("Nothing of the kind.\n", encoding="utf-8")

    with pytest.raises(CommandError, match="needs the lines"):
        call_command("list_providers", document=str(path))

    assert path.read_text(encoding="utf-8") == "Nothing of the kind.\n"
