"""The editor's pages: who gets them, what they save, and that a preview keeps nothing."""

from __future__ import annotations

import json
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.audit.models import AuditEntry
from templates_app import drafting, workflow
from templates_app.models import MessageTemplate, State, TemplateEvent
from tests import factories
from tests.templates_app.test_rendering import CATALOGUE, FLEX, FULL

ADD = "admin:templates_app_messagetemplate_add"
EDIT = "admin:templates_app_messagetemplate_edit"
PAGE = "admin:templates_app_messagetemplate_change"
PREVIEW = "admin:templates_app_messagetemplate_preview"
ROLES = ("author", "reviewer", "sender", "auditor", "manager", "superuser")
WRITERS = {"author", "manager", "superuser"}
MOST_QUERIES = 30


class Fields(HTMLParser):
    """What a browser would send of the form `editor`, taken from the page as it was answered."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self._in_form = self._in_template = False
        self._area: str | None = None
        self._text = ""
        self._select: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._in_form = given.get("id") == "editor"
        if tag == "template":
            self._in_template = True
        name = given.get("name")
        mine = self._in_form or given.get("form") == "editor"
        if not mine or self._in_template or (not name and tag != "option"):
            return
        kind = given.get("type", "text")
        is_checked = kind not in ("radio", "checkbox") or "checked" in given
        if tag == "input" and kind != "file" and is_checked:
            self._add(str(name), given.get("value") or "")
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self._add(self._select, given.get("value") or "")

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form = False
        elif tag == "template":
            self._in_template = False
        elif tag == "select":
            self._select = None
        elif tag == "textarea" and self._area:
            # HTML drops one line feed after the tag; a form sends CRLF.
            text = self._text.removeprefix("\n").replace("\n", "\r\n")
            self._add(self._area, text)
            self._area = None

    def _add(self, name: str, value: str) -> None:
        self.sent.setdefault(name, []).append(value)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def login(role: str) -> Client:
    return client_of(factories.superuser() if role == "superuser" else factories.user(role))


def shown(client: Client, url: str) -> dict[str, list[str]]:
    """Return the form's fields as the page shows them."""
    answer = client.get(url)
    assert answer.status_code == 200
    return Fields(answer.content.decode()).sent


def new_form(of: OfficialAccount, /, **fields: Any) -> dict[str, Any]:
    return {
        "account": of.pk, "key": "fresh", "language": "th", "purpose": "parcels",
        "category": "transactional", "kind": "bubble", "title": "พัสดุ",
        "item_label": ["จาก"], "item_value": ["{{shop}}"], "do": "save", **fields,
    }  # fmt: skip


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", ["new", "draft", "submitted", "approved", "rejected"])
def test_only_writers_edit_and_only_drafts(
    role: str, state: str, account: OfficialAccount, at: datetime
) -> None:
    client = login(role)
    if state == "new":
        url, template = reverse(ADD), None
    else:
        template = factories.approved(account) if state == "approved" else factories.draft(account)
        if state in ("submitted", "rejected"):
            workflow.submit(template, by=factories.user("author"), at=at)
        if state == "rejected":
            reviewer = factories.user("reviewer")
            workflow.reject(template, by=reviewer, at=at, reason="no", decided_by="line")
        url = reverse(EDIT, args=[template.pk])
    page = client.get(url)
    saved = client.post(url, new_form(account, seen="x"))
    live = client.post(
        reverse(PREVIEW), new_form(account, template=template.pk if template else "")
    )

    if role not in WRITERS:
        assert (page.status_code, saved.status_code, live.status_code) == (403, 403, 403)
        assert not MessageTemplate.objects.filter(key="fresh").exists()
    elif state in ("new", "draft"):
        assert (page.status_code, live.status_code) == (200, 200)
        assert saved.status_code == (302 if state == "new" else 409)  # overtaken: another `seen`
    else:
        assert (page.status_code, saved.status_code, live.status_code) == (302, 302, 403)
        assert page.headers["Location"] == reverse(PAGE, args=[template.pk if template else 0])
    if template is not None:
        unchanged = MessageTemplate.objects.get(pk=template.pk)
        assert (unchanged.content, unchanged.state) == (factories.PARCEL, template.state if
                state in ("draft", "approved") else State(state))  # fmt: skip


