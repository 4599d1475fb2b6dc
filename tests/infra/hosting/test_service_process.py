"""A service's process refuses to start with a clear reason, and says how it is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.hosting.serving import EXIT_REFUSED
from infra.runtime.settings import CHECKOUT


def start(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENET_")}
    environment |= {"TENET_STATE": str(state), "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'contracts/gen'}"}
    command = [sys.executable, "-m", "services.assets", *arguments]
    return subprocess.run(
        command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("arguments", [(), ("start",), ("serve", "now")])
def test_a_service_started_in_another_way_says_how(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = start(tmp_path, *arguments)
    assert ended.returncode == 2
    assert "usage: python -m services.assets serve" in ended.stderr


def test_a_service_without_its_database_ends_with_the_reason(tmp_path: Path) -> None:
    ended = start(tmp_path, "serve")
    assert ended.returncode == EXIT_REFUSED
    assert "NOT_CONFIGURED" in ended.stdout + ended.stderr
