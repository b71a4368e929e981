"""What the reviewer is told to look at, before LINE does."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.test import Client
from django.urls import reverse
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from lineportal.demo import story
from templates_app import findings
from templates_app.rendering import canonical, draw
from tests import factories

PERSONAL = [{"label": "No.", "value": "{{no}}"}]
BUTTON = [{"label": "Track", "url": "https://example.com/"}]
PLAIN: dict[str, Any] = {"title": "Parcel has arrived", "items": PERSONAL, "buttons": BUTTON}
SAMPLES = [{"no": "12", "name": "Somchai", "a": "1", "b": "2"}]
LOCALE = Path(findings.__file__).parents[1] / "locale"
LANGUAGES = {"th": "th", "zh_Hant": "zh-hant", "ja": "ja"}


def found(content: Any, service: str = "lon", **details: Any) -> list[dict[str, str]]:
    return findings.find(
        content, service=service, **{"language": "en", "samples": SAMPLES, **details}
    )


def codes(content: Any, service: str = "lon", **details: Any) -> set[str]:
    return {finding["code"] for finding in found(content, service, **details)}


@pytest.mark.parametrize("content", [factories.PARCEL, story.PARCEL])
def test_a_plain_notification_is_as_line_wants_it(content: dict[str, Any]) -> None:
    sample = {"pickup_date": "1 Dec", **factories.VALUES}

    assert codes(content, language="th", samples=[sample]) == set()
    assert codes(content, language="th", samples=[]) == {"missing_sample"}


def test_the_flex_drawn_of_a_plain_notification_passes_as_well() -> None:
    drawing = draw(factories.PARCEL, service="lon")
    content = {"flex": drawing["contents"], "alt_text": drawing["altText"]}

    blocking = [each for each in found(content, language="th") if each["severity"] == "blocking"]
    assert blocking == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({**PLAIN, "title": "For {{name}}"}, {"placeholder_in_title"}),
        ({**PLAIN, "items": [{"label": "a", "value": "b"}]}, {"nothing_personal"}),
        ({"title": "Hi", "greeting": "{{name}}", "buttons": BUTTON}, {"nothing_personal"}),
        ({"title": "Hi", "items": PERSONAL}, {"no_contact"}),
        ({"title": "Hi", "items": PERSONAL, "buttons": []}, {"no_contact"}),
        ({"title": "Hi", "items": PERSONAL, "explanation": "Write to us"}, {"no_contact"}),
        ({"title": "{{a}}"}, {"placeholder_in_title", "nothing_personal", "no_contact"}),
        ({"title": "Hi", "emphasis": {"label": "a", "value": "{{no}}"}, "buttons": BUTTON}, set()),
        ({"template_key": "k", "items": [{"item_key": "i", "value": "{{no}}"}], "buttons": [
            {"button_key": "b", "url": "https://example.com/"}]}, set()),
        ({**PLAIN, "explanation": "{{unknown}}"}, {"missing_sample"}),
        ({**PLAIN, "explanation": "x" * 501}, {"too_long_for_8x8"}),
        ({**PLAIN, "explanation": "Call 02 123 4567"}, {"phone_or_email_in_text"}),
        ({**PLAIN, "greeting": "help@example.com"}, {"phone_or_email_in_text"}),
        ({**PLAIN, "greeting": "เรียนลูกค้า"}, {"mixed_languages"}),
        ({**PLAIN, "explanation": "See https://bit.ly/abc"}, {"shortened_link"}),
        ({**PLAIN, "explanation": "See http://example.com/"}, {"link_not_https"}),
        ({**PLAIN, "buttons": [{"label": "Track", "url": "http://www.reurl.cc/x"}]},
         {"shortened_link", "link_not_https"}),
        ({**PLAIN, "title": "Half price until Sunday"}, {"promotional_discount"}),
        ({**PLAIN, "greeting": "A free gift for you"}, {"promotional_gift"}),
        ({**PLAIN, "explanation": "Rooms from only 990 baht"}, {"promotional_price"}),
        ({**PLAIN, "explanation": "Last chance"}, {"promotional_urgency"}),
        ({**PLAIN, "buttons": [{"label": "Shop now", "url": "https://example.com/"}]},
         {"promotional_invitation"}),
    ],
)  # fmt: skip
def test_each_rule_finds_its_own(content: dict[str, Any], expected: set[str]) -> None:
    assert codes(content) == expected


@pytest.mark.parametrize(
    "contact",
    ["Call 02 123 4567", "Tel. 1588", "+66 2 123 4567", "+66812345678", "0120-000-000",
     "Write to help@example.co.th"],
)  # fmt: skip
def test_a_way_to_ask_may_stand_in_the_explanation(contact: str) -> None:
    assert codes({"title": "Hi", "items": PERSONAL, "explanation": contact}) == set()


@pytest.mark.parametrize("no_contact", ["Parcel 12345", "before 10:00", "{{a}}@{{b}}"])
def test_a_short_number_is_no_way_to_ask(no_contact: str) -> None:
    content = {"title": "Hi", "items": PERSONAL, "explanation": no_contact}

    assert codes(content) == {"no_contact"}


@pytest.mark.parametrize(
    "item",
    [
        {"label": "Discount", "value": "-100.00"},
        {"label": "Delivery fee", "value": "free"},
        {"label": "Points earned", "value": "{{no}}"},
    ],
)
def test_a_row_with_an_amount_is_a_fact_of_the_receipt(item: dict[str, str]) -> None:
    assert codes({**PLAIN, "items": [*PERSONAL, item]}) == set()


def test_an_offer_in_a_row_is_an_offer_all_the_same() -> None:
    item = {"label": "Offer", "value": "50% off until Sunday"}

    [finding] = found({**PLAIN, "items": [*PERSONAL, item]})

    assert (finding["code"], finding["place"]) == ("promotional_discount", "items[1].value")
    assert finding["excerpt"] == "50% off"


def test_a_two_way_message_may_promote_as_marketing_only() -> None:
    sale = {"text": "Flash sale: half price today"}

    [*warned] = found(sale, "oa")

    assert {each["severity"] for each in warned} == {"warning"}
    assert all("marketing" in each["sentence"] for each in warned)
    assert found(sale, "oa", category="marketing") == []


def test_two_way_messages_need_no_item_button_or_contact() -> None:
    assert codes({"text": "Hello {{name}}"}, "oa") == set()


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ({"type": "image", "url": "https://example.com/a.png"}, {"image_in_notification"}),
        ({"type": "video", "url": "https://example.com/a.mp4"}, {"image_in_notification"}),
        ({"type": "icon", "url": "https://line-scdn.net.example.com/a.png"},
         {"image_in_notification"}),
        ({"type": "image"}, {"image_in_notification"}),
        ({"type": "image", "url": "https://obs.line-scdn.net/header.png"}, set()),
        ({"type": "box", "layout": "vertical", "backgroundUrl": "https://example.com/a.png",
          "contents": []}, {"image_in_notification"}),
        ({"type": "button", "action": {"type": "uri", "label": "Go", "uri": "line://x"}},
         {"link_not_https"}),
        ({"type": "text", "text": "x", "contents": [{"type": "span", "text": "Lucky draw"}]},
         {"promotional_gift"}),
        ({"type": "box", "layout": "baseline", "contents": [
            {"type": "text", "text": "Discount"}, {"type": "text", "text": "-20"}]}, set()),
    ],
)  # fmt: skip
def test_a_flex_bubble_is_read_through(component: dict[str, Any], expected: set[str]) -> None:
    contents = [{"type": "text", "text": "No. {{no}}"}, BUTTON_OF_FLEX, component]
    flex = {"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": contents}}

    result = found({"flex": flex, "alt_text": "Parcel"})

    assert {finding["code"] for finding in result} == expected
    assert all(each["place"].startswith("flex.body.contents[2]") for each in result)


BUTTON_OF_FLEX = {
    "type": "button",
    "action": {"type": "uri", "label": "Track", "uri": "https://example.com/"},
}


def test_blocking_findings_come_first_and_then_as_one_reads() -> None:
    content = {
        "title": "{{a}} sale",
        "items": PERSONAL,
        "explanation": "Hurry",
        "buttons": [{"label": "Buy now", "url": "https://example.com/"}],
    }

    places = [(each["severity"], each["place"]) for each in found(content)]

    assert places == [
        ("blocking", "title"),
        ("blocking", "explanation"),
        ("blocking", "buttons[0].label"),
        ("warning", "title"),
    ]
    assert found(content) == found(content)


def test_a_digest_belongs_to_one_wording_at_one_place() -> None:
    [first] = found({**PLAIN, "greeting": "A free gift for you"})
    [again] = found({**PLAIN, "greeting": "A free gift for you", "company": "Other"})
    [reworded] = found({**PLAIN, "greeting": "A free gift for you, today"})
    [moved] = found({**PLAIN, "explanation": "A free gift for you"})

    whole = canonical(["promotional_gift", "greeting", "A free gift for you"])
    assert first["digest"] == again["digest"] == hashlib.sha256(whole).hexdigest()
    assert len({each["digest"] for each in (first, reworded, moved)}) == 3


def test_a_rule_that_bites_twice_in_one_text_is_one_finding() -> None:
    greeting = "A free gift for you\nA lucky draw too"

    [finding] = found({**PLAIN, "greeting": greeting})

    assert (finding["code"], finding["excerpt"]) == ("promotional_gift", "free")


def test_every_finding_is_whole() -> None:
    for finding in found({"title": "{{x}} sale", "explanation": "http://bit.ly/x"}):
        assert set(finding) == {
            "code", "severity", "sentence", "source", "place", "excerpt", "digest",
        }  # fmt: skip
        assert finding["severity"] in findings.SEVERITIES
        assert finding["sentence"].endswith(".")
        assert re.fullmatch("[0-9a-f]{64}", finding["digest"])


def test_findings_never_change_the_content() -> None:
    content = {"title": "{{a}}", "items": []}

    findings.find(content, service="lon")

    assert content == {"title": "{{a}}", "items": []}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["title", "items", "label", "value", "buttons", "url", "flex", "type", "contents",
             "action", "uri", "text", "emphasis", "body", "layout", "alt_text", "template_key"]
        ),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(content=JSON, service=st.sampled_from(["lon", "oa"]))
def test_a_half_written_draft_never_raises(content: Any, service: str) -> None:
    findings.find(content, service=service, samples=[{}])


@pytest.mark.parametrize(
    "address", ["https://[", "https://exa mple", "https://", "//", "https://[::1", "http://x:y/"]
)
def test_half_an_address_never_raises(address: str) -> None:
    found({**PLAIN, "buttons": [{"label": "Track", "url": address}], "greeting": address})


@pytest.mark.parametrize("language", ["th", "zh-Hant", "ja", "en", "ko", ""])
def test_names_brands_and_placeholders_fit_every_language(language: str) -> None:
    content = {**PLAIN, "title": "LINE Official Account", "greeting": "{{name}} 123"}

    assert "mixed_languages" not in codes(content, language=language)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("th", "Your parcel has arrived at our branch today", True),
        ("ja", "お荷物が届きました。请领取", False),  # Han is Japanese too
        ("ja", "พัสดุถึงแล้ว", True),
        ("zh-Hant", "包裹です", True),
        ("zh-Hant", "請至 Big C Extra Rama IV 取貨", False),
        ("en", "Dear 王小明", True),
    ],
)
def test_a_sentence_of_another_language_is_seen(language: str, text: str, expected: bool) -> None:
    assert ("mixed_languages" in codes({**PLAIN, "greeting": text}, language=language)) is expected


def test_a_template_is_read_in_milliseconds_once_the_lists_are_loaded() -> None:
    found(factories.PARCEL, language="th")
    started = time.perf_counter()
    for _ in range(20):
        found(factories.PARCEL, language="th")

    assert (time.perf_counter() - started) / 20 < 0.02  # measured: 0.0004


def sentences() -> set[str]:
    with translation.override("en"):
        said = [(rule.sentence, rule.two_way_sentence) for rule in findings.RULES]
        return {str(sentence) for pair in said for sentence in pair if sentence is not None}


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_sentence_is_translated_with_its_figures(locale: str) -> None:
    with translation.override(LANGUAGES[locale]):
        for sentence in sentences():
            translated = translation.gettext(sentence)
            assert translated != sentence
            figures = re.compile(r"%\(\w+\)[sd]")
            assert sorted(figures.findall(translated)) == sorted(figures.findall(sentence))


@pytest.mark.parametrize("locale", LANGUAGES)
def test_the_compiled_catalogue_is_what_the_source_makes(locale: str, tmp_path: Path) -> None:
    folder = LOCALE / locale / "LC_MESSAGES"
    with (folder / "django.po").open("rb") as source, (tmp_path / "made.mo").open("wb") as made:
        write_mo(made, read_po(source, locale=locale))

    assert (tmp_path / "made.mo").read_bytes() == (folder / "django.mo").read_bytes(), (
        "Run `make messages`."
    )


def test_a_finding_speaks_the_readers_language() -> None:
    with translation.override("ja"):
        [finding] = found({**PLAIN, "greeting": "A free gift for you"})

    assert finding["sentence"].startswith("「free」は贈り物")


@pytest.mark.parametrize(
    ("header", "language"),
    [("th-TH,th;q=0.9", "th"), ("zh-TW", "zh-hant"), ("ja", "ja"), ("de", "en"), ("en-GB", "en")],
)
def test_the_console_opens_in_the_readers_language(
    client: Client, db: None, header: str, language: str
) -> None:
    page = client.get(reverse("admin:login"), headers={"accept-language": header})

    assert page.status_code == 200
    assert page.headers["Content-Language"] == language


def test_every_rule_is_in_the_documentation() -> None:
    page = (LOCALE.parents[1] / "docs" / "findings.md").read_text()

    assert [rule.code for rule in findings.RULES if f"`{rule.code}`" not in page] == []
