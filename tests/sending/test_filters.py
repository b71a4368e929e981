"""Filters: the SQL agrees with a plain reading of the tree, for anybody and any tree."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pgtrigger
import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import campaigns, filters
from recipients.models import ImportedPerson, Recipient, RecipientImport
from tests import factories
from tests.sending import placed

BANGKOK = ZoneInfo("Asia/Bangkok")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
Tree = dict[str, Any]
Person = dict[str, Any]


# --- the plain reading


def holds(tree: Tree, person: Person) -> bool:
    """Return what the documentation says of a tree (or condition) and a person."""
    [(word, branches)] = tree.items() if "field" not in tree else [("", [])]
    if word == "all":
        return all(holds(branch, person) for branch in branches)
    if word == "any":
        return any(holds(branch, person) for branch in branches)
    if word == "none":
        return not any(holds(branch, person) for branch in branches)
    field, word, value = tree["field"], tree["operator"], tree.get("value")
    if field == "tag":
        return (value in person["tags"]) == (word == "has")
    if field == "import":
        return (value in person["imports"]) == (word == "is")
    if field in ("added_at", "updated_at"):
        day = date.fromisoformat(value)
        found = person[field].astimezone(BANGKOK).date()
        return bool(found < day if word == "before" else found > day)
    text = person["attributes"].get(tree["name"], "") if field == "attribute" else person[field]
    return TEXT[word](text, value)


def day_of(text: str) -> date | None:
    match = re.fullmatch(r"(\d{4}-\d{2}-\d{2})([T ].*)?", text, re.ASCII | re.DOTALL)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def number_of(text: str) -> Decimal | None:
    bare = text.strip(" \t\r\n")
    is_number = re.fullmatch(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", bare, re.ASCII)
    return Decimal(bare.replace(",", "")) if is_number else None


def compared(
    read: Callable[[str], Any], compare: Callable[[Any, Any], bool]
) -> Callable[[str, Any], bool]:
    def result(text: str, value: Any) -> bool:
        found = read(text)
        return found is not None and compare(found, read(str(value)))

    return result


TEXT: dict[str, Callable[[str, Any], bool]] = {
    "is": lambda text, value: text == str(value),
    "is_not": lambda text, value: text != str(value),
    "contains": lambda text, value: str(value) in text,
    "starts_with": lambda text, value: text.startswith(str(value)),
    "is_empty": lambda text, _value: not text.strip(),
    "is_filled": lambda text, _value: bool(text.strip()),
    "before": compared(day_of, operator.lt),
    "after": compared(day_of, operator.gt),
    "greater": compared(number_of, operator.gt),
    "less": compared(number_of, operator.lt),
}

# --- random people and trees

NAMES = ["city", "5", "a b", "%s", "x'; DROP TABLE recipients_recipient; --", 'q"', "生日"]
TEXTS = st.one_of(
    st.sampled_from([
        "Bangkok", "bangkok", "", " ", "\u3000", "100%", "_", "\\", "'", "%s", "台北市",
        "2026-02-28", "2026-02-31", "2024-02-29", "2023-02-29", "2026-01-05 10:00", "2026-01-05T",
        "2026-01-05x", "0000-01-01", "9999-12-31", "2026-1-5", "5", "05", "-5", "+5.0",
        "1,500", "1,50", "1500.75",
        "1e5", "NaN", "Infinity", "９", "1_000", "5\n", " 5 ", "\u30005", "2026-01-05\n",
    ]),
    st.dates(date(1, 1, 1)).map(str),
    st.decimals(-(10**20), 10**20, places=2).map(str),
    st.integers(-20, 20).map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
)  # fmt: skip
TAGS = ["vip", "2026", "a,b", "{}", '"']
DAYS = st.dates(date(2026, 1, 1), date(2026, 1, 12)).map(str)
MOMENTS = st.integers(0, 12 * 24 * 4).map(lambda n: FIRST + timedelta(minutes=15 * n))


def condition(field: str, operators: list[str], values: Any, **more: Any) -> Any:
    parts = {"field": st.just(field), "operator": st.sampled_from(operators), "value": values}
    return st.fixed_dictionaries({**parts, **more})


def conditions(imports: list[int]) -> Any:
    named = {"name": st.sampled_from(NAMES)}
    values = TEXTS.filter(lambda text: bool(text.strip()))
    without = st.sampled_from([
        {"field": "attribute", "name": name, "operator": word}
        for name in NAMES for word in ("is_empty", "is_filled")
    ] + [
        {"field": "last_outcome", "operator": word} for word in ("is_empty", "is_filled")
    ])  # fmt: skip
    return st.one_of(
        without,
        condition("attribute", ["is", "is_not", "contains", "starts_with"], values, **named),
        condition("attribute", ["before", "after"], st.dates(date(1, 1, 1)).map(str), **named),
        condition(
            "attribute", ["before", "after"], st.sampled_from(["2026-01-05", "2026-02-28"]), **named
        ),
        condition(
            "attribute", ["greater", "less"],
            st.one_of(st.integers(-20, 20), st.sampled_from(["5", "1,500", "-0.5", 4.5])), **named,
        ),
        condition("tag", ["has", "has_not"], st.sampled_from(TAGS)),
        condition("consent", ["is", "is_not"], st.sampled_from(["agreed", "not_set", "rejected"])),
        condition(
            "friend_status", ["is", "is_not"], st.sampled_from(["friend", "not_friend", "blocked"])
        ),
        condition("last_outcome", ["is", "is_not"], st.sampled_from(placed.STATUSES)),
        condition("import", ["is", "is_not"], st.sampled_from(imports)),
        condition("added_at", ["before", "after"], DAYS),
        condition("updated_at", ["before", "after"], DAYS),
    )  # fmt: skip


def trees(branches: Any, depth: int = 4) -> Any:
    inner = st.one_of(branches, trees(branches, depth - 1)) if depth > 1 else branches
    return st.builds(
        lambda word, listed: {word: listed},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, min_size=1, max_size=3),
    )


def facts() -> Any:
    return st.fixed_dictionaries(
        {
            "attributes": st.dictionaries(st.sampled_from(NAMES), TEXTS),
            "tags": st.lists(st.sampled_from(TAGS), unique=True),
            "consent": st.sampled_from(["agreed", "not_set", "rejected"]),
            "friend_status": st.sampled_from(["friend", "not_friend", "blocked"]),
            "added_at": MOMENTS,
            "updated_at": MOMENTS,
        }
    )


class World:
    """People of an account in every last outcome and in two imports; the rest is to be said."""

    def __init__(self, at: datetime) -> None:
        first = placed.campaign("lon", at=at, people=len(placed.STATUSES))
        self.account = first.account
        self.outcomes: dict[int, str] = {}
        for message, status in zip(first.messages.order_by("pk"), placed.STATUSES, strict=True):
            placed.put(message.pk, status, at=at)
            self.outcomes[message.recipient_id] = status
        by = factories.user("sender")
        later = campaigns.create(
            self.account, template=first.template, name="later", by=by, at=at,
            audience={"recipients": list(self.outcomes)[:2]},
        )  # fmt: skip
        campaigns.start(later, by=by, at=at)
        self.outcomes |= dict.fromkeys(list(self.outcomes)[:2], "queued")
        self.outcomes |= {factories.recipient(self.account, 90).pk: ""}
        self.pks = sorted(self.outcomes)
        self.imports = [
            RecipientImport.objects.create(
                account=self.account, file_name="f", file_sha256="", created_at=at
            ).pk
            for _n in range(2)
        ]
        self.imported = {pk: self.imports[: n % 3] for n, pk in enumerate(self.pks)}
        ImportedPerson.objects.bulk_create(
            ImportedPerson(recipient_import_id=job, recipient_id=pk)
            for pk, jobs in self.imported.items()
            for job in jobs
        )

    def say(self, told: list[Person]) -> dict[int, Person]:
        """Write what is told of each person; return it with what the world knows."""
        rows = Recipient.objects.in_bulk(self.pks)
        for pk, facts in zip(self.pks, told, strict=True):
            row = rows[pk]
            for name, value in facts.items():
                setattr(row, "created_at" if name == "added_at" else name, value)
        # What is told of one example has nothing to do with the one before.
        with pgtrigger.ignore("recipients.Recipient:consent_never_returns_to_not_set"):
            Recipient.objects.bulk_update(
                rows.values(),
                ["attributes", "tags", "consent", "friend_status", "created_at", "updated_at"],
            )
        return {
            pk: {**facts, "last_outcome": self.outcomes[pk], "imports": self.imported[pk]}
            for pk, facts in zip(self.pks, told, strict=True)
        }

    def named(self, tree: Tree) -> set[int]:
        return set(filters.people(self.account, tree).values_list("pk", flat=True))


@pytest.fixture
def world(db: None, at: datetime) -> World:
    return World(at)


@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # shrinking such a world takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_the_sql_names_whom_a_plain_reading_of_the_tree_names(world: World, data: Any) -> None:
    told = data.draw(st.lists(facts(), min_size=len(world.pks), max_size=len(world.pks)))
    branches = conditions(world.imports)
    tree = data.draw(trees(branches))
    listed = data.draw(st.lists(branches, min_size=1, max_size=4))
    more = data.draw(branches)

    with transaction.atomic():
        people = world.say(told)
        found = {
            name: world.named(each)
            for name, each in {
                "tree": tree,
                "any": {"any": listed},
                "none": {"none": listed},
                "all": {"all": listed},
                "narrower": {"all": [*listed, more]},
                "wider": {"any": [*listed, more]},
            }.items()
        }
        transaction.set_rollback(True)

    assert found["tree"] == {pk for pk, person in people.items() if holds(tree, person)}
    assert found["none"] == set(world.pks) - found["any"]
    assert found["narrower"] <= found["all"]
    assert found["wider"] >= found["any"]


# --- what is refused, and where the fault is said to be

IS = {"field": "attribute", "name": "city", "operator": "is", "value": "Bangkok"}


def nested(depth: int) -> Tree:
    tree: Tree = {"all": [IS]}
    for _n in range(depth - 1):
        tree = {"any": [tree]}
    return tree


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({"all": []}, "“all” holds a list of at least one condition."),
        ({"any": "x"}, "“any” holds a list of at least one condition."),
        ({"all": [IS], "any": [IS]}, "A filter is one of “all”, “any” or “none” with a list."),
        ({"all": [IS], "consent": "agreed"},
         "A filter is one of “all”, “any” or “none” with a list."),
        ({"all": [IS, 5]}, "In all[1]: give a condition or a list of them, as an object."),
        ({"all": [{"none": [IS, {}]}]}, "In all[0].none[1]: give the field: attribute, tag,"),
        ({"all": [{**IS, "field": "phone"}]}, "In all[0]: unknown field “phone”; use: attribute,"),
        ({"all": [{**IS, "operator": "like"}]}, "In all[0]: unknown operator “like”; use: is,"),
        ({"all": [{**IS, "operator": ["is"]}]}, "In all[0]: unknown operator “['is']”; use: is,"),
        ({"all": [{**IS, "sql": "1=1"}]},
         "In all[0]: a condition holds field, name, operator, value, not “sql”."),
        ({"all": [{**IS, "value": " "}]}, "In all[0]: give the value."),
        ({"all": [{**IS, "value": {}}]}, "In all[0]: the value must be a text."),
        ({"all": [{**IS, "value": "x" * 201}]},
         "In all[0]: the value has at most 200 characters."),
        ({"all": [{**IS, "value": "a\0"}]}, "In all[0]: the value holds a character that cannot"),
        ({"all": [{**IS, "value": "a\ud800"}]},
         "In all[0]: the value holds a character that cannot"),
        ({"all": [{**IS, "name": ""}]}, "In all[0]: give the attribute's name."),
        ({"all": [{**IS, "operator": "is_empty"}]},
         "In all[0]: “is empty” takes no value; leave it out."),
        ({"all": [{**IS, "operator": "before"}]}, "In all[0]: give a day as year-month-day,"),
        ({"all": [{**IS, "operator": "before", "value": "2026-02-30"}]},
         "In all[0]: give a day as year-month-day,"),
        ({"all": [{**IS, "operator": "greater", "value": "1e5"}]},
         "In all[0]: give a number in plain digits,"),
        ({"all": [{**IS, "operator": "greater", "value": True}]},
         "In all[0]: give a number in plain digits,"),
        ({"all": [{**IS, "operator": "less", "value": float("nan")}]},
         "In all[0]: give a number in plain digits,"),
        ({"all": [{"field": "consent", "operator": "is", "value": "maybe"}]},
         "In all[0]: unknown value “maybe”; use: agreed, not_set, rejected."),
        ({"all": [{"field": "tag", "name": "x", "operator": "has", "value": "vip"}]},
         "In all[0]: only an attribute has a name; leave it out."),
        ({"all": [{"field": "import", "operator": "is", "value": 2**70}]},
         "In all[0]: give the import's id, a whole number."),
        ({"all": [{"field": "added_at", "operator": "after", "value": "0001-01-01"}]},
         "In all[0]: give a day such as 2026-11-24, or a time with its zone:"),
        ({"all": [{"field": "added_at", "operator": "after", "value": "2026-11-24T09:00:00"}]},
         "In all[0]: give a day such as 2026-11-24, or a time with its zone:"),
        (nested(5), "In any[0].any[0].any[0].any[0]: lists stand within each other at most 4 deep"),
        ({"all": [IS] * 51}, "“all” holds at most 50 conditions."),
        ({"all": [{"any": [IS] * 26}, {"any": [IS] * 25}]},
         "The filter has 51 conditions; at most 50 are taken."),
    ],
)  # fmt: skip
def test_a_fault_is_one_sentence_that_names_its_place(
    tree: Tree, sentence: str, account: OfficialAccount
) -> None:
    with pytest.raises(filters.InvalidAudience) as refusal:
        filters.people(account, tree)

    assert str(refusal.value).startswith(sentence)
    assert str(refusal.value).endswith(".")


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


def test_the_largest_tree_is_taken(account: OfficialAccount) -> None:
    person = factories.recipient(account, attributes={"city": "Bangkok"})

    for tree in (nested(4), {"all": [IS] * 50}):
        assert list(filters.people(account, tree)) == [person]


def test_a_tree_names_nobody_of_another_account(account: OfficialAccount) -> None:
    other = factories.account("other", channel="2000000002")
    factories.recipient(other, attributes={"city": "Bangkok"})

    assert not filters.people(account, {"any": [IS, {"none": [IS]}]}).exists()


def test_an_import_of_another_account_is_unknown(account: OfficialAccount, at: datetime) -> None:
    other = factories.account("other", channel="2000000002")
    job = RecipientImport.objects.create(
        account=other, file_name="f", file_sha256="", created_at=at
    )
    tree = {"all": [{"field": "import", "operator": "is", "value": job.pk}]}

    filters.check(other, tree)
    with pytest.raises(filters.InvalidAudience, match=f"The account has no import {job.pk}"):
        filters.check(account, tree)


def test_a_day_is_a_day_of_the_account_and_a_time_is_exact(account: OfficialAccount) -> None:
    added = datetime.combine(date(2026, 11, 24), time(23, 30), BANGKOK)
    person = factories.recipient(account)
    Recipient.objects.filter(pk=person.pk).update(created_at=added)

    def names(word: str, value: str) -> bool:
        tree = {"all": [{"field": "added_at", "operator": word, "value": value}]}
        return filters.people(account, tree).exists()

    assert names("before", "2026-11-25")
    assert not names("before", "2026-11-24")
    assert names("after", "2026-11-23")
    assert not names("after", "2026-11-24")
    assert not names("after", "2026-11-24T16:30:00Z")
    assert names("after", "2026-11-24T16:29:59.999999Z")
    assert not names("before", "2026-11-24T23:30:00+07:00")


@pytest.mark.parametrize(
    ("flat", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"consent": "agreed"}, [0]),
        ({"consent": ["agreed", "rejected"], "friend_status": "not_friend"}, [0, 2]),
        ({"phones": ["081-230-0001"]}, [1]),
        ({"line_user_ids": factories.user_id(2)}, [2]),
        ({"attributes": {"name": "สมชาย ใจดี"}}, [0, 1, 2]),
        ({"attributes": {"name": "x"}}, []),
    ],
)
def test_flat_filters_are_read_as_before(
    flat: Tree, expected: list[int], account: OfficialAccount
) -> None:
    made = [
        factories.recipient(account, n, consent=consent).pk
        for n, consent in enumerate(("agreed", "not_set", "rejected"))
    ]

    filters.check(account, flat)
    found = filters.people(account, flat).order_by("pk").values_list("pk", flat=True)
    assert list(found) == [made[n] for n in expected]
