"""The tenancy and ledger services, running, one server for all tests of this directory."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.fixtures.platform import Platform, Running, new_platform
from tests.services.assets.conftest import world  # noqa: F401  # A fixture of these tests too.
from tests.services.detections.conftest import own_pack, service, with_rules  # noqa: F401  # As above.


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def running(platform: Platform) -> AsyncIterator[Running]:
    await platform.prepare()
    async with platform.running() as services:
        yield services
