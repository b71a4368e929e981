from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal.accounts.models import OfficialAccount
from lineportal.typesetting import MissingFont
from templates_app import dossier
from templates_app.content import InvalidContent
from templates_app.dossier_words import LANGUAGES
from templates_app.models import MessageTemplate


class Command(BaseCommand):
    help = "Build a template's dossier for LINE's account manager: a PDF, or a ZIP with all files."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", help="the template's key")
        parser.add_argument("--account", help="slug; needed where several accounts have the key")
        parser.add_argument("--template-version", type=int, help="by default the newest")
        parser.add_argument("--language", default="", help=", ".join(LANGUAGES))
        parser.add_argument("--format", default="zip", help="zip or pdf")
        parser.add_argument("--out", help="file or folder to write to; by default here")

    def handle(self, *, key: str, **options: Any) -> str:
        slug = options["account"]
        if slug and not OfficialAccount.objects.filter(slug=slug).exists():
            raise CommandError(f"There is no account “{slug}”.")
        versions = MessageTemplate.objects.filter(key=key)
        if slug:
            versions = versions.filter(account__slug=slug)
        slugs = sorted(set(versions.values_list("account__slug", flat=True)))
        if len(slugs) > 1:
            raise CommandError(f"Say --account: {', '.join(slugs)} have a template “{key}”.")
        if options["template_version"]:
            versions = versions.filter(version=options["template_version"])
        template = versions.select_related("account").order_by("-version").first()
        if template is None:
            raise CommandError(f"There is no such version of a template “{key}”.")
        try:
            name, file = dossier.build(
                template,
                by=None,
                at=timezone.now(),
                language=options["language"],
                form=options["format"],
            )
        except InvalidContent as refusal:
            raise CommandError(" ".join(refusal.problems.values())) from refusal
        except MissingFont as refusal:
            raise CommandError(str(refusal)) from refusal
        out = Path(options["out"] or ".")
        path = out / name if out.is_dir() else out
        try:
            path.write_bytes(file)
        except OSError as error:
            raise CommandError(f"“{path}” cannot be written: {error.strerror}.") from error
        return f"The dossier of {template} is in {path}."
