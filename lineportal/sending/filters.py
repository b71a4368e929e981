"""The people of an account that a filter names, before any rule is applied.

A filter is a flat object (FILTERS) or a tree (`trees.py`). Names come from closed lists and values
are only ever bound parameters; each condition is true or false for everybody, never unknown, so
that `none` is exactly what `any` leaves over.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    DecimalField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Collate, Left, Replace, StrIndex
from django.db.models.lookups import Exact, GreaterThan, LessThan
from django.utils.translation import gettext as _

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import conditions, trees
from lineportal.sending.conditions import Condition, Field, Operator
from lineportal.sending.models import Message
from recipients import phones, words
from recipients.models import Consent, FriendStatus, ImportedPerson, Recipient, RecipientImport

FILTERS = ("consent", "friend_status", "phones", "line_user_ids", "recipients", "attributes")
InvalidAudience = trees.InvalidAudience

# What `str.strip` takes off, the ideographic space among it: a value of these alone is empty.
_BLANKS = "".join(character for character in map(chr, range(1, 0x10000)) if character.isspace())


def check(account: OfficialAccount, audience: Mapping[str, Any]) -> None:
    """Raise InvalidAudience unless the filter is understood and what it names is the account's."""
    people(account, audience)
    if not trees.is_tree(audience):
        return
    tree = trees.read(audience, zone=account.timezone)
    named = {each.value for each in trees.leaves(tree) if each.field == Field.IMPORT}
    found = RecipientImport.objects.filter(account=account, pk__in=named)
    if unknown := sorted(named - set(found.values_list("pk", flat=True))):
        raise InvalidAudience(
            _("The account has no import %(id)s; see its list of imports.") % {"id": unknown[0]}
        )


def people(account: OfficialAccount, audience: Mapping[str, Any]) -> QuerySet[Recipient]:
    """Return the account's recipients that a filter names; `{}` names everyone.

    Raises InvalidAudience.
    """
    rows = Recipient.objects.filter(account=account)
    if trees.is_tree(audience):
        return rows.filter(_of_tree(trees.read(audience, zone=account.timezone)))
    if unknown := sorted(set(audience) - set(FILTERS)):
        raise InvalidAudience(
            _("Unknown filter: %(names)s. Known are: %(known)s.")
            % {"names": ", ".join(unknown), "known": ", ".join(FILTERS)}
        )
    for name, known in (
        ("consent", Consent.values),
        ("friend_status", FriendStatus.values),
    ):
        if name in audience:
            chosen = _listed(audience[name], name)
            if wrong := sorted(set(chosen) - set(known)):
                raise InvalidAudience(
                    _("Unknown %(name)s: %(wrong)s. Use: %(known)s.")
                    % {
                        "name": name,
                        "wrong": ", ".join(wrong),
                        "known": ", ".join(known),
                    }
                )
            rows = rows.filter(**{f"{name}__in": chosen})
    if "phones" in audience:
        try:
            numbers = [
                phones.read(text, country=account.country).e164
                for text in _listed(audience["phones"], "phones")
            ]
        except phones.UnreadablePhone as error:
            raise InvalidAudience(_("In “phones”: %s.") % error) from error
        rows = rows.filter(phone__in=numbers)
    if "line_user_ids" in audience:
        try:
            ids = [
                words.line_user_id(text)
                for text in _listed(audience["line_user_ids"], "line_user_ids")
            ]
        except words.UnreadableUserId as error:
            raise InvalidAudience(_("In “line_user_ids”: %s.") % error) from error
        rows = rows.filter(line_user_id__in=ids)
    if "recipients" in audience:
        chosen_ids = audience["recipients"]
        if not isinstance(chosen_ids, list) or not all(
            isinstance(pk, int) and 0 <= pk < 2**63 for pk in chosen_ids
        ):
            raise InvalidAudience(_("“recipients” is a list of recipient ids."))
        rows = rows.filter(pk__in=_some(chosen_ids, "recipients"))
    if "attributes" in audience:
        wanted = audience["attributes"]
        if not isinstance(wanted, dict) or not all(isinstance(v, str) for v in wanted.values()):
            raise InvalidAudience(_("“attributes” is an object of names and texts."))
        rows = rows.filter(attributes__contains=wanted)
    return rows


