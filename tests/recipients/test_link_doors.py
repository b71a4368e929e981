"""Links by file, by API, by command and in the console."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from lineportal.accounts.models import AccountScope, OfficialAccount
from lineportal.console import link_file_page
from recipients import link_codes, linking
from recipients.models import Link, LinkConflict, Recipient, Source
from tests import factories
from tests.api.client import Api
from tests.conversations import linked, talk

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> OfficialAccount:
    return factories.account()


def load(account: OfficialAccount, path: Path, text: str, *more: str) -> str:
    file = path / "links.csv"
    file.write_text(text, encoding="utf-8")
    out = io.StringIO()
    call_command("import_links", str(file), "--account", account.slug, *more, stdout=out)
    return out.getvalue()


def test_a_file_links_once_however_often_it_is_read(
    account: OfficialAccount, tmp_path: Path
) -> None:
    text = (
        "Phone,LINE_USER_ID,linked_at\n"
        f"0812300001,{factories.user_id(1)},2026-11-01T09:00:00+07:00\n"
        f"0812300002,{factories.user_id(2)},\n"
    )

    assert "2 would be linked" in load(account, tmp_path, text, "--dry-run")
    assert not Recipient.objects.exists()
    assert load(account, tmp_path, text).startswith("2 linked, 0 known")
    assert load(account, tmp_path, text).startswith("0 linked, 2 known")
    first = Link.objects.order_by("pk")[0]
    assert Link.objects.count() == 2
    assert first.linked_at == datetime(2026, 11, 1, 2, tzinfo=UTC)


def test_one_row_at_fault_and_nothing_of_the_file_is_done(
    account: OfficialAccount, tmp_path: Path
) -> None:
    text = (
        "phone,line_user_id,linked_at\n"
        f"0812300001,{factories.user_id(1)},\n"
        f"0812300002,{factories.user_id(1)},\n"
        f"12,{factories.user_id(3)},\n"
        "0812300004,someone,\n"
        f"0812300005,{factories.user_id(5)},yesterday\n"
    )

    with pytest.raises(CommandError) as refusal:
        load(account, tmp_path, text)

    said = str(refusal.value)
    assert "row 3, column B" in said
    assert "row 4, column A" in said
    assert "row 5, column B" in said
    assert "row 6, column C" in said
    assert "0812300002" not in said
    assert factories.user_id(1) not in said
    assert not Link.objects.exists()


@pytest.mark.parametrize("text", ["", "phone\n0812300001\n", "phone,line_user_id\n"])
def test_a_file_without_its_columns_or_rows_is_refused(
    account: OfficialAccount, tmp_path: Path, text: str
) -> None:
    with pytest.raises(CommandError):
        load(account, tmp_path, text)


def test_commands_make_a_code_and_end_a_link(account: OfficialAccount) -> None:
    phone, user = linked.by_phone(account), linked.by_user(account)
    out = io.StringIO()
    call_command("make_link_code", "0812300001", "--account", account.slug, stdout=out)
    code = out.getvalue().split(",")[0]
    nonce = link_codes.enter(code, user=user, at=datetime.now(UTC))
    now = datetime.now(UTC)
    made = link_codes.redeem(nonce, user=user, occurred_at=now, at=now)
    assert made is not None
    assert made.phone_recipient == phone

    call_command("end_link", str(made.pk), "--account", account.slug, stdout=out)

    assert linking.of(phone) is None
    with pytest.raises(CommandError, match="ended already"):
        call_command("end_link", str(made.pk), "--account", account.slug)


def test_the_api_links_confirms_ends_and_makes_codes(account: OfficialAccount) -> None:
    api = Api(factories.user("manager"))
    body = {"account": account.slug, "phone": "0812300001", "line_user_id": talk.ANNA}

    made = api.post("links/", {**body, "evidence": "shop"})
    assert made.status_code == 201, made.json()
    pk = made.json()["id"]
    assert made.json()["is_stale"] is False
    assert talk.ANNA not in str(made.json())
    assert api.post("links/", body).json()["id"] == pk
    other = api.post("links/", {**body, "line_user_id": talk.BEN})
    assert (other.status_code, other.json()["error"]) == (409, "exists")
    assert api.post(f"links/{pk}/confirm/").status_code == 200
    assert api.post(f"links/{pk}/end/").json()["end_reason"] == "person"
    assert api.post(f"links/{pk}/end/").status_code == 409
    code = api.post("links/codes/", {"account": account.slug, "phone": "0812300001"})
    assert code.status_code == 201
    assert set(code.json()) == {"code", "url", "expires_at"}
    assert code["Cache-Control"] == "no-store"
    nobody = api.post("links/codes/", {"account": account.slug, "phone": "0812300077"})
    assert nobody.status_code == 400
    assert len(api.get("links/").json()["results"]) == 1


def test_who_may_read_only_links_nothing_by_the_api(account: OfficialAccount) -> None:
    api = Api(factories.user("auditor"))
    body = {"account": account.slug, "phone": "0812300001", "line_user_id": talk.ANNA}

    assert api.get("links/").status_code == 200
    assert api.post("links/", body).status_code == 403
    assert api.post("links/codes/", body).status_code == 403
    assert not Recipient.objects.exists()


def logged_in(role: str) -> Client:
    client = Client()
    client.force_login(factories.user(role))
    return client


def test_both_pages_show_the_other_masked_with_the_links_age(account: OfficialAccount) -> None:
    phone, user = linked.by_phone(account), linked.by_user(account)
    linking.link(
        phone, user, at=datetime.now(UTC), by=None, source=Source.PERSON,
        linked_at=datetime.now(UTC) - timedelta(days=400),
    )  # fmt: skip

    client = logged_in("manager")
    of_phone = client.get(f"/recipients/recipient/{phone.pk}/change/").content.decode()
    of_user = client.get(f"/recipients/recipient/{user.pk}/change/").content.decode()

    assert f"recipient {user.pk}" in of_phone
    assert "400 days ago" in of_phone
    assert "stale" in of_phone
    assert f"recipient {phone.pk}" in of_user
    assert factories.phone(1) not in of_phone + of_user


def test_a_code_is_shown_once_in_the_console(account: OfficialAccount) -> None:
    phone = linked.by_phone(account)
    client = logged_in("sender")
    where = f"/recipients/recipient/{phone.pk}/act/link_code/"

    page: Any = client.post(where)

    assert page.status_code == 200
    assert "lp-link-code" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert logged_in("auditor").post(where).status_code == 409
    assert (
        "Make a link code"
        not in logged_in("auditor")
        .get(f"/recipients/recipient/{phone.pk}/change/")
        .content.decode()
    )


def test_people_decide_in_the_console(account: OfficialAccount) -> None:
    phone, anna = linked.by_phone(account), linked.by_user(account)
    ben = linked.by_user(account, talk.BEN)
    linking.link(phone, anna, at=datetime.now(UTC), by=None, source=Source.PERSON)
    conflict = linking.keep_conflict(phone, ben, at=datetime.now(UTC), source=Source.LINE)
    client = logged_in("sender")

    assert client.get("/recipients/linkconflict/").status_code == 200
    page = client.get(f"/recipients/linkconflict/{conflict.pk}/change/").content.decode()
    assert "Links as they stand" in page
    assert factories.phone(1) not in page
    assert client.post(f"/recipients/linkconflict/{conflict.pk}/act/anew/").status_code == 302

    assert LinkConflict.objects.get().is_linked is True
    assert Link.objects.get(ended_at=None).user_recipient == ben


def upload(client: Client, account: OfficialAccount, text: str, **more: str) -> Any:
    file = SimpleUploadedFile("links.csv", text.encode())
    return client.post("/links/file/", {"account": account.pk, "upload": file, **more}, follow=True)


def test_a_file_is_tried_and_then_taken_in_the_console(account: OfficialAccount) -> None:
    client = logged_in("sender")
    text = f"phone,line_user_id\n0812300001,{talk.ANNA}\n"

    assert "/links/file/" in client.get("/recipients/linkconflict/").content.decode()
    tried = upload(client, account, text, is_dry_run="on").content.decode()
    assert "1 would be linked, 0 are known" in tried
    assert not Recipient.objects.exists()
    assert "1 linked, 0 known before" in upload(client, account, text).content.decode()
    assert "0 linked, 1 known before" in upload(client, account, text).content.decode()

    assert Link.objects.get().user_recipient.line_user_id == talk.ANNA


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"phone,line_user_id\n0812300001,{talk.ANNA}\n12,{talk.BEN}\n", "row 3, column A"),
        ("phone\n0812300001\n", "no column"),
        ("phone,line_user_id\n" + ",\n0812300001," * 3, "Nothing was linked"),
        ("", "empty"),
    ],
)
def test_a_bad_file_changes_nothing_and_says_why(
    account: OfficialAccount, text: str, says: str
) -> None:
    answer = upload(logged_in("sender"), account, text)

    assert answer.status_code == 400
    assert says in answer.content.decode()
    assert not Recipient.objects.exists()


def test_a_file_that_is_too_long_for_a_page_is_not_begun(
    account: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_file_page, "MOST_ROWS", 1)
    text = f"phone,line_user_id\n0812300001,{talk.ANNA}\n0812300002,{talk.BEN}\n"

    answer = upload(logged_in("sender"), account, text)

    assert "more than 1 rows" in answer.content.decode()
    assert not Recipient.objects.exists()


def test_who_may_not_link_uploads_nothing(account: OfficialAccount) -> None:
    text = f"phone,line_user_id\n0812300001,{talk.ANNA}\n"
    auditor, sender = logged_in("auditor"), factories.user("sender")
    other = factories.account("other-shop", channel="1650000009")
    AccountScope.objects.create(user=sender).accounts.set([other])
    client = Client()
    client.force_login(sender)

    assert upload(auditor, account, text).status_code == 403
    assert "/links/file/" not in auditor.get("/recipients/linkconflict/").content.decode()
    assert upload(client, account, text).status_code == 400
    assert not Recipient.objects.exists()


def test_the_api_lists_what_people_have_to_decide(account: OfficialAccount) -> None:
    phone, anna = linked.by_phone(account), linked.by_user(account)
    conflict = linking.keep_conflict(phone, anna, at=datetime.now(UTC), source=Source.LINE)
    api = Api(factories.user("auditor"))

    [found] = api.get("link-conflicts/?settled_at__isnull=true").json()["results"]
    assert (found["id"], found["phone_recipient"], found["user_recipient"]) == (
        conflict.pk, phone.pk, anna.pk,
    )  # fmt: skip
    assert talk.ANNA not in str(found)
    assert api.get("link-conflicts/?settled_at__isnull=false").json()["results"] == []
    assert api.get("link-conflicts/?account__slug=other-shop").json()["results"] == []
