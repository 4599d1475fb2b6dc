"""A discovered host becomes a newcomer finding; the asset that is registered for it resolves it.

One policy for both, because it goes through the ledger in order: a host that was discovered before its asset was
registered is reported before it is resolved, and one that was registered first is not reported.
"""

from typing import Any

from contracts.events.assets import AssetRegistered
from contracts.events.base import Recorded
from contracts.events.discovery import DiscoveryBounded, HostDiscovered
from infra.read_database.policies import Activation, Origin, Policy
from services.assets.application.newcomers import DiscoveredHosts, Newcomers
from services.assets.domain.commands import ReportMoreNewcomers, ReportNewcomer, ResolveNewcomer


class KeepNewcomersWhenDiscoveredOrRegistered(Policy):
    ID = "keep_newcomers_when_discovered_or_registered"
    TOPICS = frozenset({HostDiscovered, DiscoveryBounded, AssetRegistered})
    ACTIVATION = Activation.START

    def __init__(self, newcomers: Newcomers, hosts: DiscoveredHosts) -> None:
        self._newcomers, self._hosts = newcomers, hosts

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        match recorded.event:
            case HostDiscovered() as event:
                await self._discovered(recorded, event, origin)
            case DiscoveryBounded() as event:
                call = origin.call()
                command = ReportMoreNewcomers(
                    tenant_id=call.tenant_id,
                    request_id=call.request_id,
                    bound=event.bound,
                    day=event.day,
                    limit=event.limit,
                )
                await self._newcomers.report_more_newcomers(call, command)
            case AssetRegistered() as event:
                await self._registered(recorded, event, origin)

    async def _discovered(self, recorded: Recorded[Any], event: HostDiscovered, origin: Origin) -> None:
        called = event.name or event.address
        indexes = [*event.name_indexes, *([event.address_index] if event.address_index else [])]
        if called is None or await self._hosts.answered(recorded.tenant_id, indexes, recorded.position):
            return
        call = origin.call()
        command = ReportNewcomer(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            host_id=event.host_id,
            called=called,
            source=event.source,
        )
        await self._newcomers.report_newcomer(call, command)

    async def _registered(self, recorded: Recorded[Any], event: AssetRegistered, origin: Origin) -> None:
        indexes = [event.name_index, *event.address_indexes]
        hosts = await self._hosts.under(recorded.tenant_id, indexes, recorded.position)
        for ordinal, host_id in enumerate(hosts):
            call = origin.call(ordinal)
            command = ResolveNewcomer(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                host_id=host_id,
                asset_id=event.asset_id,
                position=recorded.position,
            )
            await self._newcomers.resolve_newcomer(call, command)
