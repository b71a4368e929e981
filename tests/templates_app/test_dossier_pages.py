"""Nothing that a template holds is left off the dossier's pages, or shown other than it is."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from lineportal import typesetting
from lineportal.accounts.models import OfficialAccount
from lineportal.audit.models import AuditEntry
from templates_app import content as contents
from templates_app import dossier, dossier_pdf, rendering
from templates_app.models import CatalogueEdition, CatalogueEntry, MessageTemplate, Waiver
from tests import factories
from tests.templates_app.test_content import CATALOGUE
from tests.templates_app.test_dossier import text_of
from tests.templates_app.test_flex_rules import bubble

LONG: dict[str, Any] = {
    "title": "title",
    "greeting": "ก" * 900 + " endofgreeting",
    "explanation": "字" * 900 + "endofexplanation",
    "items": [{"label": "label", "value": f"{'ค่า' * 80} endofitem{n}"} for n in range(15)],
    "buttons": [{"label": "lastbutton", "url": "https://example.com/"}],
}


def off_the_page(pdf: bytes) -> list[str]:
    """Return the words of a PDF that begin outside of its pages."""
    found = []

    def visit(text: str, cm: list[float], tm: list[float], _font: Any, _size: float) -> None:
        x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
        y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
        if text.strip() and not (0 <= x <= width and 0 <= y <= height):
            found.append(text)

    for page in PdfReader(io.BytesIO(pdf)).pages:
        width, height = float(page.mediabox.width), float(page.mediabox.height)
        page.extract_text(visitor_text=visit)
    return found


def held(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return what `dossier.collect` gives of the least template with this message."""
    details = dict.fromkeys(
        ("submitted_by", "submitted_at", "line_reference", "line_decided_on", "reason"), ""
    )
    brief = dict.fromkeys(("use_case", "trigger", "audience"), "")
    contact = dict.fromkeys(("contact_name", "contact_email", "contact_phone"), "")
    return {
        "made_at": "2026-11-25 09:00 UTC",
        "account": {"slug": "a", "name": "a", "country": "TH"},
        "template": {
            **details, "key": "parcel", "version": 1, "state": "draft", "service": "lon",
            "category": "transactional", "language": "th", "purpose": "x", "content_hash": "",
            "created_by": "x", "created_at": "x",
        },
        "is_draft": True, "brief": {**brief, **contact, "monthly_volume": None}, "missing": [],
        "placeholders": contents.placeholders(message), "samples": [], "links": [],
        "findings": [], "milestones": [], "titles": [], "message": message, **more,
    }  # fmt: skip


def test_a_message_and_a_reason_longer_than_a_page_go_on_overleaf(
    account: OfficialAccount, author: User, at: datetime
) -> None:
    made = factories.draft(account, by=author, content=LONG, samples=[{"a": "b"}])
    pdf = dossier_pdf.typeset(
        {
            **dossier.collect(made, language="en", at=at),
            "findings": [
                {
                    "code": "x", "severity": "blocking", "place": "title", "excerpt": "x",
                    "sentence": "x", "source": "x",
                    "waiver": {"reason": "why " * 3000 + "endofreason", "by": "x", "at": "x"},
                }
            ],
        },
        language="en",
        at=at,
    )  # fmt: skip

    ends = ["endofgreeting", "endofexplanation", "endofitem0", "endofitem14", "lastbutton"]
    text = text_of(pdf)
    assert {end: text.count(end) for end in ends} == dict.fromkeys(ends, 3)  # twice, and in JSON
    assert "endofreason" in text
    assert off_the_page(pdf) == []


@pytest.mark.parametrize("word", ["x" * 200, "ก" * 200, "กขค" * 70, "مرحبا" * 40, "e\u0301" * 99])
def test_the_longest_word_can_break_and_loses_no_letter(word: str) -> None:
    shown = typesetting.breakable(word)

    assert shown.replace("\u200b", "") == word
    assert max(map(len, shown.split("\u200b"))) <= 8
    assert not any(part.startswith("\u0301") for part in shown.split("\u200b"))


@pytest.mark.parametrize("words", ["แจ้งผู้รับว่าพัสดุมาถึงแล้วและพร้อมให้รับที่สาขา", "字" * 99, "a b c", ""])
def test_what_breaks_by_itself_stays_as_it_is(words: str) -> None:
    assert typesetting.breakable(words) == words


def test_what_turns_the_order_of_letters_is_named(at: datetime) -> None:
    message = rendering.draw({"title": "pay \u202e001 now"}, service="lon")

    text = text_of(dossier_pdf.typeset(held(message), language="en", at=at))

    assert "pay⟨u+202e⟩001now" in text
    assert r"pay\u202e001now" in text  # in the JSON


def test_a_picture_without_a_font_is_named_and_exact_in_the_json(
    at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typesetting, "_EMOJI", "No Such Emoji")
    message = rendering.draw({"title": "x", "icon": "📦"}, service="lon")

    text = text_of(dossier_pdf.typeset(held(message), language="en", at=at))

    assert "[package]" in text
    assert r"\ud83d\udce6" in text