def test_a_writer_with_a_list_of_accounts_writes_for_no_other(account: OfficialAccount) -> None:
    author = factories.user("author")
    own = factories.account("own", channel="2000000002")
    AccountScope.objects.create(user=author).accounts.set([own])
    theirs = factories.draft(account)
    client = client_of(author)

    page = client.get(reverse(ADD)).content.decode()
    assert "Own" in page
    assert "Thai-Post" not in page
    refused = client.post(reverse(ADD), new_form(account))
    assert refused.status_code == 409
    assert "Select a valid choice" in refused.content.decode()
    assert client.get(reverse(EDIT, args=[theirs.pk])).status_code == 404
    assert client.post(reverse(PREVIEW), {"template": theirs.pk}).status_code == 403
    assert not MessageTemplate.objects.filter(key="fresh").exists()


def test_a_preview_is_a_post_with_its_token(account: OfficialAccount) -> None:
    author = factories.user("author")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(author)

    assert client_of(author).get(reverse(PREVIEW)).status_code == 405
    assert strict.post(reverse(PREVIEW), new_form(account)).status_code == 403
    assert strict.post(reverse(ADD), new_form(account)).status_code == 403
    assert Client().post(reverse(PREVIEW), new_form(account)).status_code == 302  # to the log-in


CONTENTS = [
    ("lon", FULL),
    ("lon", factories.PARCEL),
    ("lon", CATALOGUE),
    ("lon", FLEX),
    ("oa", FLEX),
    ("oa", {"text": '\n one\n\n{{name}} <b>&amp; "two"</b> \u2028 end '}),
    ("lon", {"title": "a\nb", "items": [{"label": "x\ny", "value": "\n1\n2"}]}),
    ("lon", {**FULL, "items": [{"label": f"l{n}", "value": f"v{n}"} for n in range(15)]}),
]


@pytest.mark.parametrize(("service", "content"), CONTENTS)
def test_what_the_page_shows_saves_as_it_was(
    service: str, content: dict[str, Any], account: OfficialAccount
) -> None:
    samples = [{"name": "สมชาย", "no": "1\n2"}, {"name": "O'Neil <b>"}]
    template = factories.draft(account, service=service, content=content, samples=samples)
    kept = [
        {name: value for name, value in sample.items() if name in template.placeholders}
        for sample in samples
    ]
    client = login("author")
    url = reverse(EDIT, args=[template.pk])

    answer = client.post(url, {**shown(client, url), "do": "save"})

    assert answer.status_code == 302
    template.refresh_from_db()
    assert template.content == content
    assert template.samples == [each for each in kept if each]
    assert template.purpose == "Tell the receiver that a parcel has arrived"


def test_a_new_template_is_saved_with_its_samples(account: OfficialAccount) -> None:
    client = login("author")
    form = new_form(
        account, emphasis_label="เลข", emphasis_value="{{no}}",
        sample_name=["no", "shop"], sample_value=["TH1", "ร้าน", "TH2", ""],
        button_label=["ดู", ""], button_url=["https://example.com/{{no}}", ""],
    )  # fmt: skip

    answer = client.post(reverse(ADD), form, follow=True)

    template = MessageTemplate.objects.get(key="fresh")
    assert template.service == "lon"
    assert template.content == {
        "title": "พัสดุ",
        "emphasis": {"label": "เลข", "value": "{{no}}"},
        "items": [{"label": "จาก", "value": "{{shop}}"}],
        "buttons": [{"label": "ดู", "url": "https://example.com/{{no}}"}],
    }
    assert template.samples == [{"no": "TH1", "shop": "ร้าน"}, {"no": "TH2"}]
    page = answer.content.decode()
    assert "The draft fresh v1 is saved." in page
    assert "For API callers" in page
    assert "&quot;shop&quot;: &quot;ร้าน&quot;" in page


