"""The dossier holds all that was decided on, in the reader's language, and is data throughout."""

from __future__ import annotations

import hashlib
import io
import json
import re
import unicodedata
import zipfile
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from pypdf import PdfReader

from lineportal import typesetting
from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from templates_app import briefs, dossier, dossier_words, rendering, workflow
from templates_app import content as contents
from templates_app.models import Brief, MessageTemplate, Waiver
from tests import factories
from tests.templates_app.test_content import BUBBLE, CATALOGUE
from tests.templates_app.test_flex_rules import WORDS, box, bubble, deep

BRIEF = {
    "use_case": "The receiver knows that a parcel waits",
    "trigger": "สแกนพัสดุเข้าสาขา",
    "audience": "ผู้รับพัสดุ",
    "monthly_volume": 120_000,
    "contact_name": "สมศรี",
    "contact_email": "somsri@example.com",
}
HOSTILE = '#panic("x") #read("/etc/passwd") $x$ *b* `c` <label> @ref \\ // " \u202e\u200f 📦'


def text_of(pdf: bytes) -> str:
    """Return the words of a PDF without spaces, which a PDF does not keep."""
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]
    return plain("".join(pages))


def plain(text: str) -> str:
    """Return letters alone: a PDF keeps Thai's marks as shapes, in another order than typed."""
    letters = (c for c in text if unicodedata.category(c) != "Mn" and c not in "ำา")
    return re.sub(r"[\s\u200b]+", "", "".join(letters)).lower()


@pytest.fixture
def template(account: OfficialAccount, author: User, at: datetime) -> MessageTemplate:
    made = factories.draft(account, by=author, samples=[factories.VALUES, {"name": "王小明"}])
    briefs.write(made, changes=BRIEF, by=author, at=at)
    Waiver.objects.create(
        template=made, code="placeholder_in_title", place="title", digest="x" * 64,
        reason="LINE agreed by phone", by=author, at=at,
    )  # fmt: skip
    return workflow.submit(made, by=author, at=at)


@pytest.mark.parametrize("language", dossier_words.LANGUAGES)
def test_the_pdf_tells_all_in_each_language(
    language: str, template: MessageTemplate, reviewer: User, at: datetime
) -> None:
    name, pdf = dossier.build(template, by=reviewer, at=at, language=language, form="pdf")

    assert name == f"dossier-parcel-v1-{language}.pdf"
    text, said = text_of(pdf), dossier_words.words(language)
    wanted = [
        template.content_hash, "120,000", "somsri@example.com", "TH012345678",
        "https://example.com/t/{{tracking_no}}", "thai-post", "OFFICIALNOTIFICATION",
    ]  # fmt: skip
    if language != "th":  # whose marks a PDF keeps in an order of its own
        wanted += [said["state"], said["trigger"], said["submitted_state"], said["use_case"]]
    else:
        wanted += [said["state"], said["with_placeholders"]]
    assert [each for each in wanted if plain(each) not in text] == []


def test_all_fonts_are_inside(template: MessageTemplate, at: datetime) -> None:
    _name, pdf = dossier.build(template, by=None, at=at, language="ja", form="pdf")

    fonts = [
        font.get_object()
        for page in PdfReader(io.BytesIO(pdf)).pages
        for font in page["/Resources"]["/Font"].values()
    ]
    descriptors = [font["/DescendantFonts"][0].get_object()["/FontDescriptor"] for font in fonts]
    assert len(descriptors) >= 2
    assert all({"/FontFile2", "/FontFile3"} & set(each.get_object()) for each in descriptors)


def test_every_word_is_there_in_every_language() -> None:
    columns = [dossier_words.words(language) for language in dossier_words.LANGUAGES]

    assert all(all(column.values()) for column in columns)
    english = columns[0]
    same = {name for column in columns[1:] for name in column if column[name] == english[name]}
    assert same <= {"lon"}


def test_an_accounts_country_chooses_the_language(author: User, at: datetime) -> None:
    for country, language in (("TH", "th"), ("TW", "zh-hant"), ("JP", "ja")):
        account = factories.account(
            f"in-{country.lower()}", country=country, channel=f"20{country}"
        )
        made = factories.draft(account, by=author)

        assert f"-{language}.zip" in dossier.build(made, by=author, at=at)[0]


