"""Records the hosts that telemetry names and no registered asset answers to."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date

from contracts.calls import Call
from contracts.ids import TenantId
from infra.event_store.handler import CommandHandler, Unit
from infra.keys import KeyStore
from services.detections.application.aggregates import DISCOVERY
from services.detections.application.raising import AssetLookup
from services.detections.application.tenant_index import TenantIndex
from services.detections.config import HOST_REMEMBERED_SECONDS, MAX_HOSTS_REMEMBERED
from services.detections.domain import discovery
from services.detections.domain.commands import DiscoverHosts
from services.detections.domain.discovery import Host, NamedHost


class Discovering:
    """Remembers for a while which hosts it looked up, so that a batch of known ones asks nobody anything, and for which
    tenants a day is over, so that nobody is asked about hosts that could not be recorded."""

    def __init__(
        self,
        handler: CommandHandler,
        keys: KeyStore,
        assets: AssetLookup,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._handler, self._keys, self._assets, self._monotonic = handler, keys, assets, monotonic
        self._until: OrderedDict[tuple[TenantId, NamedHost], float] = OrderedDict()
        self._closed_on: dict[TenantId, date] = {}

    async def discover_hosts(self, call: Call, command: DiscoverHosts, named: Mapping[NamedHost, str]) -> None:
        """`named` are the hosts that a batch names, with the source of the record that does so.

        Raises TenantKeysDestroyed, ReadDatabaseUnavailable, StoreUnavailable, Conflict.
        """
        unknown = [host for host in named if not self._remembers(call.tenant_id, host)]
        if not unknown or self._closed_on.get(call.tenant_id) == call.now.astimezone(UTC).date():
            return
        index = TenantIndex(await self._keys.search_key(call.tenant_id))
        hosts = [discovery.host_of(call.tenant_id, host, named[host], index) for host in unknown]
        found = await self._assets.find(call.tenant_id, {each for host in hosts for each in host.indexes})
        strangers = [host for host in hosts if not any(found.get(each) for each in host.indexes)]
        if strangers:
            await self._record(call, command, strangers)
        for host in unknown:
            self._remember(call.tenant_id, host)

    async def _record(self, call: Call, command: DiscoverHosts, strangers: Sequence[Host]) -> None:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(DISCOVERY, discovery.stream_of(call.tenant_id))
            if discovery.is_closed(loaded.state, call.now):
                self._closed_on[call.tenant_id] = call.now.astimezone(UTC).date()
            unit.append(loaded, discovery.discover(loaded.state, command, strangers, call.now))

        await self._handler.handle(call, command, work)

    def _remembers(self, tenant_id: TenantId, host: NamedHost) -> bool:
        return self._until.get((tenant_id, host), 0.0) > self._monotonic()

    def _remember(self, tenant_id: TenantId, host: NamedHost) -> None:
        self._until[tenant_id, host] = self._monotonic() + HOST_REMEMBERED_SECONDS
        self._until.move_to_end((tenant_id, host))
        while len(self._until) > MAX_HOSTS_REMEMBERED:
            self._until.popitem(last=False)
