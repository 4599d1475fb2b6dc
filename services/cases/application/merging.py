"""Commands that merge cases, take a merge back, split a case, and unlink a subject."""

from contracts.calls import Call
from contracts.events.case_work import LinkedSubject
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Loaded
from services.cases.application.aggregates import SUBJECTS
from services.cases.application.charters import Charters
from services.cases.application.grounds import actions_of, assets_of, loaded_case, required_subject
from services.cases.domain import merging as deciding
from services.cases.domain.action_end import settled
from services.cases.domain.case import Case, case_id_of, in_work
from services.cases.domain.errors import NotValidated, SubjectNotLinked, ValidationWithdrawn
from services.cases.domain.ruling import Situation, priority_of
from services.cases.domain.work_commands import MergeCase, SplitCase, UnlinkSubject, UnmergeCase


class Merging:
    def __init__(self, handler: CommandHandler, charters: Charters) -> None:
        self._handler, self._charters = handler, charters

    async def merge_case(self, call: Call, command: MergeCase) -> Committed:
        async def work(unit: Unit) -> None:
            await merge(unit, command)

        return await self._handler.handle(call, command, work)

    async def unmerge_case(self, call: Call, command: UnmergeCase) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            root = await loaded_case(unit, case.state.merged_into or command.case_id)
            of_case, of_root = deciding.unmerge_case(case.state, root.state, command)
            if len(of_root) > 1:
                await _nothing_under_way(unit, root.state)
            unit.append(case, of_case)
            unit.append(root, of_root)

        return await self._handler.handle(call, command, work)

    async def split_case(self, call: Call, command: SplitCase) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            kinds = {reference.id: reference.kind for reference in in_work(case.state).subjects}
            unknown = [subject_id for subject_id in command.subject_ids if subject_id not in kinds]
            if unknown:
                raise SubjectNotLinked("The case does not rest on this subject.", metadata={"subject_id": unknown[0]})
            taken = [await required_subject(unit, kinds[each], each) for each in command.subject_ids]
            subjects = tuple(each.state for each in taken)
            first = await loaded_case(unit, case_id_of(command.tenant_id, subjects[0]))
            found = await self._charters.find(unit)
            assets = await assets_of(unit, {asset_id for each in subjects for asset_id in each.asset_ids})
            level, rule = priority_of(found.force.charter if found else None, Situation(subjects, assets, call.now))
            line = found.force.cite(f"priorities/{rule}") if found and rule is not None else None
            if found is not None and line is not None:
                unit.cite(found.fact)
            new_id, of_new, of_old = deciding.split_case(
                case.state,
                command,
                [(each.state, each.version) for each in taken],
                first.state,
                call.request_key,
                (level, line),
            )
            if len(of_old) > 1:
                await _nothing_under_way(unit, case.state)
            unit.append(await loaded_case(unit, new_id), of_new)
            unit.append(case, of_old)

        return await self._handler.handle(call, command, work)

    async def unlink_subject(self, call: Call, command: UnlinkSubject) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            events = deciding.unlink_subject(case.state, command)
            if len(events) > 1:
                await _nothing_under_way(unit, case.state)
            unit.append(case, events)

        return await self._handler.handle(call, command, work)


async def merge(unit: Unit, command: MergeCase) -> tuple[Loaded[Case], Loaded[Case]]:
    """Decides a merge within a unit of work, and appends it; the two cases as they were."""
    case = await loaded_case(unit, command.case_id)
    into = await loaded_case(unit, command.into_case_id)
    of_case, of_root = deciding.merge_case(case.state, into.state, command, await _brought(unit, case.state))
    await _nothing_under_way(unit, case.state)
    unit.append(case, of_case)
    unit.append(into, of_root)
    return case, into


async def _brought(unit: Unit, case: Case) -> list[LinkedSubject]:
    """The subjects that stand, held still by the append; what was withdrawn stays behind."""
    found: list[LinkedSubject] = []
    for reference in case.subjects:
        loaded = await unit.load(SUBJECTS[reference.kind], reference.id)
        unit.require(loaded)
        try:
            found.append(deciding.linked(loaded.state, loaded.version))
        except (NotValidated, ValidationWithdrawn):
            continue
    return found


async def _nothing_under_way(unit: Unit, case: Case) -> None:
    """Raises ActionsOpen where a plan would fall whose actions nobody would follow any more."""
    for plan in case.every_plan:
        settled([action for _, action in await actions_of(unit, plan)], verdict_withdrawn=False)
