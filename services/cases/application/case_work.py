"""Commands on cases: open, link, assign, note, evidence, close, reopen."""

from contracts.calls import Call
from infra.event_store.handler import CommandHandler, Committed, Unit
from services.cases.application.aggregates import SUBJECTS
from services.cases.application.charters import Charters
from services.cases.application.grounds import (
    actions_of,
    anything_stands,
    assets_of,
    loaded_case,
    required_subject,
)
from services.cases.domain import case_life as deciding
from services.cases.domain.action_end import settled
from services.cases.domain.case import case_id_of, in_work
from services.cases.domain.commands import (
    AddEvidence,
    AddNote,
    AssignCase,
    CloseCase,
    LinkSubject,
    OpenCase,
    ReopenCase,
    TakeUpAgain,
)
from services.cases.domain.ruling import Situation, priority_of
from services.cases.domain.tasks import closing_tasks
from services.cases.domain.work_commands import AddClosingTasks


class CaseWork:
    def __init__(self, handler: CommandHandler, charters: Charters) -> None:
        self._handler, self._charters = handler, charters

    async def open_case(self, call: Call, command: OpenCase) -> Committed:
        async def work(unit: Unit) -> None:
            subject = await required_subject(unit, command.subject_kind, command.subject_id)
            case_id = case_id_of(command.tenant_id, subject.state)
            case = await loaded_case(unit, case_id)
            found = await self._charters.find(unit)
            assets = await assets_of(unit, subject.state.asset_ids)
            situation = Situation((subject.state,), assets, call.now)
            priority, rule = priority_of(found.force.charter if found else None, situation)
            line = found.force.cite(f"priorities/{rule}") if found and rule is not None else None
            if found is not None and line is not None:
                unit.cite(found.fact)
            event = deciding.open_case(case.state, command, subject.state, subject.version, priority, line)
            unit.append(case, [event])

        return await self._handler.handle(call, command, work)

    async def link_subject(self, call: Call, command: LinkSubject) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            in_work(case.state)
            subject = await required_subject(unit, command.subject_kind, command.subject_id)
            unit.append(case, [deciding.link_subject(case.state, subject.state, subject.version)])

        return await self._handler.handle(call, command, work)

    async def take_up_again(self, call: Call, command: TakeUpAgain) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            subject = await required_subject(unit, command.subject_kind, command.subject_id)
            unit.append(case, deciding.take_up_again(case.state, subject.state, subject.version))

        return await self._handler.handle(call, command, work)

    async def add_closing_tasks(self, call: Call, command: AddClosingTasks) -> Committed:
        """Nothing without a charter, which then asks for nothing."""

        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            found = await self._charters.find(unit)
            if found is None:
                return
            subject = await unit.load(SUBJECTS[command.subject_kind], command.subject_id)
            added = closing_tasks(case.state, subject.state, found.force.charter)
            if added:
                unit.cite(found.fact)
            unit.append(case, added)

        return await self._handler.handle(call, command, work)

    async def assign_case(self, call: Call, command: AssignCase) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, deciding.assign_case(case.state, command))

        return await self._handler.handle(call, command, work)

    async def add_note(self, call: Call, command: AddNote) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [deciding.add_note(case.state, command, call.request_key)])

        return await self._handler.handle(call, command, work)

    async def add_evidence(self, call: Call, command: AddEvidence) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [deciding.add_evidence(case.state, command, call.request_key)])

        return await self._handler.handle(call, command, work)

    async def close_case(self, call: Call, command: CloseCase) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            in_work(case.state)
            stands = await anything_stands(unit, case.state)
            merged = [(await loaded_case(unit, each)).state for each in case.state.merged_cases]
            tasks = sum(len(each.open_tasks) for each in merged)
            event = deciding.close_case(case.state, command, verdict_stands=stands, open_tasks=tasks)
            withdrawn = command.outcome == deciding.OUTCOME_WITHDRAWN
            for plan in (plan for each in (case.state, *merged) for plan in each.every_plan):
                settled([action for _, action in await actions_of(unit, plan)], verdict_withdrawn=withdrawn)
            unit.append(case, [event])

        return await self._handler.handle(call, command, work)

    async def reopen_case(self, call: Call, command: ReopenCase) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [deciding.reopen_case(case.state, command)])

        return await self._handler.handle(call, command, work)
