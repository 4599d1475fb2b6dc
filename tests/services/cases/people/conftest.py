"""The running service for the tests about people; it shares the platform with the other tests of the service."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.platform import Platform
from tests.services.cases.people.running import Crew, crew


@pytest.fixture
async def people(platform: Platform, tmp_path: Path) -> AsyncIterator[Crew]:
    async with crew(platform, tmp_path) as made:
        yield made
