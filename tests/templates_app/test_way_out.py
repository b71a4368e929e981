"""Marketing to friends says how to stop it, by itself, and cannot go out where it does not."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount, Road
from lineportal.providers import PROVIDERS
from lineportal.sending import campaigns, due, messages, outbox
from lineportal.sending.models import Message, Policy
from recipients.intake import Invalid
from templates_app import content, flex_rules, opting_out, rendering, way_out, workflow
from templates_app.models import MessageTemplate
from tests import factories
from tests.templates_app.raw_sql import execute, refused
from tests.templates_app.test_send_path import tamper

TEXT = {"type": "text", "text": "ลดราคา", "wrap": True}
BODY = {"type": "box", "layout": "vertical", "contents": [TEXT]}
LINK = {
    "type": "button",
    "action": {"type": "uri", "label": "Shop", "uri": "https://example.com/"},
}


def box(layout: str, *contents: Any, **more: Any) -> dict[str, Any]:
    return {"type": "box", "layout": layout, "contents": list(contents), **more}


def bubble(**more: Any) -> dict[str, Any]:
    return {"type": "bubble", "body": BODY, **more}


FOOTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "vertical": {"footer": box("vertical", LINK)},
    "horizontal": {"footer": box("horizontal", LINK)},
    "low": {"footer": box("vertical", LINK, height="40px")},
    "tapped": {"footer": box("vertical", TEXT, action=LINK["action"])},
}


def flex(container: dict[str, Any]) -> dict[str, Any]:
    return {"flex": container, "alt_text": "Sale"}


def drawn(made: dict[str, Any], language: str = "th") -> dict[str, Any]:
    return rendering.draw(made, service="oa", category="marketing", language=language)


def buttons(drawing: Any) -> list[dict[str, Any]]:
    """Return every button by which a reader stops."""
    text = json.dumps(drawing)
    return [] if opting_out.STOP_DATA not in text else list(_buttons(drawing))


def _buttons(node: Any) -> Any:
    if isinstance(node, dict):
        if node.get("type") == "postback" and node.get("data") == opting_out.STOP_DATA:
            yield node
        for inner in node.values():
            yield from _buttons(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _buttons(inner)


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("th", "หยุด"), ("th-TH", "หยุด"), ("zh-Hant", "停止"), ("zh_TW", "停止"),
        ("ja-JP", "配信停止"), ("en-GB", "stop"), ("fr", "stop"), ("", "stop"), ("zh-Hans", "停止"),
    ],
)  # fmt: skip
def test_a_text_ends_with_the_word_to_send_in_the_language_of_the_template(
    language: str, word: str
) -> None:
    text = drawn({"text": "ลดราคา"}, language)["text"]

    head, _empty, last = text.split("\n")
    assert head == "ลดราคา"
    assert word in last
    assert opting_out.is_stop(word)


@pytest.mark.parametrize("language", sorted(way_out.WORDS))
def test_what_the_button_says_in_the_chat_is_understood_and_short_enough(language: str) -> None:
    action = way_out.button(language)["action"]

    assert opting_out.is_stop(action["displayText"])
    assert len(action["label"]) <= 20


@pytest.mark.parametrize("provider", ["line", "infobip"])
def test_a_picture_has_the_button_under_its_own(provider: str) -> None:
    shop = {"label": "Shop", "url": "https://example.com/"}
    most = {
        "image": {"url": "https://example.com/{{no}}.jpg", "shape": "tall"},
        "caption": "ก" * content.PARAGRAPH_LIMIT,
        "buttons": [shop] * content.BUTTONS_LIMIT,
        "alt_text": "Sale",
    }
    for made in (MADE["picture"], most):
        content.validate(made, service="oa", category="marketing", language="th")
        drawing = drawn(made)

        assert way_out.is_offered(drawing)
        assert flex_rules.problems(drawing["contents"]) == {}
        fits = PROVIDERS[provider].unfit(
            service="oa", kind="picture", content=made, drawing=drawing
        )
        assert fits == ""


@pytest.mark.parametrize("footer", sorted(FOOTERS))
@pytest.mark.parametrize("provider", ["line", "infobip"])
def test_every_kind_of_footer_takes_the_button_and_every_road_its_message(
    footer: str, provider: str
) -> None:
    for container in (
        bubble(**FOOTERS[footer]),
        {"type": "carousel", "contents": [bubble(), bubble(**FOOTERS[footer])]},
    ):
        made = flex(container)
        content.validate(made, service="oa", category="marketing", language="th")
        drawing = drawn(made)

        assert way_out.is_offered(drawing)
        assert flex_rules.problems(drawing["contents"]) == {}
        if footer != "low" or provider == "line":  # Infobip takes no box with a height in pixels
            unfit = PROVIDERS[provider].unfit(
                service="oa", kind="flex", content=made, drawing=drawing
            )
            assert unfit == ""


def test_each_bubble_has_the_button_while_that_fits_and_else_the_last() -> None:
    assert len(buttons(drawn(flex({"type": "carousel", "contents": [bubble()] * 12})))) == 12

    filler = {**TEXT, "text": "x" * 24_200}
    large = {"type": "bubble", "body": box("vertical", filler)}
    full = flex({"type": "carousel", "contents": [large, {**large}]})
    assert flex_rules.problems(full["flex"]) == {}
    size = len(json.dumps(full["flex"]).encode())
    room = flex_rules.CAROUSEL_BYTES - size - 400  # for one button, not for two
    large["body"] = box("vertical", {**filler, "text": "x" * (24_200 + room)})

    content.validate(full, service="oa", category="marketing", language="en")
    assert len(buttons(drawn(full, "en"))) == 1
    assert way_out.is_offered(drawn(full, "en"))


def test_what_has_no_room_for_it_is_refused_with_what_to_do(
    account: OfficialAccount, author: User
) -> None:
    fixed = flex_rules.BUBBLE_BYTES - len(json.dumps(bubble(), ensure_ascii=False).encode())
    words = {**TEXT, "text": TEXT["text"] + "x" * fixed}
    full = flex({"type": "bubble", "body": box("vertical", words)})
    content.validate(full, service="oa")

    with pytest.raises(content.InvalidContent, match="does not fit under the last bubble"):
        factories.draft(
            account, by=author, service="oa", category="marketing", content=full, language="en"
        )
    with pytest.raises(content.InvalidContent, match=r"LINE allows 49\d\d"):
        content.validate({"text": "x" * 5000}, service="oa", category="marketing", language="th")


@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_no_words_of_an_author_hide_or_replace_the_way_out(text: str) -> None:
    for language in way_out.WORDS:
        assert way_out.is_offered(drawn({"text": text}, language))
    assert not way_out.is_offered(rendering.draw({"text": text}, service="oa"))


def test_notices_and_notifications_are_left_as_they_are() -> None:
    assert buttons(rendering.draw(flex(bubble()), service="oa", category="transactional")) == []
    lon = rendering.draw(factories.PARCEL, service="lon", category="marketing")
    assert buttons(lon) == []


def test_reviewers_see_and_freeze_it(account: OfficialAccount) -> None:
    template = factories.two_way(account, category="marketing")

    assert template.bubble == {
        "type": "text",
        "text": f"สวัสดี {{{{name}}}}\n\n{way_out.words('th').line}",
    }
    assert workflow.current_hash(template) == template.content_hash


def test_a_value_has_the_room_that_the_way_out_leaves(
    account: OfficialAccount, sender: User, at: datetime
) -> None:
    template = factories.two_way(account, category="marketing", content={"text": "{{offer}}"})
    friend = factories.recipient(account, friend_status="friend")
    room = content.TEXT_LIMIT - content.utf16_units(way_out.ending("th"))

    def ask(value: str) -> Message:
        return messages.request(
            account, template=template, phone=None, line_user_id=friend.line_user_id,
            values={"offer": value}, key=str(len(value)), body={}, by=sender, at=at,
        )  # fmt: skip

    assert ask("x" * room).status == "queued"
    with pytest.raises(Invalid, match="LINE allows"):
        ask("x" * (room + 1))


MADE: dict[str, dict[str, Any]] = {
    "text": {"text": "ลดราคา"},
    "picture": {"image": {"url": "https://example.com/a.jpg"}, "alt_text": "Sale"},
    "bubble": flex(bubble()),
    "carousel": flex({"type": "carousel", "contents": [bubble(), bubble()]}),
}
ACTION = "{contents,footer,contents,-1,action,data}"
BROKEN = {
    "no text": ("text", "jsonb_set(bubble, '{text}', '\"ลดราคา\"')"),
    "more words": ("text", "jsonb_set(bubble, '{text}', to_jsonb((bubble ->> 'text') || 'x'))"),
    "no footer": ("bubble", "bubble #- '{contents,footer}'"),
    "other data": ("bubble", f"jsonb_set(bubble, '{ACTION}', '\"x\"')"),
    "not in the last": ("carousel", "bubble #- '{contents,contents,1,footer}'"),
    "a list": ("carousel", "'[]'::jsonb"),
    "nothing": ("bubble", "'{}'::jsonb"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_raw_sql_hands_in_no_marketing_without_it(
    case: str, account: OfficialAccount, author: User
) -> None:
    form, bubble_sql = BROKEN[case]
    draft = factories.draft(
        account, by=author, service="oa", category="marketing", content=MADE[form]
    )
    drawing = json.dumps(rendering.drawing_of(draft), ensure_ascii=False)
    sql = (
        "UPDATE templates_app_messagetemplate SET state = 'submitted', content_hash = 'x',"
        " submitted_by_id = %s, submitted_at = now(), bubble = (SELECT {} FROM"
        " (SELECT %s::jsonb AS bubble) drawn) WHERE id = %s"
    )

    said = refused(sql.format(bubble_sql), author.pk, drawing, draft.pk)

    assert "says how to stop it" in said
    execute(sql.format("bubble"), author.pk, drawing, draft.pk)  # as it is drawn, it is taken


def approved_before(account: OfficialAccount) -> MessageTemplate:
    """Return a marketing version that was approved before there was a way out."""
    template = factories.two_way(account, category="marketing")
    bare = rendering.draw(template.content, service="oa")
    template.bubble = bare
    tamper(
        "UPDATE templates_app_messagetemplate SET bubble = %s::jsonb, content_hash = %s"
        " WHERE id = %s",
        json.dumps(bare), workflow.current_hash(template), template.pk,
    )  # fmt: skip
    template.refresh_from_db()
    return template


def test_a_version_of_before_is_sent_no_more_and_its_revision_is(
    account: OfficialAccount, author: User, sender: User, at: datetime
) -> None:
    template = approved_before(account)
    friend = factories.recipient(account, friend_status="friend")

    with pytest.raises(campaigns.WrongState, match="Revise it"):
        campaigns.create(account, template=template, name="Sale", by=sender, at=at)
    with pytest.raises(Invalid, match="Revise it"):
        messages.request(
            account, template=template, phone=None, line_user_id=friend.line_user_id,
            values={}, key="1", body={}, by=sender, at=at,
        )  # fmt: skip
    revised = factories.two_way(account, key="again", category="marketing")
    assert campaigns.create(account, template=revised, name="Sale", by=sender, at=at).pk


@pytest.mark.parametrize("how", ["campaign", "alone"])
def test_what_was_queued_on_a_version_of_before_stays_in_the_queue(
    how: str, account: OfficialAccount, sender: User, at: datetime
) -> None:
    Policy.objects.create(account=account, windows={"marketing": None})
    template = factories.two_way(account, category="marketing")
    friend = factories.recipient(account, friend_status="friend")
    if how == "campaign":
        campaign = campaigns.create(account, template=template, name="Sale", by=sender, at=at)
        campaigns.start(campaign, by=sender, at=at)
    else:
        messages.request(
            account, template=template, phone=None, line_user_id=friend.line_user_id,
            values={}, key="1", body={}, by=sender, at=at,
        )  # fmt: skip
    road = Road.objects.get(account=account, service="oa")
    claim = outbox.claim(road, at=at + due.LEASE)
    assert len(claim.messages) == 1
    outbox.release(claim.token, [message.id for message in claim.messages])

    bare = rendering.draw(template.content, service="oa")
    tamper(
        "UPDATE templates_app_messagetemplate SET bubble = %s::jsonb WHERE id = %s",
        json.dumps(bare), template.pk,
    )  # fmt: skip

    held = [(message, "0" * 64) for message in claim.messages]
    assert outbox.begin(claim.token, held, at=at) == set()
    assert outbox.claim(road, at=at + due.LEASE).taken == 0
    assert Message.objects.get().status == "queued"
