"""Taking tenants on, and their life up to the departure. Everything is recorded in the provider's ledger."""

from collections.abc import Callable

from contracts.calls import Call
from contracts.events.base import Event
from contracts.ids import PROVIDER
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.placements import Placements
from services.tenancy.application.aggregates import TENANT
from services.tenancy.application.ancestry import ancestors_of
from services.tenancy.domain import tenant
from services.tenancy.domain.commands import (
    ActivateTenant,
    OnboardTenant,
    ResumeTenant,
    StartLeaving,
    SuspendTenant,
)
from services.tenancy.domain.errors import CellUnknown, LedgerElsewhere
from services.tenancy.domain.tenant import Place, Tenant


class TenantLife:
    """`cells` maps the name of each cell that new ledgers may be placed on to its region."""

    def __init__(self, handler: CommandHandler, placements: Placements, cells: dict[str, str]) -> None:
        self._handler, self._placements, self._cells = handler, placements, cells

    async def onboard_tenant(self, call: Call, command: OnboardTenant) -> Committed:
        """Makes the ledger, then records the tenant, so that a recorded tenant always has one.

        Interrupted in between, it leaves an empty ledger that nobody knows of; the repeated command takes it up. The
        decision is made before the ledger, too, so that a refused command makes none.
        """
        place = self._place_for(command)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(TENANT, command.new_tenant_id)
            ancestors = await ancestors_of(unit, command.parent_tenant_id)
            if command.parent_tenant_id is not None:
                unit.require(await unit.load(TENANT, command.parent_tenant_id))
            events = tenant.onboard(loaded.state, ancestors, command, place)
            # Harmless to repeat, as the work is after a conflict.
            placement = await self._placements.create_tenant(command.new_tenant_id, place.cell)
            if placement.cell != place.cell:
                raise LedgerElsewhere(
                    "An interrupted onboarding left this tenant's ledger on another cell; name that one.",
                    metadata={"cell": placement.cell},
                )
            unit.append(loaded, events)

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    async def activate_tenant(self, call: Call, command: ActivateTenant) -> Committed:
        return await self._decide(call, command, tenant.activate)

    async def suspend_tenant(self, call: Call, command: SuspendTenant) -> Committed:
        return await self._decide(call, command, lambda state: tenant.suspend(state, command))

    async def resume_tenant(self, call: Call, command: ResumeTenant) -> Committed:
        return await self._decide(call, command, tenant.resume)

    async def start_leaving(self, call: Call, command: StartLeaving) -> Committed:
        return await self._decide(call, command, lambda state: tenant.start_leaving(state, command))

    async def _decide(
        self,
        call: Call,
        command: ActivateTenant | SuspendTenant | ResumeTenant | StartLeaving,
        decide: Callable[[Tenant], list[Event]],
    ) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(TENANT, command.subject_tenant_id)
            unit.append(loaded, decide(loaded.state))

        return await self._handler.handle(call.for_tenant(PROVIDER), command, work)

    def _place_for(self, command: OnboardTenant) -> Place:
        """The first cell, by name, that the command's cell and region allow. Raises CellUnknown."""
        for cell, region in sorted(self._cells.items()):
            if command.cell in (None, cell) and command.region in (None, region):
                return Place(cell, region)
        raise CellUnknown(
            "There is no such cell in that region.",
            metadata={"cells": ",".join(f"{cell}={region}" for cell, region in sorted(self._cells.items()))},
        )
