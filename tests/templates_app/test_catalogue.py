"""LINE's catalogue: an edition is taken in whole or not at all, and templates pick from it."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import templates_app
from lineportal.accounts.models import OfficialAccount
from lineportal.audit.models import AuditEntry
from templates_app import catalogue, catalogue_import, drafting, workflow
from templates_app import content as contents
from templates_app.models import CatalogueEdition, CatalogueEntry
from tests import factories
from tests.api.client import Api

HEADER = "kind,key,title,description"
FIRST = f"""{HEADER}
template,shipment_completed_ja,発送完了,Sent when a parcel leaves
item,date_002_ja,お届け日,
item,number_001_ja,お問い合わせ番号,
button,contact_ja,お問い合わせ,
"""
CONTENT: dict[str, Any] = {
    "template_key": "shipment_completed_ja",
    "emphasis": {"item_key": "date_002_ja", "value": "{{day}}"},
    "items": [{"item_key": "number_001_ja", "value": "{{no}}"}],
    "buttons": [{"button_key": "contact_ja", "url": "https://example.com/"}],
}
KNOWN = Path(templates_app.__file__).with_name("known_keys_jp.csv")


def load(file: str | bytes, *, at: datetime, name: str = "first", **details: Any) -> Any:
    held = file.encode() if isinstance(file, str) else file
    return catalogue_import.load(
        held, **{"country": "JP", "name": name, "by": None, "at": at, **details}
    )


@pytest.fixture
def japan(db: None) -> OfficialAccount:
    return factories.account("japan", country="JP", channel="2000000077")


def test_an_edition_is_kept_with_who_when_and_a_digest(db: None, at: datetime) -> None:
    by = factories.user("manager")

    edition, summary = load(FIRST, at=at, by=by, source="LINE's page of keys, 2026-11-01")

    assert (summary.added, summary.changed, summary.retired, summary.unchanged) == (4, 0, 0, 0)
    assert (edition.imported_by, edition.imported_at, len(edition.sha256)) == (by, at, 64)
    assert catalogue.titles("JP")["item", "date_002_ja"] == "お届け日"
    assert catalogue.choices(["JP", "TW"])["button"] == [("contact_ja", "お問い合わせ")]
    assert AuditEntry.objects.get(action="catalogue.import").facts["added"] == 4


def test_a_key_that_an_edition_leaves_out_is_retired_and_may_return(db: None, at: datetime) -> None:
    load(FIRST, at=at)
    later = at + timedelta(days=1)
    second = f"{HEADER}\ntemplate,shipment_completed_ja,発送しました,\nitem,date_002_ja,お届け日,\n"

    _edition, summary = load(second, at=later, name="second")

    assert (summary.added, summary.changed, summary.retired, summary.unchanged) == (0, 1, 2, 1)
    assert CatalogueEntry.objects.get(key="contact_ja").retired_at == later
    assert catalogue.choices(["JP"])["button"] == []
    _edition, summary = load(FIRST, at=later, name="third")
    assert summary.changed == 3
    assert CatalogueEntry.objects.get(key="contact_ja").retired_at is None


def test_countries_do_not_mix(db: None, at: datetime) -> None:
    load(FIRST, at=at)

    _edition, summary = load(FIRST, at=at, country="TW")

    assert summary.added == 4
    assert CatalogueEntry.objects.filter(country="JP", retired_at=None).count() == 4


def workbook(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "file",
    [
        FIRST.encode("utf-8-sig"),
        FIRST.replace(",", "\t"),
        FIRST.replace(",", ";").replace("\n", "\r\n"),
        FIRST.replace("title", "Label").replace("kind", " KIND "),
        FIRST.replace("template,", "Template ,") + "\n\n,,,\n",
        workbook([line.split(",") for line in FIRST.splitlines()]),
    ],
    ids=["bom", "tabs", "semicolons", "names", "blanks", "workbook"],
)
def test_the_table_may_come_in_several_dresses(file: str | bytes, db: None, at: datetime) -> None:
    _edition, summary = load(file, at=at)

    assert summary.added == 4


def sheet_xml(*rows: str, dimension: str = "A1:D99") -> bytes:
    """Return a workbook whose only sheet is this XML inside its rows, whatever it claims."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook([["kind", "key", "title"]]))) as given,
        zipfile.ZipFile(out, "w") as made,
    ):
        for name in given.namelist():
            part = given.read(name)
            if name.endswith("sheet1.xml"):
                part = (
                    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
                    f'<dimension ref="{dimension}"/><sheetData>{"".join(rows)}</sheetData>'
                    "</worksheet>"
                ).encode()
            made.writestr(name, part)
    return out.getvalue()


