"""The loop that writes the archives: one tenant keeps no other from it."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from contracts.ids import TenantId
from services.detections.application.archive.keeping import Keeping

FAULTY, FINE = TenantId("faulty"), TenantId("fine")


class _Tenants:
    async def list(self) -> list[TenantId]:
        return [FAULTY, FINE]


class _Kept(Keeping):
    """Notes the one tenant, and finds a fault of ours at the other."""

    def __init__(self) -> None:
        nothing: Any = None
        tenants: Any = _Tenants()
        super().__init__(nothing, nothing, nothing, tenants, lambda: datetime.now(UTC))
        self.kept = asyncio.Event()

    async def keep(self, tenant_id: TenantId) -> None:
        if tenant_id == FAULTY:
            raise KeyError("a fault of ours")
        self.kept.set()


async def test_a_fault_at_one_tenant_does_not_end_the_archive_of_another() -> None:
    keeping = _Kept()
    loop = asyncio.create_task(keeping.run())
    await asyncio.wait_for(keeping.kept.wait(), 30)
    assert not loop.done()
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
