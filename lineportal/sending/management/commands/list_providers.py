from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from lineportal.sending import support


class Command(BaseCommand):
    help = "Show which providers serve which service in which country, and their credentials."

    def handle(self, **options: Any) -> str:
        return f"{support.served()}\n\n{support.settings()}"
