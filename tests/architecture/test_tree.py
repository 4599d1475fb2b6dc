"""The tree answers "where do I change it?": the same rooms everywhere, telling names, files of one subject."""

import ast
import re
from pathlib import Path

import pytest

from infra.runtime.settings import CHECKOUT
from tests.architecture.tree import SERVICE_NAMES, own_files, python_files, shown

MAX_LINES = 500
READ_IN_ONE_PIECE = {"infra/transparency/verifier.py": 740}
"""An auditor copies this one file out and trusts nothing else, so it is not cut in two; it may not grow either."""
EMPTY_NAMES = re.compile(r"(^|_)(utils?|helpers?|misc|stuff|manager|common|base_?classes)(_|$)")
"""Names that say nothing. `common` is only the wire's shared package."""
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
MACHINE = re.compile(r"/(?:work|home|root|Users)/|" + "pypi" + r"\.(?!org)[a-z-]+\.[a-z]{2,}|index" + r"-url")
TEXT = {".py", ".md", ".sql", ".proto", ".toml", ".yaml", ".yml", ".lock", ".j2", ".css", ".sh", ""}
ROOMS = ["__init__.py", "__main__.py", "config.py", "wiring.py", "domain", "application", "servicer"]
POLICY = re.compile(r"^[a-z]+(_[a-z]+)*_when_[a-z]+(_[a-z]+)*$")
MIGRATION = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


def is_source(path: Path) -> bool:
    return path.suffix in {".py", ".proto", ".sql"} or path.name == "tenet"


def test_the_walk_over_the_checkout_finds_it() -> None:
    assert len(own_files()) > 300
    assert CHECKOUT / "tenet" in own_files()


def test_no_file_grows_beyond_what_one_sits_down_to_read() -> None:
    long = {}
    for path in own_files():
        # A contract is read by its RPC, not from top to bottom, and its comments are its documentation.
        if is_source(path) and path.suffix != ".proto":
            count = len(path.read_text(encoding="utf-8").splitlines())
            if count > READ_IN_ONE_PIECE.get(shown(path), MAX_LINES):
                long[shown(path)] = count
    assert long == {}


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    named = {
        shown(path)
        for path in own_files()
        if is_source(path) and any(EMPTY_NAMES.search(Path(part).stem) for part in path.relative_to(CHECKOUT).parts)
    }
    assert {name for name in named if not name.startswith("contracts/proto/tenet/common/")} == set()


def test_nothing_is_left_unfinished_in_the_sources() -> None:
    assert [shown(path) for path in own_files() if is_source(path) and UNFINISHED.search(path.read_text())] == []


def test_no_file_knows_the_machine_that_it_was_written_on() -> None:
    found = [
        shown(path)
        for path in own_files()
        if path.suffix in TEXT and MACHINE.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    # Made-up telemetry speaks of made-up home directories, and tests of paths that must be refused.
    assert [name for name in found if not name.startswith(("tests/", "services/detections/rules/"))] == []


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    home = CHECKOUT / "services" / service
    for room in ROOMS:
        assert (home / room).exists() or (home / f"{room}.py").exists(), f"services/{service} has no {room}"
    stated = ast.get_docstring(ast.parse((home / "__init__.py").read_text()))
    assert stated, f"services/{service} does not say what it owns"


def test_a_policys_file_is_named_for_its_rule() -> None:
    for path in python_files("services"):
        if path.parent.name == "policies" and path.stem != "__init__":
            assert POLICY.match(path.stem), shown(path)


def test_migrations_of_one_directory_are_numbered_once_each_and_named_for_what_they_do() -> None:
    folders: dict[Path, list[str]] = {}
    for path in own_files():
        if path.suffix == ".sql":
            folders.setdefault(path.parent, []).append(path.name)
    assert folders
    for folder, names in folders.items():
        numbers = [match[1] for name in names if (match := MIGRATION.match(name))]
        assert len(numbers) == len(names), shown(folder)
        assert sorted(numbers) == [f"{number:04}" for number in range(1, len(names) + 1)], shown(folder)


def test_every_test_is_named_with_a_sentence() -> None:
    short = []
    for path in python_files("tests"):
        # Methods are those of the eventsourcing library's own suites, which bear its names.
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
                continue
            if path.name.startswith("test_") and len(node.name.split("_")) < 4:
                short.append(f"{shown(path)}::{node.name}")
    assert short == []
