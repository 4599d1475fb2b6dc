"""`./tenet` on a machine that has only Python and pip: one file, no surprises, the same result for two at once."""

import ast
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.runtime.settings import CHECKOUT

LIMIT_SECONDS = 120.0
CLI = "import sys; print('ran', *sys.argv[1:])"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a command of its own and a lock that asks for nothing, so that no network is needed."""
    shutil.copy(CHECKOUT / "tenet", tmp_path / "tenet")
    (tmp_path / "requirements.lock").write_text("# nothing\n")
    (tmp_path / "infra" / "cli").mkdir(parents=True)
    (tmp_path / "infra" / "cli" / "__main__.py").write_text(CLI)
    return tmp_path


def _start(checkout: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(checkout / "tenet"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )


def _run(checkout: Path, *arguments: str) -> tuple[int, str, str]:
    with _start(checkout, *arguments) as process:
        out, err = process.communicate(timeout=LIMIT_SECONDS)
    return process.returncode, out, err


def test_the_first_run_makes_the_environment_and_later_ones_only_use_it(checkout: Path) -> None:
    code, out, err = _run(checkout, "status", "--json")
    assert (code, out) == (0, "ran status --json\n"), err
    assert "Preparing" in err
    started = time.monotonic()
    code, out, err = _run(checkout)
    assert (code, out, err) == (0, "ran\n", "")
    assert time.monotonic() - started < 10


def test_a_changed_lock_makes_the_environment_anew(checkout: Path) -> None:
    _run(checkout)
    (checkout / ".venv" / "left_over").touch()
    (checkout / "requirements.lock").write_text("# still nothing\n")
    assert "Preparing" in _run(checkout)[2]
    assert not (checkout / ".venv" / "left_over").exists()


def test_two_first_runs_at_once_prepare_it_once(checkout: Path) -> None:
    both = [_start(checkout), _start(checkout)]
    answers = [process.communicate(timeout=LIMIT_SECONDS) for process in both]
    assert [out for out, _ in answers] == ["ran\n", "ran\n"]
    assert sum("Preparing" in err for _, err in answers) == 1


def test_when_the_packages_cannot_be_installed_the_old_environment_stays(checkout: Path) -> None:
    _run(checkout)
    (checkout / ".venv" / "still_here").touch()
    (checkout / "requirements.lock").write_text("./no_such_package.whl --hash=sha256:00\n")
    code, out, err = _run(checkout)
    assert (code, out) == (1, "")
    assert "Installing the packages failed" in err
    assert (checkout / ".venv" / "still_here").exists()


def test_the_file_needs_the_standard_library_only_and_older_pythons_can_read_it() -> None:
    text = (CHECKOUT / "tenet").read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 8))
    imported = {
        alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert imported <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))


def test_the_lock_names_no_index_and_no_path_and_a_hash_for_each_package() -> None:
    lock = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "--index" not in lock
    assert " @ " not in lock
    requirements = [line for line in lock.splitlines() if line and line[0] not in " #"]
    assert requirements
    assert all(line.endswith("\\") and "==" in line for line in requirements)
