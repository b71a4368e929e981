from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.simulator import server


class Command(BaseCommand):
    help = "Run the LINE simulator: LINE's endpoints by the book, on this machine only."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8099, help="0 for any free port")

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        def ready(url: str) -> None:
            self.stdout.write(f"LINE simulator on {url}")
            self.stdout.flush()

        try:
            server.run(host, port, ready=ready)
        except OSError as error:
            raise CommandError(
                f"Port {port} is not free; choose another with --port, or --port 0."
            ) from error
