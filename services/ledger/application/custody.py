"""Legal holds and erasures: decided in the tenant's ledger first, carried out afterwards."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.calls import AuthenticatedBy, Call
from contracts.events.base import Recorded, Sealed, sealed_values
from contracts.events.ledger import FieldErased, LedgerExported, SubjectErased
from contracts.ids import StreamName, TenantId, derive_id, last_id_of, stream_name
from infra.disclosure.copies import ServerCopies
from infra.event_store.feed import Feed
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.mapper import Mapper
from infra.event_store.openings import Openings
from infra.event_store.repository import Aggregate, Repository
from infra.keys import KeyStore
from services.ledger.config import READ_BATCH
from services.ledger.domain import custody
from services.ledger.domain.custody import Custody, Person
from services.ledger.domain.custody_commands import (
    ApproveErasure,
    CarryOutErasure,
    CarryOutErasureAgain,
    Erase,
    PlaceHold,
    ReleaseHold,
)
from services.ledger.domain.errors import FieldUnknown, NothingToErase

CUSTODY = Aggregate(custody.CATEGORY, custody.initial, custody.evolve, snapshot=None)


@dataclass(frozen=True, slots=True)
class Traces:
    """Where an erased value stands in a ledger: places of its fields, and exports that may hold them."""

    fields: Sequence[tuple[str, str]]
    exports: Sequence[str]


@dataclass(frozen=True, slots=True)
class Keeping:
    """Decides on holds and erasures."""

    handler: CommandHandler
    repository: Repository
    feed: Feed
    openings: Openings

    async def state(self, tenant_id: TenantId, at: int | None = None) -> Custody:
        """As of now, or as it was known at a position."""
        return (await self.repository.load(tenant_id, CUSTODY, _id(tenant_id), at=at)).state

    async def place_hold(self, call: Call, command: PlaceHold) -> tuple[str, Committed]:
        hold_id = derive_id("hold", call.tenant_id, call.request_key)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(CUSTODY, _id(call.tenant_id))
            unit.append(loaded, custody.place_hold(hold_id, command))

        return hold_id, await self.handler.handle(call, command, work)

    async def release_hold(self, call: Call, command: ReleaseHold) -> Committed:
        """Raises HoldUnknown, HoldEnded, PersonNeeded, SecondPersonNeeded."""

        async def work(unit: Unit) -> None:
            loaded = await unit.load(CUSTODY, _id(call.tenant_id))
            unit.append(loaded, custody.release_hold(loaded.state, command, _person(call)))

        return await self.handler.handle(call, command, work)

    async def erase(self, call: Call, command: Erase) -> tuple[str, Committed]:
        """Raises NothingToErase, FieldUnknown, HoldStands, PersonNeeded."""
        erasure_id = derive_id("erasure", call.tenant_id, call.request_key)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(CUSTODY, _id(call.tenant_id))
            events = custody.request_erasure(loaded.state, erasure_id, command, _person(call))
            await self._must_be_there(call.tenant_id, command)
            unit.append(loaded, events)

        return erasure_id, await self.handler.handle(call, command, work)

    async def approve_erasure(self, call: Call, command: ApproveErasure) -> Committed:
        """Raises ErasureUnknown, ErasureDecided, PersonNeeded, SecondPersonNeeded, HoldStands."""

        async def work(unit: Unit) -> None:
            loaded = await unit.load(CUSTODY, _id(call.tenant_id))
            unit.append(loaded, custody.approve_erasure(loaded.state, command, _person(call)))

        return await self.handler.handle(call, command, work)

    async def _must_be_there(self, tenant_id: TenantId, command: Erase) -> None:
        if command.position is None or command.path is None:
            if not await self.openings.count(tenant_id, command.subject):
                raise NothingToErase("Nothing is sealed for this subject.")
            return
        sealed = await field_at(self.feed, tenant_id, command.position, command.path)
        if sealed is None or sealed.subject != command.subject:
            raise FieldUnknown("The entry sealed no such field of this subject.")
        if not await self.openings.find(tenant_id, [sealed]):
            raise NothingToErase("The field was erased already.")


@dataclass(frozen=True, slots=True)
class Erasing:
    """Carries recorded erasures out. Every step may be repeated: a crash in between is finished by the next attempt."""

    handler: CommandHandler
    feed: Feed
    mapper: Mapper
    openings: Openings
    copies: ServerCopies
    keys: KeyStore

    async def carry_out(
        self, call: Call, recorded: Recorded[SubjectErased] | Recorded[FieldErased], times: int = 0
    ) -> Committed:
        """Destroys key or field, deletes openings and the server's own copies, and records what is out of reach.

        `times` is how often that is on record already.
        """
        event, tenant_id = recorded.event, call.tenant_id
        traces = await self._traces(recorded)
        if isinstance(event, SubjectErased) and not await younger_key(self.keys, recorded):
            deleted = await self.openings.erase(tenant_id, event.subject)
        else:
            # Field by field: this one alone, or all of before, where an attempt that was cut off has destroyed their
            # key and the subject's present key seals what came since.
            deleted = 0
            for event_id, path in traces.fields:
                deleted += await self.openings.erase_field(tenant_id, event.subject, event_id, path)
        await self.copies.delete(tenant_id, traces.exports)
        named = {"tenant_id": tenant_id, "request_id": call.request_id, "erasure_id": event.erasure_id}
        first, again = CarryOutErasure, CarryOutErasureAgain
        command = again.model_validate({**named, "times": times}) if times else first.model_validate(named)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(CUSTODY, _id(tenant_id))
            exports = tuple(traces.exports)
            found = (len(traces.fields), deleted, exports)
            unit.append(loaded, custody.carry_out(loaded.state, event.erasure_id, *found, times=times))

        return await self.handler.handle(call, command, work)

    async def _traces(self, recorded: Recorded[SubjectErased] | Recorded[FieldErased]) -> Traces:
        """What lies before the erasure. The ledger is read once through; entries that cannot matter are not decoded."""
        event, positions, fields = recorded.event, set[int](), list[tuple[str, str]]()
        exports: list[LedgerExported] = []
        async for each in self._relevant(recorded):
            if isinstance(each.event, LedgerExported):
                exports.append(each.event)
            for _path, sealed in sealed_values(each.event):
                own = sealed.event_id == each.envelope.id and sealed.subject == event.subject
                wanted = not isinstance(event, FieldErased) or (each.position, sealed.path) == (
                    event.position,
                    event.path,
                )
                if own and wanted:
                    positions.add(each.position)
                    fields.append((sealed.event_id, sealed.path))
        covering = [
            export.export_id
            for export in exports
            if any(export.from_position <= position < export.to_position for position in positions)
        ]
        return Traces(fields, covering)

    async def _relevant(
        self, recorded: Recorded[SubjectErased] | Recorded[FieldErased]
    ) -> AsyncIterator[Recorded[SubjectErased | FieldErased | LedgerExported]]:
        subject, position = recorded.event.subject.encode(), 0
        while entries := await self.feed.read_entries(recorded.tenant_id, position, READ_BATCH, recorded.position):
            position = entries[-1].position + 1
            wanted = [entry for entry in entries if subject in entry.entry or entry.topic == LedgerExported.TOPIC]
            for each in self.mapper.decode_all(wanted):
                yield each


async def younger_key(keys: KeyStore, recorded: Recorded[Any]) -> bool:
    """Whether the erased subject has a key that was made after the erasure: what it seals came after, and stays."""
    key_id = await keys.present_key(recorded.tenant_id, recorded.event.subject)
    return key_id is not None and key_id > last_id_of("key", recorded.recorded_at)


async def field_at(feed: Feed, tenant_id: TenantId, position: int, path: str) -> Sealed | None:
    """The field that the entry at this position sealed itself; None where it only refers to one, or has none."""
    for recorded in await feed.read(tenant_id, position, 1):
        for _path, sealed in sealed_values(recorded.event):
            if recorded.position == position and sealed.path == path and sealed.event_id == recorded.envelope.id:
                return sealed
    return None


def custody_stream(tenant_id: TenantId) -> StreamName:
    """A ledger has one custody stream."""
    return stream_name(custody.CATEGORY, _id(tenant_id))


def _id(tenant_id: TenantId) -> str:
    return derive_id(custody.CATEGORY, tenant_id)


def _person(call: Call) -> Person:
    return Person(call.actor.id, call.actor.home_tenant_id, call.actor.authenticated_by is AuthenticatedBy.OIDC)
