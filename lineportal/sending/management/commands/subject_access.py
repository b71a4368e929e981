from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from lineportal import typesetting
from lineportal.accounts.models import OfficialAccount
from lineportal.sending import subject_access
from recipients import intake, purposes
from recipients.intake import Invalid
from recipients.models import Recipient


class Command(BaseCommand):
    help = "Write everything held about a person into a file: JSON, or a PDF to hand over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="phone, national or with country code; or LINE user id")
        parser.add_argument("file", help="where to; its name ends in .json or .pdf")
        parser.add_argument("--account", required=True, help="slug")
        parser.add_argument("--purpose", required=True, help="for auditors; name nobody in it")

    def handle(self, *, person: str, file: str, **options: Any) -> str:
        form = file.rpartition(".")[2].lower()
        if form not in list(subject_access.Form):
            raise CommandError("Let the name of the file end in .json or .pdf.")
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        people = Recipient.objects.filter(account=account)
        try:
            if person.startswith("U"):
                found = people.filter(line_user_id=person).first()
            else:
                found = people.filter(phone=intake.read_phone(account, person).e164).first()
            if found is None:
                raise CommandError("We hold nobody with this number or id.")
            pack = subject_access.hand_out(
                found,
                form=subject_access.Form(form),
                purpose=options["purpose"],
                by=None,
                at=timezone.now(),
            )
        except (
            Invalid,
            purposes.MissingPurpose,
            subject_access.Forgotten,
            typesetting.MissingFont,
        ) as refusal:
            raise CommandError(str(refusal)) from refusal
        try:
            # For the eyes of who wrote it, and never over another file.
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(pack)
        except OSError as error:
            raise CommandError(f"“{file}” cannot be written: {error.strerror}.") from error
        return f"Everything we hold about person {found.pk} is in {file}."
