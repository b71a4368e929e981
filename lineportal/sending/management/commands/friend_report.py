from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from lineportal.sending import clock, friend_counts, friend_figures
from lineportal.sending.management import given


class Command(BaseCommand):
    help = "Print how an account's friends grew and who blocked it, a line for each day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="the account's slug")
        parser.add_argument("--days", type=int, default=30, help="how many, today included")

    def handle(self, *, account: str, days: int, **options: Any) -> None:
        if not 1 <= days <= friend_figures.MOST_DAYS:
            raise CommandError(f"--days is from 1 to {friend_figures.MOST_DAYS}.")
        of = given.account(account)
        figures = friend_figures.of(of, days=days, at=clock.now())
        self.stdout.write("day         friends      new  unblocked  blocked     left")
        for day in figures.days:
            self.stdout.write(
                f"{day.day}  {day.friends:>7,}  {day.new:>7,}  {day.unblocked:>9,}"
                f"  {day.blocked:>7,}  {day.left:>7,}"
            )
        percent = "-" if figures.block_percent is None else f"{figures.block_percent} %"
        self.stdout.write(f"{figures.friends:,} friends, {figures.blockers:,} blocked ({percent}).")
        for told in friend_counts.beside(of, figures)[:1]:
            self.stdout.write(
                f"LINE on {told.day}: {told.friends:,} friends ({told.friends_difference:+,} with"
                f" us), {told.blocks:,} blocked ({told.blocks_difference:+,} with us)."
                f" {told.meaning}"
            )
