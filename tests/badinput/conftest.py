"""One system with two customers, to which bad input is sent through the public interface."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.fixtures.customers import Customer, Provider
from tests.fixtures.running_system import RunningSystem, running_system


@pytest.fixture(scope="session")
def system() -> Iterator[RunningSystem]:
    with running_system(TENET_TENANCY_INSECURE_ISSUERS="true") as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def provider(system: RunningSystem) -> AsyncIterator[Provider]:
    async with Provider(system) as made:
        await made.deploy_rules()
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own(provider: Provider) -> Customer:
    return await provider.onboard("own", charter="clinic")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def foreign(provider: Provider, own: Customer) -> Customer:
    return await provider.onboard("foreign")
