"""The README promises nothing that is not there: tests, files and commands that it names exist."""

import ast
import re
import subprocess
import sys

from infra.runtime.settings import CHECKOUT
from tests.architecture.tree import python_files

README = (CHECKOUT / "README.md").read_text()
_LINK = re.compile(r"\]\(([^)#][^)]*)\)")
_TICKED = re.compile(r"`([^`\n]+)`")
_PLACEHOLDER = re.compile(r"^[A-Z][A-Z_]{4,}$", re.MULTILINE)
_PATHS = ("adr/", "benchmarks/", "contracts/", "infra/", "services/", "tests/")
_COMMAND = re.compile(r"^\./tenet ([a-z-]+)", re.MULTILINE)


def functions_of_tests() -> set[str]:
    return {
        node.name
        for path in python_files("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def paths_named() -> set[str]:
    ticked = {text.split("::")[0] for text in _TICKED.findall(README) if text.startswith(_PATHS)}
    linked = {target for target in _LINK.findall(README) if "://" not in target}
    return ticked | linked


def test_every_file_that_the_readme_names_is_there() -> None:
    named = paths_named()
    assert named
    assert sorted(path for path in named if not list(CHECKOUT.glob(path.rstrip("/")))) == []


def test_the_table_of_clauses_names_only_tests_that_exist() -> None:
    known = functions_of_tests()
    named = set(re.findall(r"\btest_[a-z0-9_]+\b(?!\.py)", README))
    assert named - known - {path.stem for path in python_files("tests")} == set()
    for text in _TICKED.findall(README):
        path, _, name = text.partition("::")
        if path.startswith("tests/") and name:
            assert f"def {name}(" in (CHECKOUT / path).read_text(), text


def test_the_manifesto_is_answered_clause_by_clause_with_tests() -> None:
    _, heading, section = README.partition("\n## The manifesto, clause by clause")
    assert heading, "the README has no section of that name"
    rows = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 10
    assert any("tests/" in row for row in rows)


def test_no_place_is_left_to_be_filled_in() -> None:
    assert _PLACEHOLDER.findall(README) == []


def test_every_command_that_the_readme_shows_is_one() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "infra.cli", "--help"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = set(_COMMAND.findall(README))
    assert shown
    assert {name for name in shown if not re.search(rf"\b{re.escape(name)}\b", answer.stdout)} == set()
