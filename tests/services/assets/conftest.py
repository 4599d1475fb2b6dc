"""The assets service running over a real server, with a tenant and people of it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from infra.grpc import serve
from infra.hosting import Foundation
from services.assets import wiring
from tests.fixtures.platform import ROLE, Platform, new_platform
from tests.services.assets.world import AssetsWorld


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with new_platform() as made:
        yield made


@pytest.fixture
async def world(platform: Platform) -> AsyncIterator[AssetsWorld]:
    await platform.prepare()
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(platform.running())
        foundation = await stack.enter_async_context(Foundation.open("assets", platform.settings_of("assets")))
        wired = wiring.wire(foundation)
        await stack.enter_async_context(wired.read_side.running())
        server = await stack.enter_async_context(serve(wired.hosted, foundation.authority))
        tenant_id = await running.onboard()
        other = await running.onboard()
        clients = []
        for home, role, tenant in (
            ("provider", ROLE.ROLE_ANALYST, tenant_id),
            (tenant_id, ROLE.ROLE_CUSTOMER_APPROVER, tenant_id),
            (other, ROLE.ROLE_CUSTOMER_APPROVER, other),
        ):
            principal_id, name = await running.register(home)
            await running.grant(principal_id, role, tenant)
            clients.append(await running._client(server.port, f"Bearer {running.issuer.token(name)}"))
        yield AssetsWorld(platform, running, foundation, wired.read_side, wired.sweep, server.port, tenant_id, *clients)
