"""The short form of `python -m tests.faults.timers`: 300 timers under kill -9 and jumps of the clock."""

from pathlib import Path

import pytest

from tests.faults.timers import run
from tests.fixtures.platform import new_platform

TIMERS, SEED, LIMIT_SECONDS = 300, 20261124, 150.0


@pytest.mark.timeout(240)
async def test_no_timer_is_lost_or_fired_twice_however_its_process_dies_and_its_clock_jumps(tmp_path: Path) -> None:
    with new_platform() as platform:
        outcome = await run(platform, tmp_path, TIMERS, SEED, LIMIT_SECONDS)
    assert not outcome.problems, "\n".join(outcome.lines())
    assert outcome.kills >= 1, "\n".join(outcome.lines())
