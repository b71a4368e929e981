"""Rules of the house that no linter sees: sizes, names, help, glossary, migrations, packages."""

from __future__ import annotations

import ast
import enum
import importlib
import pkgutil
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands, load_command_class

import lineportal
import recipients
import templates_app
from lineportal.accounts import keys, roles
from lineportal.sending import audience
from templates_app import findings

ROOT = Path(lineportal.__file__).parents[1]
PACKAGES = (lineportal, templates_app, recipients)
HARD_LIMIT = 400
SOURCES = sorted(
    path
    for package in PACKAGES
    for path in Path(package.__file__ or "").parent.rglob("*.py")
    if "migrations" not in path.parts
)
PAGES = sorted((ROOT / "lineportal").rglob("*.html"))
VAGUE = {
    "utils", "util", "helpers", "helper", "common", "core", "misc", "services", "managers",
    "constants", "exceptions", "types",
}  # fmt: skip
COMMANDS = sorted(
    name
    for name, app in get_commands().items()
    if app.split(".")[0] in {package.__name__ for package in PACKAGES}
)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_rules_look_at_the_whole_product() -> None:
    assert len(SOURCES) > 100
    assert {relative(path).split("/")[0] for path in SOURCES} == {
        "lineportal", "recipients", "templates_app",
    }  # fmt: skip
    assert {"run_worker", "import_recipients", "verify_audit"} <= set(COMMANDS)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_is_short_and_says_what_it_is_for(path: Path) -> None:
    source = path.read_text()
    lines = source.count("\n")

    assert lines <= HARD_LIMIT, (
        f"{relative(path)} has {lines} lines; cut it where the stage changes."
    )
    # A command's `help` says it; what Django looks for by name needs no words.
    is_known = path.parent.name == "commands" or path.stem in {"apps", "urls"}
    if source.strip() and not is_known:
        assert ast.get_docstring(ast.parse(source)), f"{relative(path)} opens without a sentence."


def test_modules_are_named_for_what_they_do() -> None:
    vague = [relative(path) for path in SOURCES if VAGUE & {path.stem, *path.parts}]

    assert vague == []


PRETENCE = re.compile(r"(?<![A-Za-z])(stub|dummy|fake)s?(?![A-Za-z])", re.IGNORECASE)
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize("path", [*SOURCES, *PAGES], ids=relative)
def test_nothing_outside_the_tests_is_a_pretence(path: Path) -> None:
    source = path.read_text().replace(
        "django_stubs_ext", "django_types"
    )  # types of Django, by that name

    assert [match.group() for match in PRETENCE.finditer(source)] == []
    if path.suffix == ".py":
        words = {
            word.lower() for name in names_in(ast.parse(source)) for word in WORD.findall(name)
        }
        assert not words & {"stub", "stubs", "dummy", "fake", "fakes"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_takes(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)

    assert command.help.strip().endswith(".")
    assert [action.dest for action in parser._actions if not action.help] == []


def test_no_migration_is_missing(db: None) -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)


MODELS = [path for path in SOURCES if "models" in (path.stem, path.parent.name)]


@pytest.mark.parametrize("path", MODELS, ids=relative)
def test_every_index_has_a_comment_naming_its_query(path: Path) -> None:
    lines = path.read_text().splitlines()

    for before, line in zip(["", *lines], lines, strict=False):
        if re.search(r"\b(models\.Index|GinIndex|BrinIndex)\(", line):
            assert before.strip().startswith("#"), line.strip()
        if "db_index=True" in line:
            assert "#" in line or before.strip().startswith("#"), line.strip()


def enums() -> list[type[enum.Enum]]:
    """Return every enumeration of ours, once all modules are imported."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)

    def below(kind: type[enum.Enum]) -> Iterator[type[enum.Enum]]:
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    ours = tuple(f"{package.__name__}." for package in PACKAGES)
    return sorted(
        {kind for kind in below(enum.Enum) if kind.__module__.startswith(ours) and len(kind)},
        key=lambda kind: (kind.__module__, kind.__qualname__),
    )


def test_every_stored_word_stands_in_the_glossary() -> None:
    words = {
        "rules": set(audience.REASONS),
        "findings": {rule.code for rule in findings.RULES},
        "roles": set(roles.ROLES),
        "scopes": set(keys.SCOPES),
        **{kind.__qualname__: {str(each.value) for each in kind} for kind in enums()},
    }
    glossary = set(re.findall(r"`([^`]+)`", (ROOT / "docs" / "glossary.md").read_text()))

    assert {"Status", "Verdict", "Consent", "FriendStatus", "Outcome"} <= set(words)
    assert {name: missing for name, each in words.items() if (missing := each - glossary)} == {}


def test_the_machine_of_states_comes_from_its_maintained_distribution() -> None:
    assert metadata.packages_distributions()["django_fsm"] == ["django-fsm-2"]
    for other in ("django-fsm", "django-fsm-admin"):
        with pytest.raises(metadata.PackageNotFoundError):
            metadata.distribution(other)


def test_the_other_distributions_are_not_even_listed() -> None:
    names = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.txt").read_text(), re.M))

    assert "django-fsm-2" in names
    assert not names & {"django-fsm", "django-fsm-admin"}
