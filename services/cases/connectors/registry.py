"""The configured connectors, by name."""

from collections.abc import Mapping, Sequence

from contracts.ids import TenantId
from services.cases.config import ConnectorConfig
from services.cases.connectors.openc2_webhook import OpenC2Webhook
from services.cases.connectors.port import Connector
from services.cases.connectors.rehearsal import Rehearsal
from services.cases.domain.errors import ConnectorUnknown


class Connectors:
    def __init__(self, by_name: Mapping[str, Connector], tenants: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """`tenants` names, for connectors that are not for everyone, those that they are for."""
        self._by_name, self._tenants = dict(by_name), dict(tenants or {})

    @classmethod
    def of(cls, configured: Sequence[ConnectorConfig]) -> "Connectors":
        """Raises ConnectorMisconfigured."""
        restricted = {each.name: each.tenants for each in configured if each.tenants}
        return cls({each.name: _made(each) for each in configured}, restricted)

    def get(self, tenant_id: TenantId, name: str) -> Connector:
        """Raises ConnectorUnknown, also for a connector that is not for this tenant."""
        connector = self._by_name.get(name)
        if connector is None or tenant_id not in self._tenants.get(name, (tenant_id,)):
            raise ConnectorUnknown("No such connector is configured here.", metadata={"connector": name})
        return connector

    def names_for(self, tenant_id: TenantId) -> tuple[str, ...]:
        return tuple(name for name in self._by_name if tenant_id in self._tenants.get(name, (tenant_id,)))

    async def close(self) -> None:
        for connector in self._by_name.values():
            await connector.close()


def _made(config: ConnectorConfig) -> Connector:
    return Rehearsal(config.name) if config.kind == "rehearsal" else OpenC2Webhook(config)