def row_xml(n: int, *cells: str, far: str = "") -> str:
    columns = [f"{'ABCD'[i]}{n}" for i in range(len(cells))]
    shown = "".join(
        f'<c r="{place}" t="inlineStr"><is><t>{cell}</t></is></c>'
        for place, cell in zip(columns, cells, strict=True)
    )
    return f'<row r="{n}">{shown}{far}</row>'


LINES = [line.split(",") for line in FIRST.splitlines()]


def test_a_workbook_is_read_whole_whatever_it_claims(db: None, at: datetime) -> None:
    rows = [row_xml(n, *line) for n, line in enumerate(LINES, 1)]
    far = row_xml(6, far='<c r="XFD6" t="inlineStr"><is><t>x</t></is></c>')

    _edition, summary = load(sheet_xml(*rows, dimension="A1:D3"), at=at)
    _edition, again = load(sheet_xml(*rows, far, dimension="A1:XFD1048576"), at=at, name="second")

    assert (summary.added, again.unchanged) == (4, 4)


def broken(part: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(LINES))) as given,
        zipfile.ZipFile(out, "w") as made,
    ):
        for name in given.namelist():
            made.writestr(name, content if name.endswith(part) else given.read(name))
    return out.getvalue()


def two_sheets() -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(workbook(LINES)))
    book.create_sheet("items").append(["kind", "key", "title"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


WRONG = {
    "record 2, column kind": f"{HEADER}\nlayout,a_ja,x,\n",
    "record 3, column key": f"{HEADER}\nitem,a_ja,x,\nitem,a b,x,\n",
    "record 2, column key": f"{HEADER}\nitem,,x,\n",
    "record 3, column key: “a_ja” stands in record 2": f"{HEADER}\nitem,a_ja,x,\nitem,a_ja,y,\n",
    "record 2, column title": f"{HEADER}\nitem,a_ja,{'x' * 301},\n",
    "record 2, column description": f"{HEADER}\nitem,a_ja,x,{'x' * 2001}\n",
    "record 2, column country": "kind,key,title,country\nitem,a_th,x,TH\n",
    "row 1": "key,title\na,b\n",
    "let row 1": "kind,key,title,label\nitem,a,b,c\n",
    "let row 1 name": "",
    "has no key": f"{HEADER}\n",
    "utf-8": f"{HEADER}\nitem,a_ja,日本,\n".encode("shift-jis"),
    "a quote": f'{HEADER}\nitem,a_ja,"x,\n',
    "the workbook": b"PK\x03\x04 nothing",
    "the workbook cannot be read": broken("sheet1.xml", b"<worksheet"),
    "the workbook cannot": broken("workbook.xml", b"no xml"),
    "workbook cannot be read": broken("styles.xml", b"<styleSheet><x></styleSheet>"),
    "several filled sheets": two_sheets(),
    "a cell is too long": f"{HEADER}\nitem,a_ja,x,{'x' * 140_000}\n",
    "larger": b"x" * (5 * 1024 * 1024 + 1),
    "20,000 rows": f"{HEADER}\n" + "".join(f"item,k{n},x,\n" for n in range(20_001)),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_wrong_file_changes_nothing_and_says_where(sentence: str, db: None, at: datetime) -> None:
    load(FIRST, at=at)

    with pytest.raises(catalogue_import.Refused) as refusal:
        load(WRONG[sentence], at=at, name="second")

    assert sentence.lower() in str(refusal.value).lower()
    assert CatalogueEdition.objects.count() == 1
    assert CatalogueEntry.objects.filter(retired_at=None).count() == 4


def test_all_wrong_rows_are_named_at_once_but_not_without_end(db: None, at: datetime) -> None:
    with pytest.raises(catalogue_import.Refused) as refusal:
        load(f"{HEADER}\n" + "x,y z,t,\n" * 50, at=at)

    assert len(refusal.value.problems) == 100
    assert "And 80 more" in str(refusal.value)


@pytest.mark.parametrize("details", [{"name": " "}, {"name": "x" * 61}, {"country": "KR"}])
def test_an_edition_has_a_name_and_a_country(
    details: dict[str, str], db: None, at: datetime
) -> None:
    with pytest.raises(catalogue_import.Refused):
        load(FIRST, at=at, **details)


def test_a_name_is_taken_once(db: None, at: datetime) -> None:
    load(FIRST, at=at)

    with pytest.raises(catalogue_import.Refused, match="first"):
        load(FIRST, at=at)


@pytest.mark.parametrize("role", ["author", "reviewer", "sender", "auditor"])
def test_only_managers_import(role: str, db: None, at: datetime) -> None:
    with pytest.raises(PermissionDenied):
        load(FIRST, at=at, by=factories.user(role))


def test_raw_sql_cannot_rewrite_an_edition(db: None, at: datetime) -> None:
    load(FIRST, at=at)

    for sql in (
        "UPDATE templates_app_catalogueedition SET name = 'x'",
        "DELETE FROM templates_app_catalogueedition",
        "DELETE FROM templates_app_catalogueentry",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


# --- templates pick from it


def test_without_an_edition_any_well_formed_key_passes(
    japan: OfficialAccount, author: User
) -> None:
    assert factories.draft(japan, by=author, content=CONTENT).pk


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"template_key": "other_ja"}, "template_key"),
        ({"emphasis": {"item_key": "other_ja", "value": "x"}}, "emphasis.item_key"),
        ({"items": [{"item_key": "contact_ja", "value": "x"}]}, "items[0].item_key"),
        ({"buttons": [{"button_key": "other", "url": "https://example.com/"}]},
         "buttons[0].button_key"),
    ],
)  # fmt: skip
def test_a_key_that_line_does_not_offer_is_refused_at_its_place(
    part: dict[str, Any], place: str, japan: OfficialAccount, author: User, at: datetime
) -> None:
    load(FIRST, at=at)
    draft = factories.draft(japan, by=author, content=CONTENT)

    with pytest.raises(contents.InvalidContent) as making:
        factories.draft(japan, by=author, key="other", content={**CONTENT, **part})
    with pytest.raises(contents.InvalidContent) as editing:
        drafting.edit(draft, by=author, at=at, changes={"content": {**CONTENT, **part}})

    assert list(making.value.problems) == list(editing.value.problems) == [place]


