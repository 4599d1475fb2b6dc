"""The short form of the soak: a minute of steady load while PostgreSQL, services and the supervisor are killed."""

from pathlib import Path

import pytest

from tests.faults.chaos import POSTGRES, SUPERVISOR
from tests.faults.soak import run
from tests.fixtures.running_system import running_system

LOAD_SECONDS = 30.0
SEED = 20261124
FIRST = (POSTGRES, "cases", SUPERVISOR, "detections", POSTGRES, "ledger", "actuator")
"""The short form is too short for chance to meet everyone; chance goes on from here."""


@pytest.mark.timeout(600)
async def test_nothing_acknowledged_is_lost_doubled_or_misplaced_however_processes_die(tmp_path: Path) -> None:
    with running_system() as system:
        verdict = await run(system, LOAD_SECONDS, SEED, tmp_path / "journal.jsonl", FIRST)
    assert not verdict.problems, "\n".join(verdict.lines())
    assert verdict.killed[SUPERVISOR] == 1
    assert verdict.killed[POSTGRES] >= 1
    assert sum(verdict.acknowledged.values()) > 100, "\n".join(verdict.lines())
    assert verdict.actions_verified > 0, "\n".join(verdict.lines())
