"""The commands as real processes and as calls: exit status, one sentence, and what they print."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from lineportal.accounts import keys
from lineportal.accounts.models import OfficialAccount, Road
from lineportal.sending import saved_audiences
from lineportal.sending.models import Campaign, Message
from recipients.models import Recipient, Suppression
from templates_app import workflow
from templates_app.models import MessageTemplate
from tests import factories
from tests.line import SECRET, Line

HEADER = "phone,name,tracking_no,parcel_from\n"


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def template(account: OfficialAccount) -> MessageTemplate:
    return factories.approved(account)


def run(*words: str) -> str:
    """Return what a command printed."""
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=out)
    return out.getvalue()


def refusal(*words: str) -> str:
    with pytest.raises(CommandError) as caught:
        run(*words)
    text = str(caught.value)
    assert caught.value.returncode == 1
    assert text.endswith(".")
    assert "\n" not in text
    return text


def process(*words: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py on the test's own database, as an operator would on theirs."""
    name = str(connection.settings_dict["NAME"])
    code = (
        "import sys; from django.conf import settings;"
        " from django.core.management import execute_from_command_line;"
        f" settings.DATABASES['default']['NAME'] = {name!r};"
        " execute_from_command_line(['manage.py', *sys.argv[1:]])"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def people(tmp_path: Path, text: str) -> str:
    path = tmp_path / "people.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_process_that_refuses_says_one_sentence_and_ends_with_1(transactional_db: None) -> None:
    done = process("start_campaign", "--account", "nobody", "--template", "x", "--name", "n")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "CommandError: There is no account “nobody”."


def test_processes_do_the_whole_job(
    line: Line, transactional_db: None, tmp_path: Path, drain: Callable[[], None]
) -> None:
    line.channel()
    line.people({"phone": factories.phone(1), "consent": "agreed"})
    (tmp_path / "secret").write_text(f"{SECRET}\n", encoding="utf-8")
    opened = process(
        "create_account", "thai-post", "--name", "Thai Post", "--country", "TH",
        "--provider", "line", "--api-base-url", line.url,
        "--credential", "channel_id=1650000001", f"channel_secret=@{tmp_path / 'secret'}",
    )  # fmt: skip
    assert opened.returncode == 0, opened.stderr
    account = OfficialAccount.objects.get()
    assert opened.stdout.split()[-1].endswith(f"/webhooks/line/{account.webhook_id}/")
    assert SECRET not in opened.stdout + opened.stderr
    factories.approved(account)
    file = people(tmp_path, f"{HEADER}{factories.phone(1)},a,TH1,b\n081,a,TH2,b\n")
    imported = process("import_recipients", file, "--account", "thai-post")
    assert imported.returncode == 0, imported.stderr
    assert imported.stdout.startswith("row 3, column A: ")
    assert "1 created, 0 updated, 0 unchanged, 1 refused" in imported.stdout
    rows = people(tmp_path, f"{HEADER}{factories.phone(1)},a,TH1,b\n{factories.phone(1)},a,TH2,b\n")
    words = ["start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n",
             "--file", rows, "--item", "tracking_no"]  # fmt: skip

    dry = process(*words, "--dry-run")
    assert (dry.returncode, Campaign.objects.count()) == (0, 0)
    assert "total 2" in dry.stdout
    started = process(*words)
    assert started.returncode == 0, started.stderr
    assert "status queued 2" in started.stdout
    again = process(*words)
    assert again.returncode == 1
    assert str(Campaign.objects.get().pk) in again.stderr
    drain()
    waited = process(*words, "--resume", "--wait")
    assert waited.returncode == 0, waited.stderr
    assert "status accepted 2" in waited.stdout

    out = tmp_path / "report.csv"
    exported = process("export_report", str(Campaign.objects.get().pk), "--out", str(out))
    assert exported.returncode == 0, exported.stderr
    with out.open(encoding="utf-8-sig", newline="") as report:
        assert sorted(row["item"] for row in csv.DictReader(report)) == ["TH1", "TH2"]


def test_a_key_is_the_last_word_and_opens_the_door(account: OfficialAccount, at: datetime) -> None:
    user = factories.user("manager")

    text = run("create_api_key", user.username, "--name", "core", "--scope", "messages", "reports")

    key = keys.find(text.split()[-1], at=at)
    assert key is not None
    assert (key.user, key.scopes) == (user, ["messages", "reports"])


def test_a_campaign_of_everyone_is_counted_dry_and_then_started(
    account: OfficialAccount, template: MessageTemplate
) -> None:
    factories.recipient(account, 1, consent="agreed")
    factories.recipient(account, 2, consent="rejected")
    words = ("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n")

    dry = run(*words, "--dry-run")
    assert "verdict excluded 1" in dry
    assert "rule consent_rejected 1" in dry
    assert not Message.objects.exists()
    assert "status queued 1" in run(*words)
    assert "status skipped 1" in run(*words, "--resume")
    assert Message.objects.count() == 2


def test_a_campaign_goes_to_a_saved_audience_by_its_name(
    account: OfficialAccount, template: MessageTemplate, at: datetime, tmp_path: Path
) -> None:
    for n, consent in enumerate(("agreed", "not_set", "not_set")):
        factories.recipient(account, n, consent=consent)
    tree = {"none": [{"field": "consent", "operator": "is", "value": "agreed"}]}
    saved_audiences.create(
        account, name="the others", filter=tree, by=factories.user("sender"), at=at
    )
    words = ("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n")

    assert "“the other”" in refusal(*words, "--audience", "the other")
    file = tmp_path / "rows.csv"
    file.write_text(HEADER, encoding="utf-8")
    assert "not both" in refusal(*words, "--audience", "the others", "--file", str(file))
    assert "total 2" in run(*words, "--audience", "the others", "--dry-run")
    assert not Campaign.objects.exists()
    assert "status queued 2" in run(*words, "--audience", "the others")
    assert Campaign.objects.get().audience == tree


def test_a_dry_run_of_a_paused_campaign_does_not_resume_it(
    account: OfficialAccount, template: MessageTemplate
) -> None:
    factories.recipient(account, 1, consent="agreed")
    words = ("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n")
    run(*words)
    Campaign.objects.update(state="paused")

    run(*words, "--resume", "--dry-run")
    assert Campaign.objects.get().state == "paused"
    run(*words, "--resume")
    assert Campaign.objects.get().state == "running"


@pytest.mark.parametrize("state", ["draft", "submitted", "rejected"])
def test_only_an_approved_template_is_started_or_explained(
    state: str, account: OfficialAccount, at: datetime
) -> None:
    draft = factories.draft(account)
    if state != "draft":
        draft = workflow.submit(draft, by=factories.user("author"), at=at)
    if state == "rejected":
        workflow.reject(draft, by=factories.user("reviewer"), at=at, reason="no")

    for name in ("parcel", str(draft.pk)):
        text = refusal(
            "start_campaign", "--account", "thai-post", "--template", name, "--name", "n"
        )
        assert "only approved ones are sent" in text
        refusal("explain_recipient", "0812300001", "--account", "thai-post", "--template", name)
    assert not Campaign.objects.exists()


ACCOUNT = ("create_account", "new", "--name", "N", "--provider", "line")
CREDENTIALS = ("--credential", "channel_id=1650000002", "channel_secret=s3cret-s3cret")


@pytest.mark.parametrize(
    "words",
    [
        (*ACCOUNT, "--country", "US", *CREDENTIALS),
        (*ACCOUNT, "--country", "TH"),
        (*ACCOUNT, "--country", "TH", "--credential", "channel_id"),
        (*ACCOUNT, "--country", "TH", "--credential", "channel_secret=@/nowhere"),
        (*ACCOUNT, "--country", "TH", *CREDENTIALS, "--rate", "0"),
        (*ACCOUNT, "--country", "TH", *CREDENTIALS, "--timezone", "Asia"),
        (*ACCOUNT, "--country", "TH", *CREDENTIALS, "--api-base-url", "https://["),
        (*ACCOUNT, "--country", "TH", *CREDENTIALS, "--api-base-url", "https://evil.example"),
        (*ACCOUNT, "--country", "TH", *CREDENTIALS, "--service", "sms"),
        ("create_account", "thai-post", "--name", "N", "--provider", "line", "--country", "TH",
         *CREDENTIALS),
        ("create_api_key", "nobody", "--name", "k", "--scope", "all"),
        ("create_api_key", "somebody", "--name", "k", "--scope", "everything"),
        ("create_api_key", "somebody", "--name", " ", "--scope", "all"),
        ("import_recipients", "/nowhere.csv", "--account", "thai-post"),
        ("import_recipients", "/", "--account", "thai-post"),
        ("import_recipients", "{empty}", "--account", "thai-post"),
        ("import_recipients", "{file}", "--account", "nobody"),
        ("import_recipients", "{file}", "--account", "thai-post", "--as-of", "yesterday"),
        ("import_recipients", "{file}", "--account", "thai-post", "--as-of", "2999-01-01"),
        ("import_recipients", "{file}", "--account", "thai-post", "--as-of", "0001-01-01"),
        ("explain_recipient", "0812300001", "--account", "nobody"),
        ("explain_recipient", "12", "--account", "thai-post"),
        ("explain_recipient", "0899999999", "--account", "thai-post"),
        ("explain_recipient", "0812300001", "--account", "thai-post", "--template", "none"),
        ("suppress", "12", "--account", "thai-post", "--reason", "r"),
        ("suppress", "0812300001", "--account", "thai-post", "--reason", " "),
        ("suppress", "0812300001", "--account", "thai-post", "--reason", "r", "--until", "soon"),
        ("suppress", "0812300001", "--account", "thai-post", "--reason", "r",
         "--until", "2020-01-01"),
        ("erase_recipient", "0899999999", "--account", "thai-post"),
        ("erase_recipient", "0812300001", "--account", "nobody"),
        ("expire_messages", "--now", "soon"),
        ("expire_messages", "--now", "2026-11-24T09:00:00"),
        ("expire_messages", "--now", "0001-01-01T00:00:00+07:00"),
        ("expire_messages", "--now", "2026-11-24T09:00:00+07:00"),
        ("export_report", "99999999999999999999"),
        ("export_report", "1"),
        ("start_campaign", "--account", "thai-post", "--template", "x", "--name", "n"),
        ("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", " "),
        ("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n",
         "--file", "/nowhere.csv"),
        ("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n",
         "--file", "{empty}"),
        ("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n",
         "--file", "{file}", "--item", "parcel"),
        ("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n",
         "--item", "phone"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_refusal_is_one_sentence_and_changes_nothing(
    words: tuple[str, ...], account: OfficialAccount, template: MessageTemplate, tmp_path: Path
) -> None:
    factories.user("manager", username="somebody")
    factories.recipient(account, 1, consent="agreed")
    empty = tmp_path / "empty.csv"
    empty.touch()
    names = {"empty": str(empty), "file": people(tmp_path, "phone\n0812300001\n")}

    text = refusal(*(word.format(**names) for word in words))

    assert "s3cret" not in text
    assert factories.phone(1) not in text
    assert OfficialAccount.objects.count() == 1
    assert Recipient.objects.filter(erased_at=None).count() == 1
    assert not Campaign.objects.exists()
    assert not Suppression.objects.exists()


def test_a_cancelled_campaign_is_not_resumed(
    account: OfficialAccount, template: MessageTemplate
) -> None:
    factories.recipient(account, 1, consent="agreed")
    words = ("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n")
    run(*words)
    Campaign.objects.update(state="cancelled")

    assert "cancelled" in refusal(*words, "--resume", "--wait")


def test_what_is_suppressed_explains_itself_and_a_forgotten_person_stays_out(
    account: OfficialAccount, template: MessageTemplate, tmp_path: Path
) -> None:
    factories.recipient(account, 1, consent="agreed")
    where = ("--account", "thai-post")

    explained = run("explain_recipient", "081 230 0001", *where, "--template", "parcel")
    assert ": send\n" in explained
    run("suppress", factories.phone(1), *where, "--reason", "asked by letter")
    assert "(suppressed)" in run("explain_recipient", factories.phone(1), *where)
    run("erase_recipient", factories.phone(1), *where)
    refusal("explain_recipient", factories.phone(1), *where)
    imported = run("import_recipients", people(tmp_path, "phone\n0812300001\n"), *where)
    assert "row 2, column A: " in imported
    assert "1 refused" in imported
    assert factories.phone(1) not in explained + imported


def test_another_time_closes_messages_of_a_simulated_account_only(
    account: OfficialAccount, template: MessageTemplate, at: datetime
) -> None:
    factories.recipient(account, 1, consent="agreed")
    run("start_campaign", "--account", "thai-post", "--template", "parcel", "--name", "n")
    Message.objects.update(status="sending", attempts=1, attempt_started_at=at)
    Message.objects.update(status="accepted", accepted_at=at, expires_at=at + timedelta(hours=24))
    tomorrow = (at + timedelta(hours=25)).isoformat()

    refusal("expire_messages", "--now", tomorrow)
    Road.objects.update(api_base_url="http://127.0.0.1:9")
    assert run("expire_messages").startswith("0 ")
    assert run("expire_messages", "--now", tomorrow).startswith("1 ")
    assert Message.objects.get().status == "expired"


def test_a_dry_import_counts_and_changes_nothing(account: OfficialAccount, tmp_path: Path) -> None:
    file = people(tmp_path, "phone,consent\n0812300001,agreed\n0812300002,maybe\n")

    text = run("import_recipients", file, "--account", "thai-post", "--dry-run")

    assert "row 3, column B: " in text
    assert "1 created" in text
    assert not Recipient.objects.exists()