def test_a_key_retired_meanwhile_bars_submit_and_approval(
    japan: OfficialAccount, author: User, reviewer: User, at: datetime
) -> None:
    load(FIRST, at=at)
    first = factories.draft(japan, by=author, content=CONTENT)
    second = workflow.submit(
        factories.draft(japan, by=author, key="second", content=CONTENT), by=author, at=at
    )
    load("\n".join(FIRST.splitlines()[:-1]), at=at, name="second")

    with pytest.raises(contents.InvalidContent, match="contact_ja"):
        workflow.submit(first, by=author, at=at)
    with pytest.raises(contents.InvalidContent, match="contact_ja"):
        workflow.approve(second, by=reviewer, at=at)


def test_an_approval_rests_on_the_key_and_its_edition(
    japan: OfficialAccount, author: User, reviewer: User, at: datetime
) -> None:
    load(FIRST, at=at, name="2026-11")
    draft = workflow.submit(factories.draft(japan, by=author, content=CONTENT), by=author, at=at)

    approved = workflow.approve(draft, by=reviewer, at=at)

    assert approved.line_reference == "LINE key catalogue: shipment_completed_ja, edition 2026-11"


def test_a_key_names_the_versions_that_hold_it(
    japan: OfficialAccount, author: User, at: datetime
) -> None:
    load(FIRST, at=at)
    draft = factories.draft(japan, by=author, content=CONTENT)
    factories.draft(factories.account(), by=author)

    for entry in CatalogueEntry.objects.all():
        assert list(catalogue.used_by(entry)) == [draft], entry


