"""The tenancy and ledger services, running, one server for all tests of this directory."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.fixtures.platform import Platform, Running, new_platform


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def running(platform: Platform) -> AsyncIterator[Running]:
    await platform.prepare()
    async with platform.running() as services:
        yield services
