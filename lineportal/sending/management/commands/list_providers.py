from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.sending import support


class Command(BaseCommand):
    help = "Show which providers serve which service in which country, and their credentials."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--document",
            metavar="FILE",
            help="write the tables into this file, between its marks, such as"
            " docs/providers/README.md",
        )

    def handle(self, *, document: str | None, **options: Any) -> str:
        if document is None:
            return f"{support.served()}\n\n{support.settings()}"
        path = Path(document)
        try:
            path.write_text(support.documented(path.read_text(encoding="utf-8")), encoding="utf-8")
        except (OSError, ValueError, support.MissingMarks) as problem:
            raise CommandError(f"{document} cannot be written anew: {problem}") from problem
        return f"{document} has the tables of now."