def _listed(value: Any, name: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidAudience(_("“%(name)s” is a text or a list of texts.") % {"name": name})
    return _some(texts, name)


def _some(listed: list[Any], name: str) -> list[Any]:
    # Django makes no SQL of a list without values, so nothing could be built on it.
    if not listed:
        raise InvalidAudience(
            _("“%(name)s” is empty, which names nobody; leave it out or fill it.") % {"name": name}
        )
    return listed


def _of_tree(tree: trees.Tree) -> Q:
    parts = [
        _of_condition(branch) if isinstance(branch, Condition) else _of_tree(branch)
        for branch in tree.branches
    ]
    if tree.match == trees.Match.ALL:
        return reduce(and_, parts)
    found = reduce(or_, parts)
    return ~found if tree.match == trees.Match.NONE else found


def _of_condition(condition: Condition) -> Q:
    match condition.field:
        case Field.ATTRIBUTE:
            return _of_attribute(condition)
        case Field.TAG:
            holds = Q(tags__contains=[condition.value])
        case Field.LAST_OUTCOME:
            newest = Message.objects.filter(recipient=OuterRef("pk")).order_by("-pk")
            status = Coalesce(
                Subquery(newest.values("status")[:1]), _bound(""), output_field=TextField()
            )
            return _of_text(condition, status)
        case Field.IMPORT:
            holds = Q(
                Exists(
                    ImportedPerson.objects.filter(
                        recipient_import_id=condition.value, recipient_id=OuterRef("pk")
                    )
                )
            )
        case Field.ADDED_AT | Field.UPDATED_AT:
            column = "created_at" if condition.field == Field.ADDED_AT else "updated_at"
            side = "lt" if condition.operator == Operator.BEFORE else "gte"
            return Q(**{f"{column}__{side}": condition.value})
        case _:
            holds = Q(**{condition.field.value: condition.value})
    return ~holds if condition.operator in (Operator.IS_NOT, Operator.HAS_NOT) else holds


def _of_attribute(condition: Condition) -> Q:
    # Not Django's own path into JSON, which takes a name of digits for a place in a list.
    found = Func(
        F("attributes"), Cast(_bound(condition.name), TextField()),
        template="(%(expressions)s)", arg_joiner=" ->> ", output_field=TextField(),
    )  # fmt: skip
    return _of_text(condition, Coalesce(found, _bound(""), output_field=TextField()))


def _of_text(condition: Condition, text: Combinable) -> Q:
    value = condition.value
    match condition.operator:
        case Operator.IS:
            return Q(Exact(text, _bound(value)))
        case Operator.IS_NOT:
            return ~Q(Exact(text, _bound(value)))
        case Operator.CONTAINS:
            return Q(GreaterThan(StrIndex(text, _bound(value)), Value(0)))
        case Operator.STARTS_WITH:
            return Q(_true("starts_with", text, _bound(value)))
        case Operator.BEFORE | Operator.AFTER:
            return _of_day(condition, text)
        case Operator.GREATER | Operator.LESS:
            return _of_number(condition, text)
        case _:
            bare = Func(text, _bound(_BLANKS), function="btrim", output_field=TextField())
            is_empty = Q(Exact(bare, _bound("")))
            return is_empty if condition.operator == Operator.IS_EMPTY else ~is_empty


def _of_day(condition: Condition, text: Combinable) -> Q:
    # Days so written stand in the order of their bytes; a cast to date would take longer, and fail.
    day = Left(text, 10, output_field=TextField())
    compare = LessThan if condition.operator == Operator.BEFORE else GreaterThan
    return (
        Q(compare(Collate(day, "C"), _bound(str(condition.value))))
        & Q(_matches(text, f"^{conditions.DAY}($|[T ])"))
        & Q(_true("pg_input_is_valid", day, _bound("date")))
    )


def _of_number(condition: Condition, text: Combinable) -> Q:
    digits = Replace(text, _bound(","), _bound(""), output_field=TextField())
    # Cast() would write numeric(None, None).
    number = Func(digits, template="(%(expressions)s)::numeric", output_field=DecimalField())
    compare = LessThan if condition.operator == Operator.LESS else GreaterThan
    holds = compare(number, Value(condition.value, output_field=DecimalField()))
    is_number = Q(_matches(text, f"^[ \t\r\n]*{conditions.NUMBER}[ \t\r\n]*$"))
    # CASE: what is no number is never cast.
    found = Case(When(is_number, then=holds), default=Value(False), output_field=BooleanField())
    return Q(Exact(found, Value(True)))


def _matches(text: Combinable, pattern: str) -> Func:
    return Func(
        text, _bound(pattern), template="(%(expressions)s)", arg_joiner=" ~ ",
        output_field=BooleanField(),
    )  # fmt: skip


def _true(function: str, *arguments: Combinable) -> Func:
    return Func(*arguments, function=function, output_field=BooleanField())


def _bound(text: Any) -> Value:
    return Value(text, output_field=TextField())
