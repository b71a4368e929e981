"""A filter's tree: {"all" | "any" | "none": [conditions or trees]}, read whole or refused whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lineportal.sending import conditions
from lineportal.sending.conditions import Condition

DEPTH_LIMIT = 4  # trees within each other
SIZE_LIMIT = 50  # conditions of the whole tree


class Match(models.TextChoices):
    """How many of a tree's branches must hold."""

    ALL = "all", gettext_lazy("all of")
    ANY = "any", gettext_lazy("any of")
    NONE = "none", gettext_lazy("none of")


class InvalidAudience(Exception):
    """The audience cannot be understood; the text says what it may hold.

    `branch` is the place of the fault in the outermost list, `fault` the sentence without its
    place; both only where the fault lies in a branch of a tree.
    """

    def __init__(self, sentence: str, *, branch: int | None = None, fault: str = "") -> None:
        super().__init__(sentence)
        self.branch, self.fault = branch, fault or sentence


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree that was read."""

    match: Match
    branches: tuple[Tree | Condition, ...]


def is_tree(audience: Mapping[str, Any]) -> bool:
    """Return whether a filter is a tree rather than a flat object."""
    return any(word in audience for word in Match.values)


def read(given: Any, *, zone: str) -> Tree:
    """Return the tree; raises InvalidAudience, whose sentence names the place of the fault."""
    tree = _read(given, zone, ())
    if (size := sum(1 for _each in leaves(tree))) > SIZE_LIMIT:
        raise InvalidAudience(
            _("The filter has %(size)d conditions; at most %(limit)d are taken.")
            % {"size": size, "limit": SIZE_LIMIT}
        )
    return tree


def leaves(tree: Tree) -> Iterator[Condition]:
    """Yield the tree's conditions."""
    for branch in tree.branches:
        if isinstance(branch, Condition):
            yield branch
        else:
            yield from leaves(branch)


def sentence(stored: Mapping[str, Any]) -> str:
    """Return what a stored tree says, for people."""
    [(word, branches)] = stored.items()
    if len(branches) == 1 and word != Match.NONE:
        return _branch_sentence(branches[0])
    said = "; ".join(_branch_sentence(branch) for branch in branches)
    return f"{Match(word).label}: {said}"


def _branch_sentence(branch: Mapping[str, Any]) -> str:
    return f"({sentence(branch)})" if is_tree(branch) else conditions.sentence(branch)


_Place = tuple[tuple[str, int], ...]


def _read(given: Any, zone: str, place: _Place) -> Tree:
    if len(place) >= DEPTH_LIMIT:
        raise _invalid(place, _("lists stand within each other at most %d deep") % DEPTH_LIMIT)
    if not isinstance(given, Mapping) or len(given) != 1 or not is_tree(given):
        raise _invalid(place, _("a filter is one of “all”, “any” or “none” with a list"))
    [(word, listed)] = given.items()
    if not isinstance(listed, list) or not listed:
        raise _invalid(place, _("“%s” holds a list of at least one condition") % word)
    if len(listed) > SIZE_LIMIT:
        raise _invalid(place, _("“%(word)s” holds at most %(limit)d conditions")
                       % {"word": word, "limit": SIZE_LIMIT})  # fmt: skip
    branches = [
        _read_branch(branch, zone, (*place, (word, index))) for index, branch in enumerate(listed)
    ]
    return Tree(Match(word), tuple(branches))


def _read_branch(given: Any, zone: str, place: _Place) -> Tree | Condition:
    if not isinstance(given, Mapping):
        raise _invalid(place, _("give a condition or a list of them, as an object"))
    if is_tree(given):
        return _read(given, zone, place)
    try:
        return conditions.read(given, zone=zone)
    except conditions.Unreadable as error:
        raise _invalid(place, str(error)) from error


def _invalid(place: _Place, fault: str) -> InvalidAudience:
    sentence = f"{fault[0].upper()}{fault[1:]}."
    if not place:
        return InvalidAudience(sentence)
    where = ".".join(f"{word}[{index}]" for word, index in place)
    return InvalidAudience(
        _("In %(place)s: %(fault)s.") % {"place": where, "fault": fault},
        branch=place[0][1],
        fault=sentence,
    )
