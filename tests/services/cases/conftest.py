"""Fixtures of the cases service's tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.cases.application import delivery
from tests.fixtures.platform import Platform, new_platform
from tests.services.cases.running_service import CasesService, cases_service
from tests.services.cases.world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    # Receivers in memory answer at once; only the waiting between tries is left out.
    monkeypatch.setattr(delivery, "SEND_PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(delivery, "READ_PAUSES_SECONDS", (0.0, 0.0))
    return World()


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def service(platform: Platform, tmp_path: Path) -> AsyncIterator[CasesService]:
    async with cases_service(platform, tmp_path) as running:
        yield running
