"""The commands that discovery leads to: newcomers are reported, and resolved by the asset that is registered for them.

`DiscoveredHosts` says which they are as known at a position, whatever came since, so that a reaction that is late does
what one in time would have done.
"""

from collections.abc import Sequence
from typing import Protocol

from contracts.calls import Call
from contracts.ids import TenantId
from infra.event_store.handler import CommandHandler, Unit
from services.assets.application.assets import FINDING
from services.assets.domain import newcomer
from services.assets.domain.commands import ReportMoreNewcomers, ReportNewcomer, ResolveNewcomer


class DiscoveredHosts(Protocol):
    async def answered(self, tenant_id: TenantId, indexes: Sequence[str], position: int) -> bool:
        """Whether a live asset bears one of the names or addresses. Raises NotYetApplied, ReadDatabaseUnavailable."""
        ...

    async def under(self, tenant_id: TenantId, indexes: Sequence[str], position: int) -> Sequence[str]:
        """The discovered hosts (their ids) that bear one of them. Raises as `answered` does."""
        ...


class Newcomers:
    """One method a command. Every method may raise what `CommandHandler.handle` raises."""

    def __init__(self, handler: CommandHandler) -> None:
        self._handler = handler

    async def report_newcomer(self, call: Call, command: ReportNewcomer) -> None:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(FINDING, newcomer.finding_id_of(call.tenant_id, command.host_id))
            unit.append(loaded, newcomer.report(loaded.state, command))

        await self._handler.handle(call, command, work)

    async def report_more_newcomers(self, call: Call, command: ReportMoreNewcomers) -> None:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(FINDING, newcomer.more_finding_id_of(command))
            unit.append(loaded, newcomer.report_more(loaded.state, command))

        await self._handler.handle(call, command, work)

    async def resolve_newcomer(self, call: Call, command: ResolveNewcomer) -> None:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(FINDING, newcomer.finding_id_of(call.tenant_id, command.host_id))
            unit.append(loaded, newcomer.resolve(loaded.state, command))

        await self._handler.handle(call, command, work)
