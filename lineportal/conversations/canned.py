"""Canned answers: written, changed and retired, each by one act; never deleted, as rules name them.

An answer that is given by itself cannot be retired before that is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.validators import slug_re
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from lineportal.conversations import answers
from lineportal.conversations.models import Answering, AnswerRule, CannedAnswer
from recipients.intake import Invalid
from templates_app import content

KEEP = "conversations.keep_cannedanswer"
VIEW = "conversations.view_cannedanswer"
FIELDS = ("shortcut", "title", "text", "is_on")
SHORTCUT_LIMIT, TITLE_LIMIT = 40, 100
_OF_SETTINGS = ("greeting", "greeting_again", "away", "handed_over")


@transaction.atomic
def keep(
    account: OfficialAccount, *, by: User | None, at: datetime, values: Mapping[str, Any]
) -> CannedAnswer:
    """Write a canned answer and return it. Raises PermissionDenied, Invalid.

    `by` None is an operator at the shell.
    """
    _require(by, account.pk)
    account = locked(account.pk)
    answer = CannedAnswer(account=account, changed_at=at)
    missing = next((name for name in FIELDS[:3] if name not in values), "")
    if missing:
        raise Invalid(missing, _("This is needed."))
    _set(answer, read(account, values))
    answer.save(force_insert=True)
    _audit("canned_answer.keep", answer, by=by, at=at)
    return answer


@transaction.atomic
def change(
    answer: CannedAnswer, *, by: User | None, at: datetime, changes: Mapping[str, Any]
) -> CannedAnswer:
    """Change what is given of a canned answer and return it. Raises PermissionDenied, Invalid."""
    _require(by, answer.account_id)
    account = locked(answer.account_id)
    answer = CannedAnswer.objects.select_for_update(of=("self",)).get(pk=answer.pk)
    values = read(account, changes, of=answer)
    if values.get("is_on") is False and answer.is_on and _is_given_by_itself(answer):
        raise Invalid(
            "is_on", _("It is given by itself; change the automatic answers that give it first.")
        )
    _set(answer, values)
    answer.changed_at = at
    answer.save(update_fields=[*values, "changed_at"])
    _audit("canned_answer.change", answer, by=by, at=at)
    return answer


def retire(answer: CannedAnswer, *, by: User | None, at: datetime) -> CannedAnswer:
    """Take a canned answer out of use. Raises PermissionDenied, Invalid."""
    return change(answer, by=by, at=at, changes={"is_on": False})


def read(
    account: OfficialAccount, values: Mapping[str, Any], *, of: CannedAnswer | None = None
) -> dict[str, Any]:
    """Return valid values of a canned answer, as they are stored; what is not given is left out.

    Raises Invalid.
    """
    if unknown := set(values) - set(FIELDS):
        raise Invalid(min(unknown), _("There is no such field."))
    found = dict(values)
    if "shortcut" in found:
        found["shortcut"] = _shortcut(account, found["shortcut"], of)
    if "title" in found:
        found["title"] = line(found["title"], "title", TITLE_LIMIT)
    if "text" in found:
        found["text"] = answers.read(found["text"])
    if "is_on" in found and not isinstance(found["is_on"], bool):
        raise Invalid("is_on", _("Give true or false."))
    return found


def line(given: Any, field: str, limit: int) -> str:
    """Return a text of one line that is not empty, nor longer than this. Raises Invalid."""
    text = " ".join(given.split()) if isinstance(given, str) else ""
    if not text or len(text) > limit or not content.is_storable(text):
        raise Invalid(field, _("Give 1 to %(limit)d characters.") % {"limit": limit})
    return text


def locked(account_id: int) -> OfficialAccount:
    """Return an account; who changes its automatic answers at the same moment waits."""
    return OfficialAccount.objects.select_for_update(no_key=True).get(pk=account_id)


def _shortcut(account: OfficialAccount, given: Any, of: CannedAnswer | None) -> str:
    if not isinstance(given, str) or len(given) > SHORTCUT_LIMIT or not slug_re.match(given):
        raise Invalid(
            "shortcut",
            _("Give 1 to %(limit)d letters, digits, hyphens or underscores.")
            % {"limit": SHORTCUT_LIMIT},
        )
    others = CannedAnswer.objects.filter(account=account, shortcut=given)
    if (others.exclude(pk=of.pk) if of else others).exists():
        raise Invalid(
            "shortcut", _("Another canned answer of this account has this shortcut; choose one.")
        )
    return given


def _is_given_by_itself(answer: CannedAnswer) -> bool:
    by_settings = Q()
    for name in _OF_SETTINGS:
        by_settings |= Q(**{name: answer})
    return (
        AnswerRule.objects.filter(answer=answer, is_on=True).exists()
        or Answering.objects.filter(by_settings).exists()
    )


def _set(answer: CannedAnswer, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(answer, name, value)


def _require(by: User | None, account_id: int) -> None:
    if by is not None:
        access.require(by, KEEP, account_id)


def _audit(action: str, answer: CannedAnswer, *, by: User | None, at: datetime) -> None:
    chain.write(action, subject=answer, by=by, at=at, account_id=answer.account_id)
