"""API keys: shown once, kept as a digest, and dead with their user."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from lineportal.accounts import keys
from lineportal.accounts.models import ApiKey
from lineportal.audit.models import AuditEntry
from tests import factories


def test_a_key_is_found_by_its_text_and_no_other(sender: User, at: datetime) -> None:
    key, text = keys.create(sender, name="core banking", scopes=["messages"], at=at)

    assert keys.find(text, at=at) == key
    for other in ("", text[:-1], text + "x", text.upper(), key.prefix, key.digest):
        assert keys.find(other, at=at) is None


def test_the_key_itself_is_not_kept(sender: User, at: datetime) -> None:
    key, text = keys.create(sender, name="core banking", scopes=["messages"], at=at)

    with connection.cursor() as cursor:
        cursor.execute("SELECT key::text FROM accounts_apikey key")
        [(row,)] = cursor.fetchall()
        cursor.execute("SELECT string_agg(entry::text, '') FROM audit_auditentry entry")
        [(audit,)] = cursor.fetchall()
    assert text not in row
    assert text not in audit
    assert len(text) > 40
    assert text.startswith(key.prefix)


def test_keys_differ(sender: User, at: datetime) -> None:
    texts = {keys.create(sender, name="x", scopes=["all"], at=at)[1] for _turn in range(20)}

    assert len(texts) == 20


@pytest.mark.parametrize("scopes", [[], ["everything"], ["messages", "Reports"]])
def test_unknown_scopes_make_no_key(scopes: list[str], sender: User, at: datetime) -> None:
    with pytest.raises(keys.UnknownScope, match="messages"):
        keys.create(sender, name="x", scopes=scopes, at=at)

    assert not ApiKey.objects.exists()


def test_a_scope_named_twice_counts_once(sender: User, at: datetime) -> None:
    key, _text = keys.create(sender, name="x", scopes=["reports", "messages", "reports"], at=at)

    assert key.scopes == ["reports", "messages"]


def test_a_revoked_key_is_dead(sender: User, at: datetime) -> None:
    key, text = keys.create(sender, name="x", scopes=["all"], at=at)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=at)

    assert keys.find(text, at=at) is None


def test_the_key_of_a_user_switched_off_is_dead(sender: User, at: datetime) -> None:
    _key, text = keys.create(sender, name="x", scopes=["all"], at=at)
    User.objects.filter(pk=sender.pk).update(is_active=False)

    assert keys.find(text, at=at) is None


def test_use_is_noted_once_a_minute(sender: User, at: datetime) -> None:
    key, text = keys.create(sender, name="x", scopes=["all"], at=at)

    def used_after(seconds: int) -> datetime | None:
        keys.find(text, at=at + timedelta(seconds=seconds))
        return ApiKey.objects.get(pk=key.pk).last_used_at

    assert used_after(0) == at
    assert used_after(60) == at
    assert used_after(61) == at + timedelta(seconds=61)


def test_making_a_key_is_on_the_audit_record(sender: User, at: datetime) -> None:
    key, _text = keys.create(sender, name="x", scopes=["reports"], at=at)

    entry = AuditEntry.objects.get(action="api_key.create")
    assert (entry.actor, entry.subject) == (f"user:{sender.pk}", f"apikey:{key.pk}")
    assert entry.facts == {"scopes": ["reports"]}


def test_the_command_prints_the_key_as_the_last_word(sender: User, at: datetime) -> None:
    out = StringIO()

    call_command("create_api_key", sender.username, "--name", "jobs", "--scope", "messages",
                 "reports", "--scope", "recipients", stdout=out)  # fmt: skip

    key = keys.find(out.getvalue().split()[-1], at=at)
    assert key is not None
    assert (key.user, key.name) == (sender, "jobs")
    assert key.scopes == ["messages", "reports", "recipients"]


@pytest.mark.parametrize(
    ("who", "scope", "sentence"),
    [("nobody", "all", "no active user"), ("gone", "all", "no active user"),
     ("here", "nothing", "Choose scopes")],
)  # fmt: skip
def test_the_command_refuses_in_one_sentence(who: str, scope: str, sentence: str, db: None) -> None:
    factories.user(username="here")
    factories.user(username="gone", is_active=False)

    with pytest.raises(CommandError, match=sentence) as refusal:
        call_command("create_api_key", who, "--name", "x", "--scope", scope)

    assert "\n" not in str(refusal.value)
    assert not ApiKey.objects.exists()
