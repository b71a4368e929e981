"""Everything held about a person, handed to them: whole, theirs alone, and written down."""

from __future__ import annotations

import base64
import json
import re
import stat
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from lineportal import typesetting
from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from lineportal.sending import forgetting, inbox, subject_access, subject_access_pdf
from lineportal.sending.models import WebhookDelivery
from recipients import purposes
from recipients.models import ConsentEvidence, ConsentRecord, Recipient, Suppression
from tests import factories
from tests.api.client import Api
from tests.sending import test_forgetting as everywhere
from tests.webhooks.test_line_webhook import body_of, event

MAY = {"author": False, "reviewer": False, "sender": False, "auditor": False, "manager": True}
JSON, PDF = subject_access.Form.JSON, subject_access.Form.PDF
ACT = "recipient.subject_access"


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def person(account: OfficialAccount, at: datetime) -> Recipient:
    return everywhere.in_every_table(account, Api(factories.user("manager")), at)


def handed(person: Recipient, at: datetime) -> dict[str, Any]:
    file = subject_access.hand_out(person, form=JSON, purpose="asked", by=None, at=at)
    found: dict[str, Any] = json.loads(file)
    return found


def test_it_holds_what_every_table_holds(person: Recipient, at: datetime) -> None:
    pack = handed(person, at)

    assert pack["person"]["phone"] == everywhere.PHONE
    assert pack["person"]["line_user_id"] == everywhere.USER_ID
    assert pack["person"]["attributes"]["name"] == everywhere.NAME
    counts = {name: len(rows) for name, rows in pack.items() if isinstance(rows, list)}
    # Who holds both a number and a LINE user id cannot be linked; see test_linked_people.
    assert [name for name, count in counts.items() if not count] == [
        "links", "links_to_decide", "link_codes", "refused_rows", "requests",
    ]  # fmt: skip
    proven = [each for each in pack["consent_history"] if each["evidence_file_content"]]
    assert {(each["purpose"], each["evidence"]) for each in proven} == {
        ("news", f"basis: {everywhere.NAME}"), ("", f"marketing: {everywhere.NAME}"),
    }  # fmt: skip
    files = {base64.b64decode(each["evidence_file_content"]).decode() for each in proven}
    assert files == {everywhere.NAME}
    assert {each["evidence_file"] for each in proven} == {f"{everywhere.NATIONAL}.txt"}
    assert counts["messages"] == person.messages.count()
    assert counts["consent_history"] == person.ledger.count()
    assert any(everywhere.NAME in word for each in pack["messages"] for word in each["text"])
    assert sum(len(each["earlier_attempts"]) for each in pack["messages"]) == 1
    assert "follow" in {each["kind"] for each in pack["events"]}
    assert not WebhookDelivery.objects.filter(read_at=None).exists()  # it was read first


def test_other_people_staff_and_secrets_are_left_out(
    account: OfficialAccount, at: datetime
) -> None:
    person = factories.recipient(account, 1, consent="agreed")
    factories.recipient(account, 2, attributes={"name": "Somebody Else"})
    other, staff = factories.user_id(2), factories.user("manager", username="prasert")
    record = ConsentRecord.objects.filter(recipient=person)[0]
    text = "told 081-230-0002 and 081 230 0001"
    ConsentEvidence.objects.create(record=record, text=text)
    Suppression.objects.create(
        account=account, phone=person.phone or "", created_by=staff, created_at=at,
        reason=f"with {factories.phone(2)}, {other}",
    )  # fmt: skip
    told = event(
        "message", at, source={"type": "user", "userId": factories.user_id(1)},
        replyToken="0f3779fba3b349968c5d07db31eab56f",
        message={"type": "text", "text": f"my friend is {other}, {factories.phone(2)}"},
    )  # fmt: skip
    theirs = event("follow", at, number=2, source={"type": "user", "userId": other})
    inbox.store(account.pk, provider="line", body=body_of(told, theirs), at=at)

    pack = handed(person, at)

    text = json.dumps(pack, ensure_ascii=False)
    for word in (other, factories.phone(2), "81-230-0002", "Else", "prasert", "replyToken",
                 "0f3779fb"):  # fmt: skip
        assert word not in text
    assert len(pack["events"]) == 1
    assert "081 230 0001" in text  # their own stays, as it was written
    assert factories.phone(1) in text


@pytest.mark.parametrize("role", MAY)
def test_only_who_may_hands_it_out(role: str, account: OfficialAccount) -> None:
    person = factories.recipient(account, 1)
    user = factories.user(role)
    client = Client()
    client.force_login(user)
    page = reverse("admin:recipients_recipient_act", args=[person.pk, "access"])
    own = client.get(reverse("admin:recipients_recipient_change", args=[person.pk]))

    shown = client.post(page, {"purpose": "asked by letter", "form": "json"})
    answer = Api(user).get(f"recipients/{person.pk}/subject_access/?purpose=asked&as=json")

    assert (page in own.text) is MAY[role]
    assert (factories.phone(1) in shown.text) is MAY[role]
    assert answer.status_code == (200 if MAY[role] else 403)
    assert AuditEntry.objects.filter(action=ACT).count() == (2 if MAY[role] else 0)
    if MAY[role]:
        assert shown["Content-Disposition"] == f'attachment; filename="person-{person.pk}.json"'
        assert "no-store" in shown["Cache-Control"]
        assert "no-store" in answer["Cache-Control"]
        assert answer.json()["person"]["id"] == person.pk


