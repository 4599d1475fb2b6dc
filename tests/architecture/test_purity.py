"""Decisions are pure: what import-linter cannot see, namely clocks, chance and the environment, is looked for here."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.runtime.settings import CHECKOUT
from tests.architecture.tree import python_files, shown

AMBIENT = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.monotonic", "time.time_ns",
    "uuid.uuid4", "uuid.uuid1", "secrets.token_hex", "secrets.token_bytes", "secrets.randbits", "random.random",
    "os.environ", "os.getenv", "ids.new_id", "new_id", "uuid4",
}  # fmt: skip
"""What a decision may not ask for: time and identifiers come in as arguments."""


def names_used(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.lineno, f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.lineno, node.func.id


def domain_files() -> list[Path]:
    return [path for path in python_files("services") if "domain" in path.parts]


def test_no_decision_asks_for_the_time_for_chance_or_for_the_environment() -> None:
    files = domain_files()
    assert len(files) > 30
    found = [f"{shown(path)}:{line} {name}" for path in files for line, name in names_used(path) if name in AMBIENT]
    assert found == []


def test_no_service_reads_its_clock_past_the_one_that_it_is_given() -> None:
    found = [
        f"{shown(path)}:{line} {name}"
        for path in python_files("services")
        for line, name in names_used(path)
        # The time in a webhook's signature is judged by the receiver's own clock, not by ours.
        if name in {"datetime.now", "datetime.utcnow", "time.time"} and "connectors" not in path.parts
    ]
    assert found == []


def test_every_evolve_fails_loudly_on_an_event_that_it_forgot() -> None:
    """A `match` ends in `assert_never`, so that the type checker finds a missing case; one event needs no branch."""
    evolving = [
        (f"{shown(path)}:{node.lineno}", node)
        for path in domain_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "evolve"
    ]
    assert len(evolving) >= 10
    for place, function in evolving:
        branches = any(isinstance(node, ast.Match | ast.If) for node in ast.walk(function))
        assert not branches or "assert_never" in called_in(function), place


def called_in(function: ast.FunctionDef) -> set[str]:
    calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {name.id for name in calls if isinstance(name, ast.Name)}


def test_no_failure_is_swallowed() -> None:
    """`except Exception: pass`, and handlers that only go on with a loop."""
    found = []
    for path in python_files("contracts", "infra", "services"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or (
                isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
            )
            if broad and all(isinstance(statement, ast.Pass | ast.Continue) for statement in node.body):
                found.append(f"{shown(path)}:{node.lineno}")
    assert found == []


@pytest.mark.timeout(180)
def test_the_import_rules_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run(
        [program, "--no-cache"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=150,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr[-1000:]
    assert "0 broken" in answer.stdout