def test_the_zip_holds_the_exact_message_and_each_sample(
    template: MessageTemplate, at: datetime
) -> None:
    _name, file = dossier.build(template, by=None, at=at, language="en")

    archive = zipfile.ZipFile(io.BytesIO(file))
    held = {name: archive.read(name) for name in archive.namelist()}
    assert set(held) == {
        "dossier.pdf", "dossier.json", "content.json", "message.json", "message-sample-1.json",
        "message-sample-2.json", "SHA256SUMS",
    }  # fmt: skip
    assert json.loads(held["message.json"]) == template.bubble
    assert json.loads(held["content.json"]) == template.content
    assert json.loads(held["message-sample-1.json"]) == rendering.fill(
        template.bubble, factories.VALUES
    )
    assert "{{tracking_no}}" in held["message-sample-2.json"].decode()
    for line in held["SHA256SUMS"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(held[name]).hexdigest() == digest
    assert json.loads(held["dossier.json"])["template"]["content_hash"] == template.content_hash


def test_the_same_dossier_is_the_same_bytes(template: MessageTemplate, at: datetime) -> None:
    first = dossier.build(template, by=None, at=at)
    MessageTemplate.objects.get(pk=template.pk)

    assert dossier.build(template, by=None, at=at) == first


FLEX = {
    "flex": bubble(
        WORDS,
        box(WORDS, layout="baseline"),
        {"type": "image", "url": "https://a.example.com/" + "x" * 200},
    ),
    "alt_text": "x",
}
KINDS: dict[str, tuple[Any, str]] = {
    "least": ({"title": "x"}, "lon"),
    "bubble": (BUBBLE, "lon"),
    "catalogue": (CATALOGUE, "lon"),
    "raw": (FLEX, "lon"),
    "deep": ({"flex": bubble(deep(18)), "alt_text": "x"}, "oa"),
    "carousel": (
        {"flex": {"type": "carousel", "contents": [bubble(WORDS)] * 12}, "alt_text": "x"}, "oa",
    ),
    "text": ({"text": "ก" * 5000}, "oa"),
    "long": ({"title": "x" * 100, "greeting": "ก" * 1000, "explanation": "字" * 1000,
              "items": [{"label": "x" * 40, "value": "y" * 300}] * 15}, "lon"),
    "hostile": ({"title": HOSTILE, "items": [{"label": HOSTILE[:40], "value": HOSTILE}]}, "lon"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_template_holds_makes_a_dossier(
    kind: str, account: OfficialAccount, author: User, at: datetime
) -> None:
    content, service = KINDS[kind]
    made = factories.draft(
        account, by=author, content=content, service=service, purpose=HOSTILE,
        samples=[{"a": HOSTILE}] * 10,
    )  # fmt: skip
    briefs.write(made, changes={"use_case": HOSTILE * 20, "trigger": "x" * 3000}, by=author, at=at)

    for language in ("en", "ja"):
        _name, pdf = dossier.build(made, by=author, at=at, language=language, form="pdf")
        assert pdf.startswith(b"%PDF-")


def test_a_draft_says_that_its_words_can_change(
    account: OfficialAccount, author: User, at: datetime
) -> None:
    _name, pdf = dossier.build(
        factories.draft(account, by=author), by=author, at=at, language="en", form="pdf"
    )

    assert "draft:thesewordscanstillchange" in text_of(pdf)


def test_each_dossier_is_written_down_with_its_digest(
    template: MessageTemplate, reviewer: User, at: datetime
) -> None:
    _name, file = dossier.build(template, by=reviewer, at=at, language="th", form="pdf")

    entry = AuditEntry.objects.get(action="template.dossier")
    assert entry.facts["digest"] == hashlib.sha256(file).hexdigest()
    assert (entry.facts["language"], entry.facts["form"]) == ("th", "pdf")


@pytest.mark.parametrize(
    ("role", "may"),
    [("author", True), ("reviewer", True), ("manager", True), ("auditor", True), ("sender", False)],
)
def test_who_may_build_one(role: str, may: bool, template: MessageTemplate, at: datetime) -> None:
    user = factories.user(role)
    elsewhere = factories.user(role)
    AccountScope.objects.create(user=elsewhere)

    if may:
        dossier.build(template, by=user, at=at)
    else:
        with pytest.raises(PermissionDenied):
            dossier.build(template, by=user, at=at)
    with pytest.raises(PermissionDenied):
        dossier.build(template, by=elsewhere, at=at)


@pytest.mark.parametrize("wrong", [{"language": "fr"}, {"form": "docx"}])
def test_another_language_or_form_is_refused(
    wrong: dict[str, str], template: MessageTemplate, at: datetime
) -> None:
    with pytest.raises(contents.InvalidContent):
        dossier.build(template, by=None, at=at, **wrong)
    assert not AuditEntry.objects.filter(action="template.dossier").exists()


def test_without_a_font_it_says_which_and_builds_nothing(
    template: MessageTemplate, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typesetting, "_THAI_FAMILIES", ("No Such Thai",))

    with pytest.raises(typesetting.MissingFont, match="fonts-thai-tlwg"):
        dossier.build(template, by=None, at=at)
    assert not AuditEntry.objects.filter(action="template.dossier").exists()


# --- the brief


def test_a_brief_is_written_until_the_decision(
    template: MessageTemplate, author: User, reviewer: User, at: datetime
) -> None:
    briefs.write(template, changes={"monthly_volume": None}, by=author, at=at)
    assert briefs.missing(Brief.objects.get(template=template)) == ["monthly_volume"]
    workflow.reject(template, by=reviewer, at=at, reason="too long")

    with pytest.raises(workflow.WrongState):
        briefs.write(template, changes={"trigger": "x"}, by=author, at=at)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"contact_email": "nobody"}, "contact_email"),
        ({"contact_name": "x" * 201}, "contact_name"),
        ({"monthly_volume": -1}, "monthly_volume"),
        ({"monthly_volume": 10**12}, "monthly_volume"),
        ({"trigger": "a\x00b"}, "brief"),
    ],
)
def test_a_brief_that_cannot_be_is_refused_at_its_place(
    changes: dict[str, Any], place: str, template: MessageTemplate, author: User, at: datetime
) -> None:
    with pytest.raises(contents.InvalidContent) as refusal:
        briefs.write(template, changes=changes, by=author, at=at)

    assert list(refusal.value.problems) == [place]
    assert briefs.as_dict(Brief.objects.get(template=template)) == {**BRIEF, "contact_phone": ""}


@pytest.mark.parametrize("role", ["reviewer", "sender", "auditor"])
def test_only_who_writes_the_template_writes_its_brief(
    role: str, template: MessageTemplate, at: datetime
) -> None:
    with pytest.raises(PermissionDenied):
        briefs.write(template, changes={"trigger": "x"}, by=factories.user(role), at=at)
