"""One system with two customers, to which bad input is sent through the public interface.

Their ledgers lie on two servers, the one of most tests not on the server that holds everything else.
"""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from infra.runtime.postgres import EmbeddedPostgres
from tests.fixtures.customers import Customer, Provider
from tests.fixtures.running_system import RunningSystem, running_system

OTHER_CELL = "cell-2"


@pytest.fixture(scope="session")
def system(start_postgres: Callable[[], EmbeddedPostgres]) -> Iterator[RunningSystem]:
    other = f"{OTHER_CELL}={start_postgres().dsn(over_tcp=True)}"
    # The tests have an issuer of their own on loopback, without https.
    with running_system(TENET_CELL_SERVERS=other, TENET_TENANCY_INSECURE_ISSUERS="true") as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def provider(system: RunningSystem) -> AsyncIterator[Provider]:
    async with Provider(system) as made:
        await made.deploy_rules()
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own(provider: Provider) -> Customer:
    return await provider.onboard("own", charter="clinic", cell=OTHER_CELL)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def foreign(provider: Provider, own: Customer) -> Customer:
    return await provider.onboard("foreign")
