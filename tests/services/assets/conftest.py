"""The assets service running over a real server, with a tenant and people of it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.fixtures.platform import Platform, new_platform
from tests.services.assets.world import AssetsWorld, assets_world


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def world(platform: Platform) -> AsyncIterator[AssetsWorld]:
    async with assets_world(platform) as made:
        yield made
