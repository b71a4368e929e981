from __future__ import annotations

import io
import os
import secrets
import signal
import time
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from lineportal import postgres
from lineportal.accounts import credentials, keys
from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.demo import desk, people, servers, story, talk
from lineportal.sending import exports, opening, routing
from lineportal.sending.models import Campaign
from recipients.models import Recipient, RecipientImport

ROLES = ("author", "reviewer", "sender", "agent", "auditor", "manager")
SAMPLE = servers.PROJECT / "docs" / "samples" / "recipients-th.csv"


class Command(BaseCommand):
    help = "Do the main job on sample data with the simulator, then serve the console."
    requires_migrations_checks = False

    def handle(self, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError(
                "The demo makes users with printed passwords, so it needs LINEPORTAL_DEBUG=1."
            )
        signal.signal(signal.SIGTERM, _interrupt)
        self._say("1. Database")
        call_command("migrate", verbosity=0)
        number = _next_number()
        slug = "demo" if number == 1 else f"demo-{number}"
        logs = postgres.default_folder().parent / "logs" / slug
        try:
            with servers.running(logs) as programs:
                self._run(programs, slug, number)
        except (story.NotAsExpected, servers.DidNotStart) as problem:
            raise CommandError(str(problem)) from problem
        except KeyboardInterrupt:
            self._say("\nStopped.")

    def _run(self, programs: servers.Servers, slug: str, number: int) -> None:
        self._say("2. Simulator, worker and web server")
        simulator_log = programs.start("simulator", "manage.py", "run_simulator", "--port", "0")
        simulator = servers.printed_address(simulator_log, programs)
        port = servers.free_port()
        url = f"http://127.0.0.1:{port}"
        programs.start(
            "web", "-m", "gunicorn", "lineportal.wsgi", "--bind", f"127.0.0.1:{port}",
            "--workers", "2", "--threads", "4", LINEPORTAL_PUBLIC_URL=url,
        )  # fmt: skip
        programs.start("worker", "manage.py", "run_worker")
        servers.wait_for(f"{url}/readyz", programs)
        portal = story.Portal(url, simulator)
        settings.PUBLIC_URL = url

        self._say("3. Official Account, people and roles")
        account = _account(slug, simulator)
        passwords = _users(account, number)
        api = _keys(account, number)
        portal.simulate(
            "PUT",
            f"channels/{_channel(slug)}",
            {"channel_secret": _secret(account), "webhook_url": routing.webhook_url(account)},
        )

        self._say(f"4. Import {SAMPLE.name}")
        call_command("import_recipients", str(SAMPLE), account=slug, stdout=self.stdout)
        expected = people.expected()
        _check_import(account, expected)
        portal.simulate("PUT", "people", [_simulated(person) for person in expected.people])

        self._say("5. Template: draft, submit, approve by a second person")
        template = story.approve_template(portal, api, account=slug, say=self._say)

        self._say("6. On the review desk")
        desk.fill(portal, api, account=slug, say=self._say)

        self._say("7. Campaign")
        campaign = story.send(
            portal, api, account=slug, template=template, name="Parcels", say=self._say
        )

        self._say("8. A virtual day passes at LINE")
        now = story.let_a_day_pass(
            portal, api, campaign=campaign, people=expected.people, say=self._say
        )
        call_command("expire_messages", now=now, stdout=self.stdout)

        self._say("9. Report")
        counts = story.report(portal, api, campaign=campaign, say=self._say)
        self._say("10. Checked against the table, row by row")
        exported = io.StringIO()
        sent = Campaign.objects.select_related("template").get(pk=campaign)
        exports.write(sent, exported, at=timezone.now())
        numbers = dict(Recipient.objects.filter(account=account).values_list("pk", "phone"))
        story.check(
            portal,
            counts,
            exported.getvalue(),
            expected.people,
            {pk: str(phone) for pk, phone in numbers.items()},
            self._say,
        )
        self._say("11. A customer writes, and is answered")
        writer = next(each for each in expected.people if each.friend_status == "friend")
        talk.play(portal, api.agent, account=slug, line_user_id=writer.line_user_id, say=self._say)
        if os.environ.get("DEMO_EXIT") == "1":
            self._say("The report is right.")
            return
        self._serve(programs, url, simulator, passwords)

    def _serve(
        self, programs: servers.Servers, url: str, simulator: str, passwords: dict[str, str]
    ) -> None:
        self._say(f"\nThe console: {url}/   API: {url}/api/docs/   Simulator: {simulator}/")
        self._say(f"Play a customer: {simulator}/phone/")
        for name, password in passwords.items():
            self._say(f"  {name:<12} {password}")
        self._say("Ctrl-C ends everything.")
        connection.close()
        while True:
            programs.check()
            time.sleep(1)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _interrupt(*_signal: object) -> None:
    raise KeyboardInterrupt


def _next_number() -> int:
    """Return a number no demo on this database has had, also when two begin at once."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SEQUENCE IF NOT EXISTS lineportal_demo")
        cursor.execute("SELECT nextval('lineportal_demo')")
        [(number,)] = cursor.fetchall()
    return int(number)


def _channel(slug: str) -> str:
    return f"channel-{slug}"


def _account(slug: str, simulator: str) -> OfficialAccount:
    return opening.open_account(
        slug=slug,
        name="ไทยพัสดุ",
        country="TH",
        provider="line",
        api_base_url=simulator,
        given={"channel_id": _channel(slug), "channel_secret": secrets.token_hex(16)},
        at=timezone.now(),
        by=None,
    )


def _secret(account: OfficialAccount) -> str:
    return credentials.of(account.roads.all()[0])["channel_secret"]


def _name(role: str, number: int) -> str:
    return role if number == 1 else f"{role}-{number}"


def _users(account: OfficialAccount, number: int) -> dict[str, str]:
    """Make a user for each role, limited to this demo's account; return passwords by name."""
    passwords = {}
    for role in ROLES:
        name = _name(role, number)
        password = secrets.token_urlsafe(9)
        user = User.objects.create_user(name, password=password, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        AccountScope.objects.create(user=user).accounts.add(account)
        passwords[name] = password
    return passwords


def _keys(account: OfficialAccount, number: int) -> story.Keys:
    made = {}
    for role in ("author", "reviewer", "sender", "agent"):
        user = User.objects.get(username=_name(role, number))
        _row, text = keys.create(user, name="demo", scopes=["all"], at=timezone.now())
        made[role] = text
    return story.Keys(**made)


def _check_import(account: OfficialAccount, expected: people.Expectation) -> None:
    job = RecipientImport.objects.filter(account=account).latest("pk")
    counts = (job.rows, job.created, job.unchanged, job.refused)
    wanted = (expected.rows, expected.created, expected.unchanged, expected.refused)
    if counts != wanted:
        raise story.NotAsExpected(
            f"The import counted (rows, created, unchanged, refused) {counts}, expected {wanted}."
        )


def _simulated(person: people.Person) -> dict[str, str]:
    return {
        "phone": person.phone,
        "line_user_id": person.line_user_id,
        "consent": person.consent,
        "friend_status": person.friend_status,
        "when_asked": person.when_asked or "silent",
    }
