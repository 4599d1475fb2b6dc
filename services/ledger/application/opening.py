"""Sealed fields of entries, found by position and path, with the labels that cover them."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.calls import Call
from contracts.events.base import Sealed
from contracts.labels import Label
from infra.disclosure.labelled import labelled_values
from infra.disclosure.opener import Opened, Opener
from infra.event_store.feed import Feed
from services.ledger.domain.errors import FieldUnknown


@dataclass(frozen=True, slots=True)
class FieldRef:
    """`path` is the JSON pointer within the entry's `data`, as stored."""

    position: int
    path: str


@dataclass(frozen=True, slots=True)
class Opening:
    feed: Feed
    opener: Opener

    async def open_fields(self, call: Call, fields: Sequence[FieldRef], purpose: str) -> tuple[list[Sealed], Opened]:
        """The references, in the order asked for, and what the caller may see of them. Raises FieldUnknown.

        Label and reference are read from the entry itself: the caller names a place, and nothing that it could forge.
        """
        known: dict[FieldRef, tuple[Sealed, Label]] = {}
        for position in sorted({field.position for field in fields}):
            for recorded in await self.feed.read(call.tenant_id, position, 1):
                if recorded.position == position:
                    known |= {
                        FieldRef(position, sealed.path): (sealed, label)
                        for sealed, label in labelled_values(recorded.event)
                    }
        for field in fields:
            if field not in known:
                raise FieldUnknown("There is no such sealed field.", metadata={"position": str(field.position)})
        labelled = [known[field] for field in fields]
        opened = await self.opener.open(call, labelled, purpose=purpose)
        return [sealed for sealed, _ in labelled], opened