def test_a_text_that_is_not_wrapped_is_cut_where_the_phone_cuts_it(at: datetime) -> None:
    text = {"type": "text", "text": "start " + "more " * 99 + "{{name}} end"}
    drawing = {"type": "flex", "altText": "x", "contents": bubble(text)}
    pdf = dossier_pdf.typeset(held(drawing, samples=[{"name": "x"}]), language="en", at=at)

    assert text_of(pdf).count("start") == 3
    assert text_of(pdf).count("end") == 1  # in the JSON
    assert text_of(pdf).count("…") == 2
    assert off_the_page(pdf) == []


def test_spans_and_buttons_are_shown_by_their_words(at: datetime) -> None:
    spans = [{"type": "span", "text": "one"}, {"type": "span", "text": "two", "weight": "bold"}]
    says = {"type": "button", "action": {"type": "message", "text": "spoken"}}
    flex = bubble({"type": "text", "contents": spans}, says)
    drawing = {"type": "flex", "altText": "x", "contents": flex}

    text = text_of(dossier_pdf.typeset(held(drawing), language="en", at=at))

    assert "onetwo" in text
    assert text.count("spoken") == 2


def test_keys_of_lines_catalogue_are_shown_by_their_titles(
    account: OfficialAccount, author: User, at: datetime
) -> None:
    made = factories.draft(account, by=author, content=CATALOGUE)
    edition = CatalogueEdition.objects.create(
        country=account.country, name="2026", sha256="x" * 64, imported_at=at
    )
    CatalogueEntry.objects.create(
        country=account.country, kind="template", key=CATALOGUE["template_key"],
        title="Your parcel arrived", edition=edition,
    )  # fmt: skip

    _name, pdf = dossier.build(made, by=None, at=at, language="en", form="pdf")

    assert "yourparcelarrived" in text_of(pdf)


def test_the_audit_names_the_pdf_inside_the_zip(
    account: OfficialAccount, author: User, at: datetime
) -> None:
    made = factories.draft(account, by=author)

    _name, file = dossier.build(made, by=author, at=at, language="en")

    pdf = zipfile.ZipFile(io.BytesIO(file)).read("dossier.pdf")
    entry = AuditEntry.objects.get(action="template.dossier")
    assert entry.facts["pdf_digest"] == hashlib.sha256(pdf).hexdigest()


def test_a_waivers_reason_is_told_with_who_gave_it(
    account: OfficialAccount, author: User, at: datetime
) -> None:
    made = factories.draft(account, by=author, content={"title": "{{name}}"})
    dossiers = dossier.collect(made, language="en", at=at)
    Waiver.objects.create(
        template=made, code=dossiers["findings"][0]["code"], place="title",
        digest=_digests(made)[0], reason="LINE agreed by phone", by=author, at=at,
    )  # fmt: skip

    for language in ("en", "th", "zh-hant", "ja"):
        _name, pdf = dossier.build(made, by=None, at=at, language=language, form="pdf")
        assert "lineagreedbyphone" in text_of(pdf)
        assert author.username in text_of(pdf)


def _digests(template: MessageTemplate) -> list[str]:
    return [each.finding["digest"] for each in dossier.waivers.judged(template)]


WORDS = st.text(st.characters(exclude_characters="\x00{}", exclude_categories=["Cs"]), min_size=1)
SIZES = st.sampled_from(["xxs", "md", "5xl", "18px", "odd"])
COLORS = st.sampled_from(["#06C755", "#06C75580", "red", ""])
LENGTHS = st.sampled_from(["none", "md", "xxl", "12px", "40%", "9999px"])
LEAVES = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("text"), "text": WORDS},
        optional={"size": SIZES, "color": COLORS, "wrap": st.booleans(), "flex": st.integers(0, 9),
                  "weight": st.just("bold"), "align": st.sampled_from(["start", "center", "end"]),
                  "margin": LENGTHS, "decoration": st.sampled_from(["underline", "none"])},
    ),
    st.fixed_dictionaries(
        {"type": st.just("button"),
         "action": st.fixed_dictionaries({"type": st.just("message"), "text": WORDS})},
        optional={"style": st.sampled_from(["primary", "secondary", "link"]), "color": COLORS},
    ),
    st.fixed_dictionaries({"type": st.sampled_from(["separator", "filler"])},
                          optional={"color": COLORS, "margin": LENGTHS, "flex": st.just(0)}),
    st.fixed_dictionaries({"type": st.sampled_from(["image", "icon"]),
                           "url": st.just("https://example.com/" + "x" * 90)}),
)  # fmt: skip
NODES = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("box"), "layout": st.sampled_from(["vertical", "horizontal", "baseline"]),
         "contents": st.lists(inner, max_size=3)},
        optional={"paddingAll": LENGTHS, "paddingStart": LENGTHS, "backgroundColor": COLORS,
                  "cornerRadius": LENGTHS, "borderWidth": st.sampled_from(["none", "bold", "2px"]),
                  "spacing": LENGTHS, "flex": st.integers(0, 3)},
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(nodes=st.lists(NODES, min_size=1, max_size=4), language=st.sampled_from(["en", "th", "ja"]))
def test_any_bubble_that_line_takes_makes_a_pdf(nodes: list[Any], language: str) -> None:
    content = {"flex": bubble(*nodes), "alt_text": "x"}
    contents.validate(content, service="oa")
    message = rendering.draw(content, service="oa")
    at = datetime.fromisoformat("2026-11-25T09:00:00+00:00")

    assert off_the_page(dossier_pdf.typeset(held(message), language=language, at=at)) == []
