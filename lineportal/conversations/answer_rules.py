"""The words that are answered by themselves: kept, changed and removed, each by one act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.accounts.models import OfficialAccount
from lineportal.audit import chain
from lineportal.conversations import canned, matching
from lineportal.conversations.models import AnswerRule, CannedAnswer
from recipients.intake import Invalid
from templates_app import opting_out

VIEW = "conversations.view_answerrule"
FIELDS = ("words", "match", "act", "answer", "position", "is_on")
MOST_RULES = 200  # of one account
MOST_WORDS = 20  # of one rule
WORD_LIMIT = 100
_POSITIONS = range(1, 32_768)


@transaction.atomic
def keep(
    account: OfficialAccount, *, by: User, at: datetime, values: Mapping[str, Any]
) -> AnswerRule:
    """Add a rule and return it. Raises PermissionDenied, Invalid."""
    access.require(by, canned.KEEP, account.pk)
    account = canned.locked(account.pk)
    if AnswerRule.objects.filter(account=account).count() >= MOST_RULES:
        raise Invalid(
            "words",
            _("An account has at most %(most)d automatic answers; remove one, or add words to one.")
            % {"most": MOST_RULES},
        )
    rule = _read_onto(AnswerRule(account=account), values)
    rule.save(force_insert=True)
    chain.write("answer_rule.keep", subject=rule, by=by, at=at, account_id=account.pk)
    return rule


@transaction.atomic
def change(rule: AnswerRule, *, by: User, at: datetime, changes: Mapping[str, Any]) -> AnswerRule:
    """Change what is given of a rule and return it. Raises PermissionDenied, Invalid."""
    access.require(by, canned.KEEP, rule.account_id)
    canned.locked(rule.account_id)
    rule = _read_onto(AnswerRule.objects.select_related("account").get(pk=rule.pk), changes)
    rule.save(update_fields=FIELDS)
    chain.write("answer_rule.change", subject=rule, by=by, at=at, account_id=rule.account_id)
    return rule


@transaction.atomic
def remove(rule: AnswerRule, *, by: User, at: datetime) -> None:
    """Remove a rule; what it said stays in the conversations. Raises PermissionDenied."""
    access.require(by, canned.KEEP, rule.account_id)
    account = canned.locked(rule.account_id)
    number = rule.pk
    AnswerRule.objects.filter(pk=number).delete()
    chain.write(
        "answer_rule.remove", subject=account, by=by, at=at, account_id=account.pk, rule=number
    )


def read(account: OfficialAccount, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule's whole values as they are stored. Raises Invalid."""
    if unknown := set(values) - set(FIELDS):
        raise Invalid(min(unknown), _("There is no such field."))
    found: dict[str, Any] = {
        "match": "whole",
        "act": "answer",
        "answer": None,
        "position": 100,
        "is_on": True,
    }
    found |= values
    found["words"] = _words(found.get("words"))
    for name, words in (("match", AnswerRule.Match.values), ("act", AnswerRule.Act.values)):
        if found[name] not in words:
            raise Invalid(name, _("Give one of: %(words)s.") % {"words": ", ".join(words)})
    found["answer"] = _answer(account, found) if found["act"] == "answer" else None
    position = found["position"]
    if isinstance(position, bool) or not isinstance(position, int) or position not in _POSITIONS:
        raise Invalid("position", _("Give a number from 1 to 32,767."))
    if not isinstance(found["is_on"], bool):
        raise Invalid("is_on", _("Give true or false."))
    return found


def _read_onto(rule: AnswerRule, changes: Mapping[str, Any]) -> AnswerRule:
    held = {name: getattr(rule, name) for name in FIELDS} if rule.pk else {}
    for name, value in read(rule.account, {**held, **changes}).items():
        setattr(rule, name, value)
    return rule


def _words(given: Any) -> list[str]:
    """Return the words, each once."""
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= MOST_WORDS:
        raise Invalid("words", _("Give 1 to %(most)d words.") % {"most": MOST_WORDS})
    found: dict[str, str] = {}
    for each in given:
        word = canned.line(each, "words", WORD_LIMIT)
        if not (compared := matching.folded(word)):
            raise Invalid("words", _("Give words with letters or digits."))
        if opting_out.is_stop(word) or opting_out.is_start(word):
            raise Invalid(
                "words",
                _("“%(word)s” stops marketing or takes it up again; choose other words.")
                % {"word": word},
            )
        found.setdefault(compared, word)
    return list(found.values())


def _answer(account: OfficialAccount, values: Mapping[str, Any]) -> CannedAnswer:
    answer = values["answer"]
    if not isinstance(answer, CannedAnswer):
        raise Invalid("answer", _("Choose the canned answer that is given."))
    is_wanted = values["is_on"] is True
    if answer.account_id != account.pk or (is_wanted and not answer.is_on):
        raise Invalid("answer", _("Choose a canned answer of this account that is in use."))
    return answer