# --- doors


def test_what_we_know_of_japan_can_be_imported_by_command(
    db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["import_line_catalogue", str(KNOWN), "--country", "jp", "--edition", "known"]
    call_command(*words, "--dry-run")
    assert not CatalogueEdition.objects.exists()

    call_command(*words)

    assert "8 keys are new" in capsys.readouterr().out
    assert CatalogueEntry.objects.filter(country="JP").count() == 8


@pytest.mark.parametrize(
    "words", [["/nowhere.csv", "--country", "JP"], [str(KNOWN), "--country", "FR"]]
)
def test_the_command_refuses_in_one_sentence(words: list[str], db: None) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("import_line_catalogue", *words, "--edition", "x")

    assert str(caught.value).endswith(".")


def test_the_api_browses_it(db: None, at: datetime) -> None:
    load(FIRST, at=at)
    api = Api(factories.user("author"))

    def keys(query: str) -> list[str]:
        return sorted(row["key"] for row in api.get(f"catalogue/{query}").json()["results"])

    assert len(keys("")) == 4
    assert keys("?country=TW") == []
    assert keys("?country=JP&kind=item") == ["date_002_ja", "number_001_ja"]
    assert keys("?search=parcel") == ["shipment_completed_ja"]
    assert keys("?search=お届け") == ["date_002_ja"]
    assert keys("?retired=true") == []
    assert len(keys("?retired=false")) == 4


def test_a_manager_imports_an_edition_by_the_console(db: None, at: datetime) -> None:
    browser = Client()
    browser.force_login(factories.user("manager"))
    add = reverse("admin:templates_app_catalogueedition_add")

    def send(file: str) -> HttpResponse:
        upload = SimpleUploadedFile("keys.csv", file.encode())
        details = {"country": "JP", "name": "2026-11", "source": "LINE's page"}
        return browser.post(add, {**details, "upload": upload}, follow=True)

    assert "Record 2, column kind" in send(f"{HEADER}\nx,a,b,\n").content.decode()
    assert not CatalogueEdition.objects.exists()
    assert "4 keys are new" in send(FIRST).content.decode()

    entry = CatalogueEntry.objects.get(key="date_002_ja")
    page = browser.get(reverse("admin:templates_app_catalogueentry_change", args=[entry.pk]))
    assert "お届け日" in page.content.decode()
    rows = browser.get(reverse("admin:templates_app_catalogueentry_changelist") + "?q=お届け")
    assert "date_002_ja" in rows.content.decode()
    assert "number_001_ja" not in rows.content.decode()


def test_the_phone_shows_what_readers_see(japan: OfficialAccount, at: datetime) -> None:
    load(FIRST, at=at)
    draft = factories.draft(japan, content=CONTENT)
    browser = Client()
    browser.force_login(factories.user("author"))

    page = browser.get(reverse("admin:templates_app_messagetemplate_change", args=[draft.pk]))

    assert all(
        word in page.content.decode() for word in ("発送完了", "お届け日", "お問い合わせ番号")
    )


def test_the_newest_edition_is_not_taken_in_twice(db: None, at: datetime) -> None:
    load(FIRST, at=at)

    with pytest.raises(catalogue_import.Refused, match="first"):
        load(FIRST, at=at, name="second")


def test_the_longest_key_and_edition_fit_into_lines_reference(
    japan: OfficialAccount, author: User, reviewer: User, at: datetime
) -> None:
    key = "k" * 100
    load(f"{HEADER}\ntemplate,{key},x,\n", at=at, name="e" * 60)
    content = {"template_key": key, "items": [], "buttons": []}
    draft = workflow.submit(factories.draft(japan, by=author, content=content), by=author, at=at)

    assert workflow.approve(draft, by=reviewer, at=at).line_reference.endswith("e" * 60)


def test_a_formula_is_taken_as_it_was_last_shown(db: None, at: datetime) -> None:
    load(workbook([["kind", "key", "title"], ["item", "a_ja", '=HYPERLINK("x")']]), at=at)

    assert CatalogueEntry.objects.get().title == ""


def test_the_editor_offers_the_keys_of_the_accounts_country(
    japan: OfficialAccount, at: datetime
) -> None:
    browser = Client()
    browser.force_login(factories.user("author"))
    add = reverse("admin:templates_app_messagetemplate_add") + "?kind=catalogue"
    assert "No edition of" in browser.get(add).content.decode()
    load(FIRST, at=at)
    load(FIRST.replace("contact_ja", "contact_tw"), at=at, country="TW")

    page = browser.get(add).content.decode()

    assert '<option value="date_002_ja">お届け日</option>' in page
    assert 'list="catalogue-template"' in page
    assert "contact_tw" not in page
    assert "No edition of" not in page


def test_many_editions_are_a_page_of_few_queries(db: None, at: datetime) -> None:
    for n in range(30):
        load(f"{HEADER}\nitem,a{n}_ja,x,\n", at=at, name=f"edition {n}")
    browser = Client()
    browser.force_login(factories.user("manager"))
    empty = browser.get(
        reverse("admin:templates_app_catalogueentry_changelist") + "?kind__exact=button"
    )

    with CaptureQueriesContext(connection) as queries:
        page = browser.get(reverse("admin:templates_app_catalogueedition_changelist"))

    assert "edition 29" in page.content.decode()
    assert len(queries) <= 20
    assert reverse("admin:templates_app_catalogueedition_add") in empty.content.decode()


def test_a_line_break_in_quotes_begins_no_record_and_a_sheet_has_rows(
    db: None, at: datetime
) -> None:
    text = f'{HEADER}\nitem,a_ja,"x\ny",\nlayout,b_ja,x,\n'
    sheet = workbook([["kind", "key", "title"], ["item", "a_ja", "x\ny"], ["layout", "b_ja", "x"]])

    for file, place in ((text, "Record 3, column kind"), (sheet, "Row 3, column kind")):
        with pytest.raises(catalogue_import.Refused, match=place):
            load(file, at=at)


def test_the_command_lists_every_problem_on_its_line(
    db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(f"{HEADER}\n" + "x,y z,t,\n" * 150)

    with pytest.raises(CommandError, match=r"300 problems.*The first 200 are listed"):
        call_command("import_line_catalogue", str(file), "--country", "JP", "--edition", "x")

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 200
    assert lines[0].startswith("Record 2, column kind")


def test_the_known_keys_are_a_file_to_begin_with_for_who_may_import(db: None, at: datetime) -> None:
    known = reverse("admin:templates_app_catalogueedition_known")
    manager, author = Client(), Client()
    manager.force_login(factories.user("manager"))
    author.force_login(factories.user("author"))

    add = manager.get(reverse("admin:templates_app_catalogueedition_add")).content.decode()
    file = manager.get(known).content

    assert known in add
    assert load(file, at=at, name="known")[1].added == 8
    assert author.get(known).status_code == 403


def test_an_edition_of_new_titles_takes_no_more_queries_than_a_small_one(
    db: None, at: datetime
) -> None:
    def queries(name: str, title: str, keys: int) -> int:
        lines = "".join(f"item,k{n}_ja,{title},\n" for n in range(keys))
        with CaptureQueriesContext(connection) as held:
            load(f"{HEADER}\n{lines}", at=at, name=name)
        return len(held)

    queries("first", "x", 1_500)
    small = queries("small", "y", 1)
    large = queries("large", "z", 1_500)

    assert large <= small
    assert CatalogueEntry.objects.filter(title="z", retired_at=None).count() == 1_500
