"""One condition on a person: the closed lists of fields and operators, and how a value is read.

What is stored is the condition as it was given (`docs/audiences.md`); `filters.py` turns it into
SQL. A text of a person that is no number or date simply does not match.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.sending.statuses import Status
from recipients.models import Consent, FriendStatus
from recipients.sheets import NAME_LIMIT

TAG_LIMIT = 50  # characters, as of a recipient's tags
TEXT_LIMIT = 200  # characters of a value
# Digits that a number may have; PostgreSQL and Python read the same with it.
NUMBER = r"[+-]?([0-9]{1,3}(,[0-9]{3}){1,9}|[0-9]{1,30})([.][0-9]{1,30})?"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_KEYS = ("field", "name", "operator", "value")
_YEARS = range(1900, 2200)  # of moments, so that no zone leads out of the calendar


class Field(models.TextChoices):
    """What of a person a condition looks at."""

    ATTRIBUTE = "attribute", gettext_lazy("Attribute")
    TAG = "tag", gettext_lazy("Tag")
    CONSENT = "consent", gettext_lazy("Consent")
    FRIEND_STATUS = "friend_status", gettext_lazy("Friend status")
    LAST_OUTCOME = "last_outcome", gettext_lazy("Last outcome")  # status of the newest message
    IMPORT = "import", gettext_lazy("Import")  # an import's id: who was in its file
    ADDED_AT = "added_at", gettext_lazy("Added")
    UPDATED_AT = "updated_at", gettext_lazy("Updated")


class Operator(models.TextChoices):
    """How a field is compared with the value."""

    IS = "is", gettext_lazy("is")
    IS_NOT = "is_not", gettext_lazy("is not")
    CONTAINS = "contains", gettext_lazy("contains")
    STARTS_WITH = "starts_with", gettext_lazy("starts with")
    BEFORE = "before", gettext_lazy("is before")
    AFTER = "after", gettext_lazy("is after")
    GREATER = "greater", gettext_lazy("is greater than")
    LESS = "less", gettext_lazy("is less than")
    IS_EMPTY = "is_empty", gettext_lazy("is empty")
    IS_FILLED = "is_filled", gettext_lazy("is filled")
    HAS = "has", gettext_lazy("is set")
    HAS_NOT = "has_not", gettext_lazy("is not set")


_EQUAL = (Operator.IS, Operator.IS_NOT)
_SPAN = (Operator.BEFORE, Operator.AFTER)
OPERATORS: Mapping[Field, tuple[Operator, ...]] = {
    Field.ATTRIBUTE: (
        *_EQUAL, Operator.CONTAINS, Operator.STARTS_WITH, *_SPAN, Operator.GREATER, Operator.LESS,
        Operator.IS_EMPTY, Operator.IS_FILLED,
    ),
    Field.TAG: (Operator.HAS, Operator.HAS_NOT),
    Field.CONSENT: _EQUAL,
    Field.FRIEND_STATUS: _EQUAL,
    Field.LAST_OUTCOME: (*_EQUAL, Operator.IS_EMPTY, Operator.IS_FILLED),
    Field.IMPORT: _EQUAL,
    Field.ADDED_AT: _SPAN,
    Field.UPDATED_AT: _SPAN,
}  # fmt: skip
WITHOUT_VALUE = frozenset({Operator.IS_EMPTY, Operator.IS_FILLED})
WORDS: Mapping[Field, type[models.TextChoices]] = {
    Field.CONSENT: Consent,
    Field.FRIEND_STATUS: FriendStatus,
    Field.LAST_OUTCOME: Status,
}


class Unreadable(Exception):
    """The condition is not understood; the text is what is wrong, and what it may be."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read; `value` is a text, number, id, day or moment as the field asks.

    A moment is where a span ends or begins: before it, or from it on.
    """

    field: Field
    operator: Operator
    name: str = ""  # of the attribute
    value: Any = None


def read(given: Mapping[str, Any], *, zone: str) -> Condition:
    """Return the condition of {"field", "name"?, "operator", "value"?}; raises Unreadable.

    A day without a time is a day in `zone`.
    """
    if unknown := sorted(set(given) - set(_KEYS)):
        raise Unreadable(
            _("a condition holds %(known)s, not “%(name)s”")
            % {"known": ", ".join(_KEYS), "name": _shortened(unknown[0])}
        )
    field = Field(_word(given, "field", Field.values))
    operator = Operator(_word(given, "operator", OPERATORS[field]))
    name = ""
    if field == Field.ATTRIBUTE:
        name = _text(given.get("name"), NAME_LIMIT, _("the attribute's name"))
    elif given.get("name") not in (None, ""):
        raise Unreadable(_("only an attribute has a name; leave it out"))
    value = given.get("value")
    if operator in WITHOUT_VALUE:
        if value not in (None, ""):
            raise Unreadable(_("“%s” takes no value; leave it out") % operator.label)
        return Condition(field, operator, name)
    return Condition(field, operator, name, _value(field, operator, value, zone=zone))


def sentence(condition: Mapping[str, Any]) -> str:
    """Return what a stored condition says, for people."""
    field, operator = Field(condition["field"]), Operator(condition["operator"])
    value = condition.get("value")
    if field in WORDS and value:
        value = WORDS[field](value).label
    subject = condition["name"] if field == Field.ATTRIBUTE else field.label
    if field == Field.TAG:
        return f"{subject} “{value}” {operator.label}"
    if operator in WITHOUT_VALUE:
        return f"{subject} {operator.label}"
    return f"{subject} {operator.label} “{value}”"


def _value(field: Field, operator: Operator, value: Any, *, zone: str) -> Any:
    if field in WORDS:
        return _word({"value": value}, "value", WORDS[field].values)
    if field == Field.TAG:
        return _text(value, TAG_LIMIT, _("the tag"))
    if field == Field.IMPORT:
        return _id(value)
    if field in (Field.ADDED_AT, Field.UPDATED_AT):
        return _moment(value, operator, zone)
    if operator in _SPAN:
        return _day(value)
    if operator in (Operator.GREATER, Operator.LESS):
        return _number(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return _text(value, TEXT_LIMIT, _("the value"))


def _word(given: Mapping[str, Any], key: str, known: Any) -> str:
    word = given.get(key)
    if not isinstance(word, str) or word not in list(known):
        listed = ", ".join(str(each) for each in known)
        if word in (None, ""):
            raise Unreadable(_("give the %(key)s: %(known)s") % {"key": key, "known": listed})
        raise Unreadable(
            _("unknown %(key)s “%(word)s”; use: %(known)s")
            % {"key": key, "word": _shortened(word), "known": listed}
        )
    return word


def _text(value: Any, limit: int, what: str) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise Unreadable(_("give %s") % what)
    if not isinstance(value, str):
        raise Unreadable(_("%s must be a text") % what)
    if len(value) > limit:
        raise Unreadable(
            _("%(what)s has at most %(limit)d characters") % {"what": what, "limit": limit}
        )
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise Unreadable(_("%s holds a character that cannot be stored; take it out") % what)
    return value


def _id(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
        raise Unreadable(_("give the import's id, a whole number"))
    return value


def _number(value: Any) -> Decimal:
    text = value.strip() if isinstance(value, str) else str(value)
    if isinstance(value, bool) or len(text) > 70 or not re.fullmatch(NUMBER, text, re.ASCII):
        raise Unreadable(_("give a number in plain digits, such as 1500 or 99.5"))
    return Decimal(text.replace(",", ""))


def _day(value: Any) -> date:
    if isinstance(value, str) and re.fullmatch(DAY, value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise Unreadable(_("give a day as year-month-day, such as 2026-11-24"))


def _moment(value: Any, operator: Operator, zone: str) -> datetime:
    """Return where the span ends (`before`), or from where on it goes (`after`)."""
    text = value if isinstance(value, str) and len(value) <= 40 else ""
    moment: datetime | None = None
    try:
        if re.fullmatch(DAY, text, re.ASCII):
            day = date.fromisoformat(text)
            first = day if operator == Operator.BEFORE else day + timedelta(days=1)
            moment = datetime.combine(first, time(), ZoneInfo(zone))
        else:
            moment = datetime.fromisoformat(text)
            if operator == Operator.AFTER:
                moment += timedelta(microseconds=1)  # PostgreSQL's own step
    except (ValueError, OverflowError):
        pass
    if moment is None or moment.tzinfo is None or moment.year not in _YEARS:
        raise Unreadable(
            _("give a day such as 2026-11-24, or a time with its zone: 2026-11-24T09:00:00+07:00")
        )
    return moment


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