def at_field(page: str, field: str) -> str:
    """Return what stands from a control to the end of its field."""
    after = page.split(f'id="f-{field}"' if f'id="f-{field}"' in page else f'id="{field}"', 1)[1]
    return after.split('class="lp-field', 1)[0]


@pytest.mark.parametrize(
    ("field", "fields", "sentence"),
    [
        ("key", {"key": "no spaces"}, "Enter a valid “slug”"),
        ("key", {"key": ""}, "This field is required"),
        ("key", {"key": "taken"}, "The account has a template “taken” already"),
        ("purpose", {"purpose": ""}, "This field is required"),
        ("language", {"language": "x" * 36}, "at most 35"),
        ("category", {"category": "marketing"}, "LINE forbids promotion in notifications"),
        ("account", {"account": "999"}, "Select a valid choice"),
        ("title", {"title": ""}, "A notification needs a title"),
        ("emphasis_value", {"emphasis_label": "x"}, "Write what is shown here"),
        ("emphasis_value", {"emphasis_label": "x", "emphasis_value": "y" * 16}, "16 characters"),
        ("item_label-0", {"item_label": "", "item_value": "x"}, "Write a label."),
        ("item_value-1", {"item_label": ["a", "b"], "item_value": ["c", "d" * 301]}, "LINE allows"),
        ("button_url-0", {"button_label": "x", "button_url": "http://a.b/"}, "begins with https"),
        ("button_label-1", {"button_label": ["", ""], "button_url": ["", "https://a.b/"]}, "label"),
        ("flex", {"kind": "lon_flex", "flex": "{", "alt_text": "x"}, "Line 1, column 2"),
        ("alt_text", {"kind": "oa_flex", "flex": json.dumps(FLEX["flex"])}, "Write the text that"),
        ("text", {"kind": "text", "text": "x" * 5001}, "5001 characters"),
        ("template_key", {"kind": "catalogue"}, "Give the key of a template"),
        ("item_key-0", {"kind": "catalogue", "template_key": "a", "item_key": "x y"}, "letters"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_saved(
    field: str, fields: dict[str, Any], sentence: str, account: OfficialAccount
) -> None:
    factories.draft(account, key="taken")
    before = MessageTemplate.objects.count()

    answer = login("author").post(reverse(ADD), new_form(account, **fields))

    page = answer.content.decode()
    assert answer.status_code == 409
    assert sentence in at_field(page, field)
    assert 'role="alert"' in at_field(page, field)
    assert MessageTemplate.objects.count() == before


def test_a_file_is_uploaded_without_script(account: OfficialAccount) -> None:
    client = login("author")
    good = SimpleUploadedFile("b.json", json.dumps(FLEX["flex"]).encode())
    big = SimpleUploadedFile("b.json", b" " * 10_000_000)
    form = {"kind": "lon_flex", "alt_text": "x {{name}}"}

    refused = client.post(reverse(ADD), new_form(account, flex_file=big, **form))
    assert refused.status_code == 409
    assert "This is larger than 200 KB" in at_field(refused.content.decode(), "flex")
    shown_first = client.post(
        reverse(ADD), new_form(account, flex_file=good, **{**form, "do": "preview"})
    )
    assert "{{shop}}" in at_field(shown_first.content.decode(), "flex")
    assert not MessageTemplate.objects.exists()
    good.seek(0)
    assert client.post(reverse(ADD), new_form(account, flex_file=good, **form)).status_code == 302
    assert MessageTemplate.objects.get().content["flex"] == FLEX["flex"]


def test_buttons_for_rows_and_samples_work_without_script_and_save_nothing(
    account: OfficialAccount,
) -> None:
    template = factories.draft(account)
    client = login("author")
    url = reverse(EDIT, args=[template.pk])
    form = shown(client, url)
    events = TemplateEvent.objects.count()

    def press(**fields: Any) -> dict[str, list[str]]:
        answer = client.post(url, {**form, **fields})
        assert answer.status_code == 200
        return Fields(answer.content.decode()).sent

    assert press(do="add_item")["item_label"] == ["จาก", ""]
    two = {"item_label": ["a", "b"], "item_key": ["", ""], "item_value": ["1", "2"]}
    assert press(do="item-down-0", **two)["item_label"] == ["b", "a"]
    assert press(do="item-remove-0", **two)["item_value"] == ["2"]
    assert press(do="item-remove-0")["item_label"] == [""]
    added = press(do="add_sample", sample_value=["x", "y", "z"])
    assert added["sample_name"] == ["name", "tracking_no", "parcel_from"]
    assert added["sample_value"] == ["x", "y", "z", "", "", ""]
    new_name = press(greeting="{{ชื่อ}}", sample_value=["x", "y", "z"])
    assert new_name["sample_offered"] == ["ชื่อ", "tracking_no", "parcel_from"]
    assert new_name["sample_name"] == ["ชื่อ", "tracking_no", "parcel_from", "name"]  # carried
    assert new_name["sample_value"] == ["", "y", "z", "x"]
    template.refresh_from_db()
    assert (template.content, template.samples) == (factories.PARCEL, [])
    assert TemplateEvent.objects.count() == events


def live(client: Client, **fields: Any) -> str:
    answer = client.post(reverse(PREVIEW), fields)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_live_preview_draws_and_judges_what_is_typed(account: OfficialAccount) -> None:
    client = login("author")
    entries, form = AuditEntry.objects.count(), new_form(account, do="")

    page = live(client, **{**form, "title": "<script>"})
    assert "&lt;script&gt;" in page
    assert "<mark>shop</mark>" in page
    assert "Thai-Post" in page
    assert "8x8: 11 of 500 in all" in page
    assert 'id="samples"' in page  # the placeholder is new, so its field comes along
    assert 'hx-swap-oob="true"' in page
    filled = live(
        client, **form, shown="1", sample_name="shop", sample_value="ร้าน", sample_offered="shop"
    )
    assert '<span class="lp-filled">ร้าน</span>' in filled
    assert 'id="samples"' not in filled  # what one types in is not replaced
    assert "A notification needs a title" in live(client, kind="bubble")
    assert "Write the text of the message" in live(client, kind="text")
    assert "Nothing to draw yet" in live(client, kind="oa_flex", flex='{"type"')
    assert "Line 1, column 8" in live(client, kind="oa_flex", flex='{"type"')
    assert "placeholder in it is usually turned down" in live(client, **{**form, "title": "{{x}}"})
    assert MessageTemplate.objects.count() == 0
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "nonsense", "account": "x", "shown": "99", "do": "item-up-9"},
        {"kind": "bubble", "title": "\0", "item_label": "a", "item_value": "{{"},
        {"kind": "lon_flex", "flex": '{"type":"bubble","body":{"type":[]},"styles":{"body":1}}'},
        {"kind": "oa_flex", "flex": '{"type":"carousel","contents":{"a":1}}', "shown": "²"},
        {"kind": "oa_flex", "flex": '["\\ud800"]'},
        {"kind": "text", "text": "{{a}}" * 300, "shown": "1"},
        {"kind": "catalogue", "item_key": ["a"] * 99, "item_value": ["b"]},
        {"sample_name": ["a"] * 80, "sample_value": ["b"] * 300, "text": "{{a}}", "kind": "text"},
        {"shown": "1", "sample_value": "x", "account": "9" * 40},
    ],
)
def test_no_input_breaks_the_preview(fields: dict[str, Any], account: OfficialAccount) -> None:
    assert live(login("author"), **fields)


