"""Who is on call where, and what is wrong with it, out of the read models: for the screen, and for the alarms."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tenet.cases.v1 import cases_people_read_pb2 as rpc

from contracts.ids import PROVIDER, TenantId
from infra.read_database.policies import Clock
from infra.read_database.reader.conditions import ascending, equal
from infra.read_database.reader.pages import Page, PageRequest
from infra.read_database.reader.queries import Reader
from services.cases.application.contacts import Contacts
from services.cases.application.rotas import Rotas
from services.cases.domain.rota import Rota, ladder, on_call
from services.cases.projections import PAGES, ROTAS
from services.cases.projections.pages import PageRow, PageStatus
from services.cases.servicer.wire import timestamp

MAX_ROTAS = 1_000
MAX_ALARMS = 500
"""Unanswered pages that one answer shows, and that one look for the alarms counts."""
ROTA_MISSING, GAP = "ROTA_MISSING", "GAP"


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is on call for a tenant at a moment; nobody for the `reason`, where there is one."""

    rota: Rota | None
    principal_id: str | None
    reason: str


class OnCallInViews:
    def __init__(self, reader: Reader, rotas: Rotas, contacts: Contacts, clock: Clock) -> None:
        self._reader, self._rotas, self._contacts, self._clock = reader, rotas, contacts, clock

    async def standings(self, tenants: Sequence[TenantId]) -> Mapping[TenantId, Standing]:
        rotas, now = await self._by_tenant(), self._clock()
        return {tenant_id: _standing(rotas.get(tenant_id), now) for tenant_id in tenants if tenant_id != PROVIDER}

    async def uncovered(self, tenants: Sequence[TenantId]) -> Mapping[TenantId, str]:
        """Why, for each of the tenants for whom nobody is on call."""
        found = await self.standings(tenants)
        return {tenant_id: standing.reason for tenant_id, standing in found.items() if standing.reason}

    async def unanswered(self, tenants: Sequence[TenantId]) -> int:
        """How many pages nobody took up, counted up to MAX_ALARMS."""
        return len((await self._unanswered(tenants)).items)

    async def overview(self, tenants: Sequence[TenantId]) -> rpc.GetOnCallOverviewResponse:
        standings = await self.standings(tenants)
        rotas = {standing.rota.rota_id: standing.rota for standing in standings.values() if standing.rota}
        pages = await self._unanswered(tenants)
        channels = await self._channels(rotas.values())
        alarms = [
            rpc.OnCallAlarm(
                kind=rpc.ON_CALL_ALARM_KIND_PAGE_UNANSWERED,
                tenant_id=page.tenant_id,
                id=page.key,
                starts_at=timestamp(page.document.calls[0].called.recorded_at),
            )
            for page in pages.items
        ]
        alarms += [
            rpc.OnCallAlarm(kind=rpc.ON_CALL_ALARM_KIND_UNCOVERED, tenant_id=tenant_id, reason=standing.reason)
            for tenant_id, standing in standings.items()
            if standing.reason
        ]
        alarms += [alarm for rota in rotas.values() for alarm in _gaps(rota, standings)]
        alarms += [
            rpc.OnCallAlarm(kind=rpc.ON_CALL_ALARM_KIND_SCREEN_ONLY, tenant_id=PROVIDER, id=person)
            for person, named in channels.items()
            if not named
        ]
        return rpc.GetOnCallOverviewResponse(
            alarms=alarms[:MAX_ALARMS],
            more_alarms=bool(pages.next_token) or len(alarms) > MAX_ALARMS,
            tenants=[
                rpc.OnCallTenant(
                    tenant_id=tenant_id,
                    principal_id=standing.principal_id or "",
                    channels=channels.get(standing.principal_id or "", ()),
                    rota_id=standing.rota.rota_id if standing.rota else "",
                )
                for tenant_id, standing in standings.items()
            ],
        )

    async def _by_tenant(self) -> Mapping[TenantId, Rota]:
        rows = await ROTAS.list(self._reader, [PROVIDER], [], [ascending("name")], PageRequest(MAX_ROTAS))
        found = [await self._rotas.named(row.key) for row in rows.items]
        return {tenant_id: rota for rota in found for tenant_id in rota.rules.tenant_ids}

    async def _unanswered(self, tenants: Sequence[TenantId]) -> Page[PageRow]:
        where = [equal("status", PageStatus.UNANSWERED.value)]
        return await PAGES.list(self._reader, tenants, where, [ascending("sent_position")], PageRequest(MAX_ALARMS))

    async def _channels(self, rotas: Iterable[Rota]) -> Mapping[str, tuple[str, ...]]:
        """The ways to everybody whom a page would call now, by their names."""
        now = self._clock()
        people = dict.fromkeys(person for rota in rotas for person in ladder(rota, now))
        return {person: tuple(way.channel for way in (await self._contacts.of(person)).ways) for person in people}


def _standing(rota: Rota | None, now: datetime) -> Standing:
    if rota is None:
        return Standing(None, None, ROTA_MISSING)
    person = on_call(rota, now).principal_id
    return Standing(rota, person, "" if person else GAP)


def _gaps(rota: Rota, asked: Container[TenantId]) -> Iterable[rpc.OnCallAlarm]:
    for gap_id, gap in rota.gaps:
        for tenant_id in (each for each in rota.rules.tenant_ids if each in asked):
            yield rpc.OnCallAlarm(
                kind=rpc.ON_CALL_ALARM_KIND_GAP_AHEAD,
                tenant_id=tenant_id,
                id=gap_id,
                starts_at=timestamp(gap.start),
                ends_at=timestamp(gap.end),
            )
