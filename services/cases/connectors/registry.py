"""The configured connectors and messengers, by name."""

from collections.abc import Iterable, Mapping
from typing import TypeVar, assert_never

from contracts.ids import TenantId
from services.cases.config import (
    ActionConnectorConfig,
    ChatWebhookConfig,
    CommandBridgeConfig,
    MessageProgramConfig,
    MessengerConfig,
    OpenC2WebhookConfig,
    RehearsalConfig,
    SmtpConfig,
)
from services.cases.connectors.chat_webhook import ChatWebhook
from services.cases.connectors.command_bridge import CommandBridge
from services.cases.connectors.message_program import MessageProgram
from services.cases.connectors.messages import Messenger
from services.cases.connectors.openc2_webhook import OpenC2Webhook
from services.cases.connectors.port import Connector
from services.cases.connectors.rehearsal import Rehearsal
from services.cases.connectors.smtp_mail import SmtpMail
from services.cases.domain.errors import ConnectorUnknown

Way = TypeVar("Way")
Configured = ActionConnectorConfig | MessengerConfig


class Connectors:
    def __init__(
        self,
        by_name: Mapping[str, Connector],
        tenants: Mapping[str, tuple[str, ...]] | None = None,
        messengers: Mapping[str, Messenger] | None = None,
    ) -> None:
        """`tenants` names, for those that are not for everyone, the tenants that they are for."""
        self._by_name, self._tenants = dict(by_name), dict(tenants or {})
        self._messengers = dict(messengers or {})

    @classmethod
    def of(cls, configured: Iterable[Configured]) -> "Connectors":
        """Raises ConnectorMisconfigured."""
        actions: dict[str, Connector] = {}
        messengers: dict[str, Messenger] = {}
        tenants: dict[str, tuple[str, ...]] = {}
        for each in configured:
            if each.tenants:
                tenants[each.name] = each.tenants
            match each:
                case RehearsalConfig():
                    actions[each.name] = Rehearsal(each.name)
                case OpenC2WebhookConfig():
                    actions[each.name] = OpenC2Webhook(each)
                case CommandBridgeConfig():
                    actions[each.name] = CommandBridge(each)
                case SmtpConfig():
                    messengers[each.name] = SmtpMail(each)
                case ChatWebhookConfig():
                    messengers[each.name] = ChatWebhook(each)
                case MessageProgramConfig():
                    messengers[each.name] = MessageProgram(each)
                case _:
                    assert_never(each)
        return cls(actions, tenants, messengers)

    def get(self, tenant_id: TenantId, name: str) -> Connector:
        """Raises ConnectorUnknown, also for a connector that is not for this tenant."""
        return self._found(self._by_name, tenant_id, name)

    def messenger(self, tenant_id: TenantId, name: str) -> Messenger:
        """Raises ConnectorUnknown, also for a messenger that is not for this tenant."""
        return self._found(self._messengers, tenant_id, name)

    def names_for(self, tenant_id: TenantId) -> tuple[str, ...]:
        return tuple(name for name in self._by_name if self._is_for(tenant_id, name))

    def messengers_for(self, tenant_id: TenantId) -> tuple[str, ...]:
        return tuple(name for name in self._messengers if self._is_for(tenant_id, name))

    async def close(self) -> None:
        for connector in self._by_name.values():
            await connector.close()
        for messenger in self._messengers.values():
            await messenger.close()

    def _is_for(self, tenant_id: TenantId, name: str) -> bool:
        return tenant_id in self._tenants.get(name, (tenant_id,))

    def _found(self, by_name: Mapping[str, Way], tenant_id: TenantId, name: str) -> Way:
        found = by_name.get(name)
        if found is None or not self._is_for(tenant_id, name):
            raise ConnectorUnknown("No such connector is configured here.", metadata={"connector": name})
        return found