def test_not_of_an_account_that_is_not_theirs(account: OfficialAccount, at: datetime) -> None:
    person = factories.recipient(account, 1)
    user = factories.user("manager")
    elsewhere = factories.account("other", channel="1650000002", secret="s" * 32)
    AccountScope.objects.create(user=user).accounts.set([elsewhere])

    with pytest.raises(PermissionDenied):
        subject_access.hand_out(person, form=JSON, purpose="x", by=user, at=at)
    path = f"recipients/{person.pk}/subject_access/?purpose=x"
    assert Api(user).get(path).status_code == 404


def test_it_asks_what_for_and_writes_it_down_without_naming_anybody(
    account: OfficialAccount, at: datetime
) -> None:
    person = factories.recipient(account, 1)
    with pytest.raises(purposes.MissingPurpose):
        subject_access.hand_out(person, form=JSON, purpose=" ", by=None, at=at)
    answer = Api(factories.user("manager")).get(f"recipients/{person.pk}/subject_access/")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["purpose"])

    subject_access.hand_out(person, form=JSON, purpose="letter of 0812300001", by=None, at=at)

    [entry] = AuditEntry.objects.filter(action=ACT)
    assert entry.subject == f"recipient:{person.pk}"
    assert entry.facts["purpose"] == "letter of ***"
    assert entry.facts["counts"]["messages"] == 0
    assert set(entry.facts) == {"purpose", "form", "sha256", "counts"}


def test_of_who_was_forgotten_there_is_none(account: OfficialAccount, at: datetime) -> None:
    person = factories.recipient(account, 1)
    forgetting.erase(person, at=at, by=None)

    with pytest.raises(subject_access.Forgotten):
        subject_access.hand_out(person, form=JSON, purpose="asked", by=None, at=at)
    answer = Api(factories.user("manager")).get(
        f"recipients/{person.pk}/subject_access/?purpose=asked"
    )
    assert answer.status_code == 409


def test_an_unknown_form_is_refused(account: OfficialAccount) -> None:
    person = factories.recipient(account, 1)
    api = Api(factories.user("manager"))

    answer = api.get(f"recipients/{person.pk}/subject_access/?purpose=x&as=docx")

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["as"])


def letters(pdf: bytes) -> str:
    """Return every letter that the PDF's fonts say they draw."""
    found = set()
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            text = zlib.decompress(stream)
        except zlib.error:
            continue
        if b"beginbfchar" in text or b"beginbfrange" in text:
            for code in re.findall(rb"<[0-9A-Fa-f]+>\s*<([0-9A-Fa-f]+)>", text):
                found.add(bytes.fromhex(code.decode()).decode("utf-16-be", errors="replace"))
    return "".join(found)


def test_the_pdf_draws_thai_japanese_and_chinese(account: OfficialAccount, at: datetime) -> None:
    names = {"th": "สมชาย ใจดี", "ja": "山田ひらがなカタカナ", "tw": "臺灣繁體鬱龜"}
    person = factories.recipient(account, 1, attributes=names)

    pdf = subject_access.hand_out(person, form=PDF, purpose="asked", by=None, at=at)

    assert pdf.startswith(b"%PDF-")
    assert set("".join(names.values())) - set(letters(pdf)) <= {" "}
    again = subject_access.gather(person, at=at)
    again["disclosures_and_changes"] = again["disclosures_and_changes"][:-1]
    text = json.loads(json.dumps(again, default=str))
    assert subject_access_pdf.typeset(text, at=at) == subject_access_pdf.typeset(text, at=at)


def test_a_text_is_never_markup(account: OfficialAccount, at: datetime) -> None:
    hostile = '#panic("x") #read("/etc/passwd") $x$ *b* `c` <label> @ref \\ // "'
    person = factories.recipient(account, 1, attributes={"name": hostile, "long": "x" * 3000})

    pdf = subject_access.hand_out(person, form=PDF, purpose="asked", by=None, at=at)

    assert pdf.startswith(b"%PDF-")


def test_without_a_font_it_says_which_and_how_to_get_it(
    account: OfficialAccount, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = factories.recipient(account, 1, attributes={"name": "สมชาย"})
    monkeypatch.setattr(typesetting, "_THAI_FAMILIES", ("No Such Thai",))
    user = factories.user("manager")

    answer = Api(user).get(f"recipients/{person.pk}/subject_access/?purpose=x&as=pdf")

    assert answer.status_code == 409
    assert answer.json() == {
        "error": "missing_font",
        "detail": "The PDF needs the font “No Such Thai”, which this machine has not; install it"
        " (Debian: fonts-thai-tlwg), or take the other form.",
    }
    assert not AuditEntry.objects.filter(action=ACT).exists()


def test_the_command_writes_a_file_for_its_owner_alone(
    account: OfficialAccount, tmp_path: Path
) -> None:
    person = factories.recipient(account, 1)
    path = tmp_path / "pack.json"
    for_command = {"account": account.slug, "purpose": "letter"}

    said = call_command("subject_access", "0812300001", str(path), **for_command)

    assert said == f"Everything we hold about person {person.pk} is in {path}."
    assert json.loads(path.read_text())["person"]["id"] == person.pk
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    call_command("subject_access", factories.user_id(1), str(tmp_path / "p.pdf"), **for_command)
    assert (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF-")
    for words in (
        ("0812300001", str(path)),  # it is there already
        ("0812300009", str(tmp_path / "b.json")),
        ("0812300001", str(tmp_path / "b.txt")),
        ("no", str(tmp_path / "b.json")),
    ):
        with pytest.raises(CommandError):
            call_command("subject_access", *words, **for_command)
