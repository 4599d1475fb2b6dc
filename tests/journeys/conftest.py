"""One whole system for all journeys: started once by the supervisor in a directory of its own, at free ports."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from infra.cli.demo.command import place_of
from infra.cli.demo.play import set_up
from infra.cli.demo.stage import Stage
from infra.runtime.settings import Settings
from infra.runtime.supervisor import running_system


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    # Not pytest's tmp_path: as root its parents are closed to the account that PostgreSQL runs under.
    with tempfile.TemporaryDirectory(prefix="tenet-journeys-") as directory:
        Path(directory).chmod(0o711)
        yield Settings(state=Path(directory) / "state", base_port=0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def empty_stage(settings: Settings) -> AsyncIterator[Stage]:
    """The whole system runs, and its ledger holds its first administrator only."""
    async with (
        running_system(settings, actuator=True) as running,
        Stage(place_of(settings, running.status())) as opened,
    ):
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(empty_stage: Stage) -> Stage:
    """The customers are there, with their people and Tenet's own rules; nothing has happened yet."""
    await set_up(empty_stage)
    return empty_stage
