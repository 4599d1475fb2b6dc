"""A hunt from its question to its place in the ledger."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from contracts.calls import Call
from contracts.events.detections import HuntKind
from contracts.ids import derive_id
from infra.auth.access_log import AccessLog
from infra.event_store.handler import CommandHandler, Unit
from services.detections.application.aggregates import HUNT
from services.detections.application.hunts import sql_hunts
from services.detections.application.hunts.selection import Period, Selecting
from services.detections.config import MAX_HUNTS_AT_ONCE
from services.detections.domain import hunt
from services.detections.domain.commands import CompleteHunt
from services.detections.domain.errors import HuntsBusy

SUBJECT = "archived telemetry"
PURPOSE = "hunt"


@dataclass(frozen=True, slots=True)
class Question:
    """`text` is the SQL; `reason` is why it is asked."""

    kind: HuntKind
    text: str
    reason: str
    period: Period


@dataclass(frozen=True, slots=True)
class Progress:
    files: int
    files_in_all: int
    records: int


@dataclass(frozen=True, slots=True)
class Result:
    hunt_id: str
    records: int
    found: int
    truncated: bool
    missing_hours: tuple[datetime, ...]
    detection_ids: tuple[str, ...]
    position: int


Step = Progress | sql_hunts.Answer | Result


class Hunting:
    def __init__(
        self,
        handler: CommandHandler,
        selecting: Selecting,
        access_log: AccessLog,
    ) -> None:
        self._handler, self._selecting, self._access_log = handler, selecting, access_log
        self._places = asyncio.Semaphore(MAX_HUNTS_AT_ONCE)

    async def hunt(self, call: Call, question: Question) -> AsyncIterator[Step]:
        """How far it is, what was found, and last of all what is on record.

        The access is in the log before anything is opened. Raises HuntsBusy, HuntTooLarge, HuntRefused, HuntTooSlow,
        HuntFailed, ObjectCorrupt, StoreUnavailable.
        """
        if self._places.locked():
            raise HuntsBusy("As many hunts as this service makes at once are under way.")
        async with self._places:
            files = await self._selecting.listed(call.tenant_id, question.period)
            await self._access_log.record(call.tenant_id, call.actor.id, subjects=[SUBJECT], purpose=PURPOSE)
            yield Progress(0, len(files), 0)
            async with self._selecting.opened(call.tenant_id, files) as selected:
                yield Progress(len(selected.files), len(files), selected.records)
                answer = await sql_hunts.answer(question.text, selected.paths)
            yield answer
            command = CompleteHunt(
                tenant_id=call.tenant_id,
                request_id=call.request_id,
                hunt_id=derive_id("hunt", call.request_key),
                kind=question.kind,
                question=question.text,
                reason=question.reason,
                start=question.period.start,
                end=question.period.end,
                files=len(selected.files),
                records=selected.records,
                missing_hours=len(set(selected.gone)),
                found=len(answer.rows),
                truncated=answer.truncated,
            )
            position = await self._record(call, command)
            yield Result(
                command.hunt_id,
                selected.records,
                len(answer.rows),
                answer.truncated,
                tuple(sorted(set(selected.gone))),
                (),
                position,
            )

    async def _record(self, call: Call, command: CompleteHunt) -> int:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(HUNT, command.hunt_id)
            unit.append(loaded, hunt.complete(loaded.state, command, ()))

        return (await self._handler.handle(call, command, work)).position
