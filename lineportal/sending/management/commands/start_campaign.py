from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import audience, campaigns, freezing, quota, reports, rows, saved_audiences
from lineportal.sending.models import Campaign
from recipients.intake import Invalid

SHELL_USER = "shell"


class Command(BaseCommand):
    help = "Send an approved template to everyone eligible, or one message per row of a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="slug")
        parser.add_argument("--template", required=True, help="key, or id of one version")
        parser.add_argument("--name", required=True, help="unique per account")
        parser.add_argument("--file", type=Path, help="CSV or XLSX: a phone and values per row")
        parser.add_argument("--audience", default="", help="name of a saved audience")
        parser.add_argument(
            "--item", default="", help="the column that tells a person's rows apart"
        )
        parser.add_argument(
            "--canary", type=int, help="send so many first, then pause until a person has looked"
        )
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        parser.add_argument(
            "--over-quota",
            action="store_true",
            help="start although fewer messages are left of the month; it stops there",
        )
        parser.add_argument("--resume", action="store_true", help="go on with the one of this name")
        parser.add_argument(
            "--wait", action="store_true", help="until nothing is queued or sending"
        )

    def handle(self, *, name: str, dry_run: bool, resume: bool, wait: bool, **options: Any) -> None:
        account = OfficialAccount.objects.filter(slug=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account “{options['account']}”.")
        try:
            campaign = self._campaign(account, name, dry_run, resume, options)
        except (campaigns.WrongState, campaigns.NameTaken, quota.OverQuota, Invalid) as refusal:
            raise CommandError(str(refusal)) from refusal
        if campaign is None:
            return
        freezing.write_all(
            campaign.pk, at=timezone.now()
        )  # large ones; without waiting for a worker
        campaign.refresh_from_db()
        self.stdout.write(f"Campaign {campaign.pk} is {campaign.state}.")
        if wait:
            self._wait(campaign)
        campaign.refresh_from_db()
        report = reports.report(campaign, at=timezone.now())
        self.stdout.write(f"total {report.total}")
        for title, counts in (("status", report.by_status), ("rule", report.by_rule)):
            for key, n in sorted(counts.items()):
                self.stdout.write(f"{title} {key} {n}")

    def _campaign(
        self,
        account: OfficialAccount,
        name: str,
        dry_run: bool,
        resume: bool,
        options: dict[str, Any],
    ) -> Campaign | None:
        at = timezone.now()
        by = shell_user()
        known = Campaign.objects.filter(account=account, name=name.strip()).first()
        if known is not None and resume:
            if dry_run:
                self._print_preview(known)
                return None
            if known.state == Campaign.State.PAUSED:
                return campaigns.resume(known, by=by, at=at)
            if known.state == Campaign.State.DRAFT:
                return campaigns.start(known, by=by, at=at, over_quota=options["over_quota"])
            if known.state == Campaign.State.CANCELLED:
                raise CommandError(_("The campaign was cancelled; start one of another name."))
            return known
        if options["item"] and not options["file"]:
            raise CommandError(_("--item names a column of --file; give both."))
        if options["audience"] and options["file"]:
            raise CommandError(_("Give either --audience or --file, not both."))
        with transaction.atomic():
            template = campaigns.approved_template(account, options["template"])
            lines = None
            chosen: dict[str, Any] = {}
            if options["audience"]:
                chosen = {"saved": saved_audiences.named(account, options["audience"]).pk}
            if options["file"]:
                lines = rows.from_file(
                    _read(options["file"]), account=account, item_column=options["item"]
                )
            campaign = campaigns.create(
                account,
                template=template,
                name=name,
                by=by,
                at=at,
                audience={"rows": len(lines)} if lines is not None else chosen,
                item_column=options["item"],
                canary_size=options["canary"],
            )
            if lines is not None:
                rows.add(campaign, lines, at=at)
            if dry_run:
                self._print_preview(campaign)
                transaction.set_rollback(True)
                return None
            return campaigns.start(campaign, by=by, at=at, over_quota=options["over_quota"])

    def _print_preview(self, campaign: Campaign) -> None:
        preview = reports.preview(audience.preview(campaign, at=timezone.now()))
        self.stdout.write(f"Dry run, nothing is sent. total {preview.total}")
        for title, counts in (
            ("verdict", preview.by_verdict),
            ("rule", preview.by_rule),
        ):
            for key, n in sorted(counts.items()):
                self.stdout.write(f"{title} {key} {n}")

    def _wait(self, campaign: Campaign) -> None:
        while True:
            campaign.refresh_from_db()
            report = reports.report(campaign, at=timezone.now())
            if campaign.state != Campaign.State.RUNNING or not report.unfinished:
                return
            time.sleep(0.5)


def shell_user() -> User:
    """Return the user that stands for whoever may run commands here; nobody can log in as it."""
    user, is_new = User.objects.get_or_create(
        username=SHELL_USER, defaults={"is_superuser": True, "is_staff": False}
    )
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"The file {path} cannot be read.") from error
