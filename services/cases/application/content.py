"""Commands on what a case holds: tasks, observables, evidence files and their custody."""

from collections.abc import Sequence

from contracts.calls import Call
from contracts.events.base import Sealed
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.openings import Openings
from infra.event_store.repository import Repository
from infra.keys import KeyStore
from infra.object_store import ObjectStore
from services.cases.application.aggregates import SUBJECTS
from services.cases.application.grounds import loaded_case
from services.cases.application.tenant_index import TenantIndex
from services.cases.domain import evidence_files, observables, tasks
from services.cases.domain.work_commands import (
    AddObservable,
    AddTask,
    AssignTask,
    CompleteTask,
    CopyEvidence,
    DrawTraces,
    DropTask,
    KeepEvidenceFile,
    RemoveObservable,
    TransferCustody,
)


class Content:
    def __init__(
        self,
        handler: CommandHandler,
        repository: Repository,
        openings: Openings,
        objects: ObjectStore,
        keys: KeyStore,
    ) -> None:
        self._handler, self._repository, self._openings = handler, repository, openings
        self._objects, self._keys = objects, keys

    async def add_task(self, call: Call, command: AddTask) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [tasks.add_task(case.state, command, call.request_key)])

        return await self._handler.handle(call, command, work)

    async def assign_task(self, call: Call, command: AssignTask) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [tasks.assign_task(case.state, command)])

        return await self._handler.handle(call, command, work)

    async def complete_task(self, call: Call, command: CompleteTask) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [tasks.complete_task(case.state, command)])

        return await self._handler.handle(call, command, work)

    async def drop_task(self, call: Call, command: DropTask) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [tasks.drop_task(case.state, command)])

        return await self._handler.handle(call, command, work)

    async def add_observable(self, call: Call, command: AddObservable) -> Committed:
        index = TenantIndex(await self._keys.search_key(command.tenant_id))

        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [observables.add_observable(case.state, command, index)])

        return await self._handler.handle(call, command, work)

    async def remove_observable(self, call: Call, command: RemoveObservable) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, [observables.remove_observable(case.state, command)])

        return await self._handler.handle(call, command, work)

    async def draw_traces(self, call: Call, command: DrawTraces) -> Committed:
        """Opens what the subject's observables say, outside of the decision: an opening can only go."""
        index = TenantIndex(await self._keys.search_key(command.tenant_id))
        subject = await self._repository.load(command.tenant_id, SUBJECTS[command.subject_kind], command.subject_id)
        described = await self._described(call, subject.state.observables)

        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            loaded = await unit.load(SUBJECTS[command.subject_kind], command.subject_id)
            unit.append(case, observables.draw_traces(case.state, loaded.state, described, index))

        return await self._handler.handle(call, command, work)

    async def _described(self, call: Call, references: Sequence[Sealed]) -> list[tuple[str, str]]:
        opened = await self._openings.open(call.tenant_id, references)
        texts = [(opened.get(reference), reference.subject) for reference in references]
        return [(text, subject) for text, subject in texts if isinstance(text, str)]

    async def keep_evidence_file(self, call: Call, command: KeepEvidenceFile, data: bytes) -> Committed:
        """The bytes are durable before the event that names them."""

        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            event = evidence_files.keep_evidence_file(case.state, command, call.request_key)
            await self._objects.put(command.tenant_id, data)
            unit.append(case, [event])

        return await self._handler.handle(call, command, work)

    async def transfer_custody(self, call: Call, command: TransferCustody) -> Committed:
        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            unit.append(case, evidence_files.transfer_custody(case.state, command, call.actor.id))

        return await self._handler.handle(call, command, work)

    async def copy_evidence(self, call: Call, command: CopyEvidence) -> tuple[Committed, bytes]:
        """The file, verified against its hash, once it is on record that this person took a copy."""

        async def work(unit: Unit) -> None:
            case = await loaded_case(unit, command.case_id)
            event = evidence_files.copy_evidence(case.state, command)
            await self._objects.get(command.tenant_id, event.sha256)
            unit.append(case, [event])

        done = await self._handler.handle(call, command, work)
        return done, await self._objects.get(command.tenant_id, done.recorded[0].event.sha256)