def test_a_change_of_placeholders_says_what_callers_must_pass(
    account: OfficialAccount, at: datetime
) -> None:
    approved = factories.approved(account)
    draft = drafting.revise(approved, by=factories.user("author"), at=at)
    client = login("author")
    url = reverse(EDIT, args=[draft.pk])
    form = shown(client, url)
    sentence = "API callers must now also pass: due; no longer needed: name."

    said = live(client, **{**form, "greeting": "{{due}}"})
    assert "Against the approved version 1" in said
    assert sentence in said
    assert "&quot;due&quot;: &quot;…&quot;" in said
    page = client.post(url, {**form, "greeting": "{{due}}", "do": "save"}, follow=True)
    words = page.content.decode()
    assert words.count(sentence) == 2  # the message, and the panel that stays
    assert "Changed since version 1" in words
    assert "This edit brings in: due; takes out: name." in words
    form = shown(client, url)
    back = live(client, **{**form, "greeting": "{{name}} {{due}} {{day}}"})
    assert "API callers must now also pass: due, day." in back
    assert "This edit brings in: name, day." in back
    undone = live(client, **{**form, "greeting": "{{name}}"})
    assert "API callers" not in undone
    assert "This edit brings in: name; takes out: due." in undone


def test_a_draft_that_somebody_changed_meanwhile_is_not_overwritten_unseen(
    account: OfficialAccount, at: datetime
) -> None:
    template = factories.draft(account)
    client = login("author")
    url = reverse(EDIT, args=[template.pk])
    form = {**shown(client, url), "title": ["mine"], "do": "save"}
    theirs = {**factories.PARCEL, "title": "theirs"}
    drafting.edit(template, by=factories.user("author"), at=at, changes={"content": theirs})

    overtaken = client.post(url, form)

    assert overtaken.status_code == 409
    assert "Somebody changed this draft" in overtaken.content.decode()
    template.refresh_from_db()
    assert template.content["title"] == "theirs"
    again = Fields(overtaken.content.decode()).sent
    assert again["title"] == ["mine"]
    assert client.post(url, {**again, "do": "save"}).status_code == 302
    template.refresh_from_db()
    assert template.content["title"] == "mine"


