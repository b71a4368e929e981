"""What the reviewer is told to look at, before LINE does."""

from __future__ import annotations

from typing import Any

import pytest

from templates_app import findings
from tests import factories

PERSONAL = [{"label": "No.", "value": "{{no}}"}]
BUTTON = [{"label": "Track", "url": "https://example.com/"}]


def codes(content: dict[str, Any], service: str = "lon") -> set[str]:
    return {finding["code"] for finding in findings.find(content, service=service)}


def test_the_parcel_notification_is_as_line_wants_it() -> None:
    assert codes(factories.PARCEL) == set()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"title": "For {{name}}", "items": PERSONAL, "buttons": BUTTON}, {"placeholder_in_title"}),
        ({"title": "Hi", "items": [{"label": "a", "value": "b"}], "buttons": BUTTON},
         {"nothing_personal"}),
        ({"title": "Hi", "greeting": "{{name}}", "buttons": BUTTON}, {"nothing_personal"}),
        ({"title": "Hi", "items": PERSONAL}, {"no_contact"}),
        ({"title": "Hi", "items": PERSONAL, "buttons": []}, {"no_contact"}),
        ({"title": "Hi", "items": PERSONAL, "explanation": "Ask us"}, {"no_contact"}),
        ({"title": "{{a}}"}, {"placeholder_in_title", "nothing_personal", "no_contact"}),
        ({"title": "Hi", "emphasis": {"label": "a", "value": "{{no}}"}, "buttons": BUTTON}, set()),
        ({"template_key": "k", "items": [{"item_key": "i", "value": "{{no}}"}], "buttons": [
            {"button_key": "b", "url": "https://example.com/"}]}, set()),
    ],
)  # fmt: skip
def test_each_rule_finds_its_own(content: dict[str, Any], expected: set[str]) -> None:
    assert codes(content) == expected


@pytest.mark.parametrize(
    "contact",
    ["Call 02 123 4567", "โทร 02-123-4567", "+66 2 123 4567", "+66812345678",
     "Write to help@example.co.th"],
)  # fmt: skip
def test_a_way_to_ask_may_stand_in_the_explanation(contact: str) -> None:
    assert codes({"title": "Hi", "items": PERSONAL, "explanation": contact}) == set()


@pytest.mark.parametrize("no_contact", ["Parcel 12345", "before 10:00", "{{a}}@{{b}}"])
def test_a_short_number_is_no_way_to_ask(no_contact: str) -> None:
    content = {"title": "Hi", "items": PERSONAL, "explanation": no_contact}

    assert codes(content) == {"no_contact"}


def test_two_way_messages_have_no_such_rules() -> None:
    assert codes({"text": "{{everything}}"}, "oa") == set()


def test_every_rule_says_how_grave_it_is_where_and_who_says_so() -> None:
    found = findings.find({"title": "{{a}}"}, service="lon")

    assert len(found) == len(findings.LON_RULES)
    for finding in found:
        assert set(finding) == {
                "code", "severity", "sentence", "source", "place", "excerpt", "digest",
            }  # fmt: skip
        assert finding["severity"] in {"warning", "note"}
        assert finding["sentence"].endswith(".")
        assert all(finding.values())


def test_findings_never_change_the_content() -> None:
    content = {"title": "{{a}}", "items": []}

    findings.find(content, service="lon")

    assert content == {"title": "{{a}}", "items": []}
