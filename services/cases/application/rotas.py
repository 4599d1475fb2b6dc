"""Commands on rotas, and which rota is a tenant's. Rotas are the provider's, in its ledger."""

from datetime import datetime

from contracts.calls import Call
from contracts.ids import PROVIDER, TenantId, derive_id
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from services.cases.application.people_aggregates import ROTA, ROTA_ASSIGNMENT
from services.cases.domain import rota as deciding
from services.cases.domain.people_commands import CheckCoverage, OverrideRota, PublishRota, RemoveRotaOverride
from services.cases.domain.people_errors import RotaMissing
from services.cases.domain.rota import Rota


class Rotas:
    def __init__(self, handler: CommandHandler, repository: Repository) -> None:
        self._handler, self._repository = handler, repository

    async def of_tenant(self, tenant_id: TenantId) -> Rota:
        """Raises RotaMissing."""
        assignment = await self._repository.load(PROVIDER, ROTA_ASSIGNMENT, deciding.assignment_id_of(tenant_id))
        if assignment.state.rota_id is None:
            raise RotaMissing("The tenant is in no rota's group.")
        return await self.named(assignment.state.rota_id)

    async def cite(self, unit: Unit, rota: Rota, now: datetime) -> None:
        """Lets what is decided in the unit rest on this rota as it is now."""
        identifier = deciding.assignment_id_of(unit.tenant_id)
        assignment = (await self._repository.load(PROVIDER, ROTA_ASSIGNMENT, identifier)).state
        for fact in deciding.facts_of(rota, now, unit.tenant_id, assignment):
            unit.cite(fact)

    async def named(self, rota_id: str) -> Rota:
        """Raises RotaUnknown."""
        rota = (await self._repository.load(PROVIDER, ROTA, rota_id)).state
        deciding.known(rota)
        return rota

    async def publish_rota(self, call: Call, command: PublishRota) -> Committed:
        async def work(unit: Unit) -> None:
            rota_id = deciding.rota_id_of(command.definition.name)
            rota = await unit.load(ROTA, rota_id)
            for event in deciding.publish_rota(rota.state, command):
                unit.append(rota, deciding.with_coverage(rota.state, event, call.now))
                before = rota.state.definition.tenant_ids if rota.state.definition else ()
                for tenant_id in dict.fromkeys((*before, *command.definition.tenant_ids)):
                    assigned = await unit.load(ROTA_ASSIGNMENT, deciding.assignment_id_of(tenant_id))
                    included = tenant_id in command.definition.tenant_ids
                    unit.append(assigned, deciding.assign_rota(assigned.state, tenant_id, rota_id, included=included))

        return await self._handler.handle(call, command, work)

    async def override_rota(self, call: Call, command: OverrideRota) -> Committed:
        override_id = derive_id("override", call.request_key)

        async def work(unit: Unit) -> None:
            rota = await unit.load(ROTA, command.rota_id)
            event = deciding.override_rota(rota.state, command, call.now, override_id)
            unit.append(rota, deciding.with_coverage(rota.state, event, call.now))

        return await self._handler.handle(call, command, work)

    async def remove_rota_override(self, call: Call, command: RemoveRotaOverride) -> Committed:
        async def work(unit: Unit) -> None:
            rota = await unit.load(ROTA, command.rota_id)
            event = deciding.remove_override(deciding.known(rota.state), command)
            unit.append(rota, deciding.with_coverage(rota.state, event, call.now))

        return await self._handler.handle(call, command, work)

    async def check_coverage(self, call: Call, command: CheckCoverage) -> Committed:
        async def work(unit: Unit) -> None:
            rota = await unit.load(ROTA, command.rota_id)
            unit.append(rota, deciding.check_coverage(deciding.known(rota.state), call.now))

        return await self._handler.handle(call, command, work)
