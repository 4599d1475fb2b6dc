"""The reporting service running over a real server, with a tenant and people of it; and reports of made-up ledgers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from infra.grpc import serve
from infra.hosting import Foundation
from services.reporting import wiring
from tests.fixtures.platform import ROLE, Platform, new_platform
from tests.services.reporting.world import ReportingWorld


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def world(platform: Platform) -> AsyncIterator[ReportingWorld]:
    await platform.prepare()
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(platform.running())
        foundation = await stack.enter_async_context(Foundation.open("reporting", platform.settings_of("reporting")))
        wired = await stack.enter_async_context(wiring.running(foundation))
        server = await stack.enter_async_context(serve(wired.hosted, foundation.authority))
        tenant_id = await running.onboard()
        clients = []
        for home, role in (
            ("provider", ROLE.ROLE_ANALYST),
            (tenant_id, ROLE.ROLE_CUSTOMER_APPROVER),
        ):
            principal_id, name = await running.register(home)
            await running.grant(principal_id, role, tenant_id)
            clients.append(await running._client(server.port, f"Bearer {running.issuer.token(name)}"))
        yield ReportingWorld(platform, foundation, tenant_id, *clients)
