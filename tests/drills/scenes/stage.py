"""What every drill stands on: simulator, witness, workers, a campaign, and a look at its rows."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from django.db import connection
from django.db.utils import DatabaseError, InterfaceError

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.sending import campaigns, clock, reports
from lineportal.sending.models import Campaign
from tests import factories
from tests.drills import programs
from tests.drills.judge import Row
from tests.drills.place import Place
from tests.drills.programs import Programs, Simulator, Workers
from tests.drills.witness import Witness
from tests.line import CHANNEL, SECRET

TOKEN = "a-token-of-the-drills-0123456789"
_BATCH = 10_000
_LOOK_SECONDS = 1.0  # how often the report is asked while things go wrong


class Wrong(Exception):
    """Something that holds at every moment did not hold during a drill."""


@dataclass(slots=True)
class Stage:
    """One drill's world.

    `may_be_uncertain` grows at every kill by the ids of what was `sending` right after it.
    """

    place: Place
    programs: Programs
    simulator: Simulator
    witness: Witness
    workers: Workers
    random: Random
    people: int = 0
    account: OfficialAccount | None = None
    campaign: Campaign | None = None
    may_be_uncertain: set[int] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    web: str = ""  # the web server's address, where the drill has one
    _looked_at: float = 0.0

    # --- setting up

    def begin(
        self, *, people: int, rate: int, workers: int = 2, consent: str = "agreed", **person: Any
    ) -> None:
        """Make account and people, have workers up, and start the campaign."""
        self.ready(people=people, rate=rate, workers=workers, consent=consent, **person)
        self.start()

    def ready(
        self, *, people: int, rate: int, workers: int = 2, consent: str = "agreed", **person: Any
    ) -> None:
        """Do all that `begin` does but start the campaign."""
        for _ in range(workers):
            self.workers.start()
        self.prepare(people=people, rate=rate, consent=consent, **person)
        self.until(lambda: self.are_up(workers), "the workers are up", seconds=60)

    def prepare(self, *, people: int, rate: int, consent: str = "agreed", **person: Any) -> None:
        """Make account, channel, template and people, here and at the simulator."""
        self.people = people
        self.account = factories.account(
            api_base_url=self.simulator.url,
            rate_per_second=rate,
            given={
                "channel_id": CHANNEL,
                "channel_secret": SECRET,
                "channel_access_token": TOKEN,
            },
        )
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO recipients_recipient (account_id, phone, phone_country, consent,
                    consent_source, friend_status, friend_source, attributes, created_at,
                    updated_at)
                SELECT %s, '+668' || lpad(n::text, 8, '0'), 'TH', %s, 'import', 'not_friend',
                    'import', '{"name": "a", "tracking_no": "b", "parcel_from": "c"}', now(), now()
                FROM generate_series(0, %s) n
                """,
                [self.account.pk, consent, people - 1],
            )
            cursor.execute("ANALYZE recipients_recipient")
        template = factories.approved(self.account)
        self.fill_simulator(consent=consent, **person)
        by = factories.user("sender")
        self.campaign = campaigns.create(
            self.account, template=template, name="drill", by=by, at=clock.now()
        )

    def hurry(self) -> None:
        """Have the operator raise the rate, so that the rest does not take long."""
        Road.objects.filter(account=self.account).update(rate_per_second=1_000)

    def fill_simulator(self, *, consent: str = "agreed", **person: Any) -> None:
        """Tell the simulator of the channel and everybody; also after it was started anew."""
        self.simulator.channel(channel_access_token=TOKEN, rate_per_second=100_000)
        for begin in range(0, self.people, _BATCH):
            self.simulator.people(
                *(
                    {"phone": phone(n), "consent": consent, **person}
                    for n in range(begin, min(begin + _BATCH, self.people))
                )
            )

    def start(self) -> None:
        """Start the campaign, as a person would."""
        assert self.campaign
        by = factories.user("sender")
        self.campaign = campaigns.start(self.campaign, by=by, at=clock.now())

    def resume(self) -> None:
        """Let the paused campaign go on, as a person would."""
        assert self.campaign
        campaigns.resume(self.campaign, by=factories.user("sender"), at=clock.now())

    # --- waiting

    def until(self, is_so: Callable[[], bool], what: str, *, seconds: float) -> None:
        """Wait until it is so; meanwhile replace workers that ended and ask the report.

        Raises DidNotHappen, Wrong.
        """

        def look() -> bool:
            self.workers.replace_ended()
            if time.monotonic() > self._looked_at + _LOOK_SECONDS:
                self._looked_at = time.monotonic()
                self._ask_report()
            return is_so()

        programs.wait(look, what, seconds=seconds)

    def let_pass(self, seconds: float) -> None:
        """Let some time pass, still looking after workers and report."""
        ends_at = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > ends_at, "time passes", seconds=seconds + 60)

    def until_sent(self, count: int) -> None:
        """Wait until the witness has received that many POSTs."""
        self.until(
            lambda: self.witness.count() >= count, f"{count} POSTs were received", seconds=180
        )

    def until_finished(self, *, seconds: float = 180) -> None:
        """Wait until nothing is queued or sending and the campaign says that it is finished."""
        self.until(lambda: self.state() == "finished", "the campaign was finished", seconds=seconds)

    def are_up(self, count: int) -> bool:
        return len(self.connected() & set(self.workers.running)) >= count

    # --- looking; each time over a connection of its own, for the database may have gone

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query; waits while the database is away."""
        ends_at = time.monotonic() + 60
        while True:
            try:
                with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as own:
                    return own.execute(query, values).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > ends_at:
                    raise
                time.sleep(0.1)

    def state(self) -> str:
        assert self.campaign
        [(state,)] = self.ask("SELECT state FROM sending_campaign WHERE id = %s", self.campaign.pk)
        return str(state)

    def sending(self) -> set[int]:
        """Return the ids of the messages whose POST has begun, by our own records."""
        return {pk for (pk,) in self.ask("SELECT id FROM sending_message WHERE status = 'sending'")}

    def connected(self) -> set[str]:
        """Return the names of the workers that PostgreSQL has connections of."""
        found = self.ask(
            "SELECT DISTINCT application_name FROM pg_stat_activity"
            " WHERE datname = current_database()"
        )
        return {name for (name,) in found}

    def rows(self) -> list[Row]:
        assert self.campaign
        found = self.ask(
            "SELECT id, address, status, reference, body_sha256 FROM sending_message"
            " WHERE campaign_id = %s",
            self.campaign.pk,
        )
        return [
            Row(pk, address, status, reference.hex if reference else "", body)
            for pk, address, status, reference, body in found
        ]

    def tallies(self) -> dict[str, int]:
        """Return what the product's own report says, by status."""
        assert self.campaign
        return reports.report(self.campaign, at=clock.now()).by_status

    def _ask_report(self) -> None:
        """See that the report counts everybody, at any moment once the audience is written."""
        if self.campaign is None:
            return
        try:
            self.campaign.refresh_from_db()
            total = sum(self.tallies().values()) if self.campaign.written_at else self.people
        except (DatabaseError, InterfaceError):
            connection.close()
            return
        if total != self.people:
            raise Wrong(f"the report counted {total} messages in the middle, not {self.people}")

    # --- killing

    def kill_workers(self, *names: str, are_replaced: bool = True) -> int:
        """`kill -9` workers at once; return how many messages were `sending` for the first time.

        What a dead process had asked PostgreSQL for may still be done for a moment, so the rows
        are read once its last connection is gone.
        """
        for name in names:
            self.workers.kill(name)
        for _ in names if are_replaced else ():
            self.workers.start()
        self.until(
            lambda: not self.connected() & set(names), "their connections are gone", seconds=30
        )
        return self.note_sending()

    def note_sending(self) -> int:
        """Let what is `sending` now end uncertain; return how many of it were not known so far."""
        fresh = self.sending() - self.may_be_uncertain
        self.may_be_uncertain |= fresh
        return len(fresh)


def phone(n: int) -> str:
    """Return the n-th person's number."""
    return f"+668{n:08d}"


@contextlib.contextmanager
def open_stage(name: str, folder: Path, seed: int) -> Iterator[Stage]:
    """Make the world of one drill around a running simulator; end its programs afterwards.

    The database is the one that DATABASE_URL names; `folder` holds logs, and its server if it has.
    """
    started = Programs(folder / "logs" / name, dict(os.environ))
    simulator = Simulator(started)
    try:
        simulator.start()
        yield Stage(
            place=Place(folder),
            programs=started,
            simulator=simulator,
            witness=Witness(simulator),
            workers=Workers(started),
            random=Random(seed),
        )
    finally:
        started.stop()
        connection.close()
