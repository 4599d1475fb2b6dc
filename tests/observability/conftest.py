"""One system that is watched from outside, and one journey through it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.fixtures.customers import Provider
from tests.fixtures.running_system import RunningSystem, running_system
from tests.observability.collector import Collector, collector
from tests.observability.journey import Journey, travel


@pytest.fixture(scope="session")
def spans() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture(scope="session")
def system(spans: Collector) -> Iterator[RunningSystem]:
    with running_system(TENET_OTLP_ENDPOINT=spans.url) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def journey(system: RunningSystem) -> AsyncIterator[Journey]:
    async with Provider(system) as provider:
        yield await travel(provider)