def test_a_draft_submitted_while_it_is_written_is_left_as_it_was_submitted(
    account: OfficialAccount, at: datetime
) -> None:
    template = factories.draft(account)
    client = login("author")
    url = reverse(EDIT, args=[template.pk])
    form = shown(client, url)
    workflow.submit(template, by=factories.user("author"), at=at)

    answer = client.post(url, {**form, "do": "save"}, follow=True)

    assert "Only a draft can be edited; this version is submitted" in answer.content.decode()


def test_the_pages_ask_the_database_little(account: OfficialAccount, at: datetime) -> None:
    draft = drafting.revise(factories.approved(account), by=factories.user("author"), at=at)
    client = login("author")
    client.get(reverse(ADD))

    def queries(method: str, url: str, form: Any = None) -> int:
        with CaptureQueriesContext(connection) as ran:
            assert getattr(client, method)(url, form).status_code in (200, 302)
        return len(ran)

    form = shown(client, reverse(EDIT, args=[draft.pk]))
    assert queries("get", reverse(ADD)) <= MOST_QUERIES
    assert queries("get", reverse(EDIT, args=[draft.pk])) <= MOST_QUERIES
    assert queries("get", reverse(PAGE, args=[draft.pk])) <= MOST_QUERIES
    assert queries("post", reverse(PREVIEW), form) <= MOST_QUERIES
    assert queries("post", reverse(EDIT, args=[draft.pk]), {**form, "do": "save"}) <= MOST_QUERIES


def test_the_drafts_page_offers_the_editor_and_takes_no_words_itself(
    account: OfficialAccount,
) -> None:
    template = factories.draft(account)
    url = reverse(PAGE, args=[template.pk])
    author = login("author")

    assert reverse(EDIT, args=[template.pk]) in author.get(url).content.decode()
    assert reverse(EDIT, args=[template.pk]) not in login("auditor").get(url).content.decode()
    assert "may not do this" in author.post(url, {"content": "{}"}, follow=True).content.decode()


def test_an_example_fills_the_new_form(account: OfficialAccount) -> None:
    client = login("author")
    example = shown(client, reverse(ADD) + "?example=1")

    form = {**example, "key": "example", "purpose": "p", "account": account.pk, "do": "save"}
    assert client.post(reverse(ADD), form).status_code == 302
    template = MessageTemplate.objects.get()
    assert template.content["emphasis"]["value"] == "{{tracking_no}}"
    assert template.samples == [factories.VALUES]
