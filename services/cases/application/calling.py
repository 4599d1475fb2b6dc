"""Commands on pages: whom to call, who has it, and who is next."""

from datetime import datetime

import structlog
from prometheus_client import Counter

from contracts.calls import Call
from contracts.events.people import Objective, PageAbout, PageUnanswered
from contracts.events.subjects import SubjectKind
from contracts.ids import TenantId
from contracts.roles import Role
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Loaded
from services.cases.application.aggregates import CASE, SUBJECTS
from services.cases.application.people_aggregates import PAGE, SERVICE_LEVEL
from services.cases.application.rotas import Rotas
from services.cases.application.service_levels import service_level_of
from services.cases.domain import acknowledgement as deciding
from services.cases.domain import service_level
from services.cases.domain.acknowledgement import LEADS_FIRST, Page
from services.cases.domain.people_commands import AcknowledgePage, EscalatePage, MeetServiceLevels, SendPage
from services.cases.domain.people_errors import NobodyToCall, PageAboutUnknown, RotaMissing
from services.cases.domain.rota import Rota, ladder
from services.cases.domain.who import Who

RAN_OUT = Counter("tenet_page_ladders_run_out_total", "Pages that everybody was called for in vain.")
NOBODY = Counter("tenet_pages_without_anybody_total", "Pages for which there was nobody to call.", ("reason",))

log = structlog.get_logger()


class Calling:
    def __init__(self, handler: CommandHandler, rotas: Rotas) -> None:
        self._handler, self._rotas = handler, rotas

    async def send_page(self, call: Call, command: SendPage) -> Committed:
        """Raises RotaMissing, RotaUnknown, PageAboutUnknown, NobodyToCall; where there is nobody it is an alarm."""

        async def work(unit: Unit) -> None:
            rota = await self._rota(command.tenant_id, command.rota_id)
            await _still_there(unit, command)
            page = await unit.load(PAGE, deciding.page_id_of(command))
            people = ladder(rota, call.now, leads_first=command.about in LEADS_FIRST)
            await self._rotas.cite(unit, rota, call.now)
            minutes = rota.rules.answer_minutes
            unit.append(page, deciding.send_page(page.state, command, rota.rota_id, people, minutes, call.now))

        try:
            return await self._handler.handle(call, command, work)
        except (RotaMissing, NobodyToCall) as error:
            NOBODY.labels(error.reason).inc()
            log.error(  # noqa: TRY400  # a refusal that is foreseen; its trace would say no more than its reason
                "nobody_to_call", tenant=command.tenant_id, about=command.about.value, reason=error.reason
            )
            raise

    async def acknowledge_page(self, call: Call, command: AcknowledgePage) -> Committed:
        """With the page, the case that it is about: both in one append, so that no timer comes in between."""

        async def work(unit: Unit) -> None:
            page = await unit.load(PAGE, command.page_id)
            event = deciding.acknowledge_page(page.state, command, Who.of(call), lead=Role.LEAD in call.roles)
            unit.append(page, [event])
            if event.about is PageAbout.CASE:
                levels = await unit.load(SERVICE_LEVEL, service_level_of(event.about_id))
                met = MeetServiceLevels(
                    tenant_id=command.tenant_id,
                    request_id=command.request_id,
                    case_id=event.about_id,
                    objectives=(Objective.ACKNOWLEDGE,),
                    by_position=None,
                    at=call.now,
                )
                unit.append(levels, service_level.meet(levels.state, met))

        return await self._handler.handle(call, command, work)

    async def escalate_page(self, call: Call, command: EscalatePage) -> Committed:
        """By the rota as it is now: whoever has come on meanwhile is called."""

        async def work(unit: Unit) -> None:
            await self.climb(unit, await unit.load(PAGE, command.page_id), command, call.now)

        done = await self._handler.handle(call, command, work)
        if any(isinstance(each.event, PageUnanswered) for each in done.recorded):
            RAN_OUT.inc()
            log.error("page_unanswered", tenant=command.tenant_id, page=command.page_id, rungs=command.rung)
        return done

    async def climb(self, unit: Unit, page: Loaded[Page], command: EscalatePage, now: datetime) -> None:
        sent = deciding.known(page.state)
        rota = await self._rotas.named(sent.rota_id)
        people = ladder(rota, now, leads_first=sent.about in LEADS_FIRST)
        await self._rotas.cite(unit, rota, now)
        minutes = rota.rules.answer_minutes
        unit.append(page, deciding.escalate_page(page.state, command, people, minutes, now))

    async def _rota(self, tenant_id: TenantId, rota_id: str) -> Rota:
        return await self._rotas.named(rota_id) if rota_id else await self._rotas.of_tenant(tenant_id)


async def _still_there(unit: Unit, command: SendPage) -> None:
    """Raises PageAboutUnknown for a case or detection that nobody has to look at any more."""
    if command.about is PageAbout.CASE:
        case = await unit.load(CASE, command.about_id)
        there = case.state.open
    elif command.about is PageAbout.DETECTION:
        there = (await unit.load(SUBJECTS[SubjectKind.DETECTION], command.about_id)).state.exists
    else:
        return
    if not there:
        raise PageAboutUnknown("There is no such case or detection in this tenant, or it is closed.")
