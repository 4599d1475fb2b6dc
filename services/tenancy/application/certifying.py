"""The register of what the provider's people are certified for."""

from contracts.calls import Call
from contracts.ids import PROVIDER
from infra.event_store.handler import CommandHandler, Committed, Unit
from services.tenancy.application.aggregates import CERTIFICATION, PRINCIPAL
from services.tenancy.domain import certification
from services.tenancy.domain.commands import RecordCertification, RevokeCertification


class Certifying:
    def __init__(self, handler: CommandHandler) -> None:
        self._handler = handler

    async def record_certification(self, call: Call, command: RecordCertification) -> Committed:
        identifier = certification.certification_id_of(command.principal_id, command.name)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(CERTIFICATION, identifier)
            holder = await unit.load(PRINCIPAL, command.principal_id)
            unit.require(holder)
            unit.append(loaded, certification.record(loaded.state, holder.state, command, call.now))

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    async def revoke_certification(self, call: Call, command: RevokeCertification) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(CERTIFICATION, command.certification_id)
            unit.append(loaded, certification.revoke(loaded.state, command))

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)
