"""The brief and the dossier through API, console and command."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from lineportal.accounts.models import OfficialAccount
from templates_app.models import Brief, MessageTemplate
from tests import factories
from tests.api.client import Api

MAY_BUILD = {"author": 200, "reviewer": 200, "sender": 403, "auditor": 200, "manager": 200}
MAY_WRITE = {"author": 200, "reviewer": 403, "sender": 403, "auditor": 403, "manager": 200}


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def draft(account: OfficialAccount) -> MessageTemplate:
    return factories.draft(account, samples=[factories.VALUES])


def client(role: str) -> Client:
    made = Client()
    made.force_login(factories.user(role))
    return made


def act_url(template: MessageTemplate, act: str) -> str:
    return reverse("admin:templates_app_messagetemplate_act", args=[template.pk, act])


@pytest.mark.parametrize("role", MAY_BUILD)
def test_a_dossier_is_a_download_for_who_may(role: str, draft: MessageTemplate) -> None:
    answer = Api(factories.user(role)).post(f"templates/{draft.pk}/dossier/", {"language": "en"})
    page = client(role).post(act_url(draft, "dossier"), {"language": "ja", "form": "pdf"})

    assert answer.status_code == MAY_BUILD[role]
    assert (page.headers.get("Content-Type") == "application/pdf") == (MAY_BUILD[role] == 200)
    if MAY_BUILD[role] == 200:
        assert answer.headers["Content-Type"] == "application/zip"
        assert "dossier-parcel-v1-en.zip" in answer.headers["Content-Disposition"]
        assert "message.json" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert page.content.startswith(b"%PDF-")


@pytest.mark.parametrize("body", [{"language": "fr"}, {"format": "docx"}, {"language": 7}])
def test_what_no_dossier_can_be_is_refused(body: dict[str, Any], draft: MessageTemplate) -> None:
    answer = Api(factories.user("author")).post(f"templates/{draft.pk}/dossier/", body)

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == list(body)


@pytest.mark.parametrize("role", MAY_WRITE)
def test_a_brief_is_written_by_who_writes(role: str, draft: MessageTemplate) -> None:
    api = Api(factories.user(role))

    answer = api.patch(f"templates/{draft.pk}/brief/", {"use_case": "Tell of a parcel"})

    assert answer.status_code == MAY_WRITE[role]
    assert Brief.objects.filter(template=draft).exists() == (MAY_WRITE[role] == 200)
    read = api.get(f"templates/{draft.pk}/brief/").json()
    assert "trigger" in read["missing"]
    assert ("use_case" in read["missing"]) == (MAY_WRITE[role] != 200)


def test_a_wrong_brief_names_its_fields(draft: MessageTemplate) -> None:
    wrong = {"contact_email": "nobody", "monthly_volume": "many"}
    answer = Api(factories.user("author")).patch(f"templates/{draft.pk}/brief/", wrong)

    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == set(wrong)
    assert not Brief.objects.exists()


def test_the_page_shows_the_brief_and_its_form_begins_with_it(draft: MessageTemplate) -> None:
    browser = client("author")
    page = browser.get(reverse("admin:templates_app_messagetemplate_change", args=[draft.pk]))
    assert "A good dossier also says" in page.content.decode()

    sent = browser.post(
        act_url(draft, "brief"), {"use_case": "Tell <b>them</b>", "trigger": "scan"}
    )

    assert sent.status_code == 302
    page = browser.get(sent.url).content.decode()
    assert "Tell &lt;b&gt;them&lt;/b&gt;" in page
    assert "scan</textarea>" in browser.get(act_url(draft, "brief")).content.decode()


def test_the_command_writes_the_newest_version(
    draft: MessageTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call_command("build_dossier", "parcel")
    call_command(
        "build_dossier", "parcel", "--account", "thai-post", "--format", "pdf", "--language",
        "zh-Hant", "--out", str(tmp_path / "x.pdf"), "--template-version", "1",
    )  # fmt: skip

    assert zipfile.is_zipfile(tmp_path / "dossier-parcel-v1-th.zip")
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize(
    "words",
    [
        ["nothing", "--account", "thai-post"],
        ["twice"],
        ["parcel", "--account", "nobody"],
        ["parcel", "--account", "thai-post", "--template-version", "7"],
        ["parcel", "--account", "thai-post", "--language", "fr"],
        ["parcel", "--account", "thai-post", "--format", "docx"],
        ["parcel", "--account", "thai-post", "--out", "/nowhere/at/all.zip"],
    ],
)
def test_the_command_refuses_in_one_sentence(words: list[str], draft: MessageTemplate) -> None:
    factories.draft(draft.account, key="twice")
    factories.draft(factories.account("other", channel="2000000005"), key="twice")

    with pytest.raises(CommandError) as caught:
        call_command("build_dossier", *words)

    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
