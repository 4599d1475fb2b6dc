"""Opening sealed fields for a caller: by label and audience, and only once the access is on record."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from tenet.common.v1.common_pb2 import SealedText

from contracts.calls import Call
from contracts.events.base import Sealed
from contracts.ids import TenantId
from contracts.labels import Audience, Label, may_see
from infra.auth.access_log import AccessLog
from infra.disclosure.labelled import audience_of
from infra.event_store.limits import MAX_OPENED_AT_ONCE
from infra.event_store.openings import Erased, Openings


class Withheld(Enum):
    """Stands in the place of a value that its label keeps from this answer."""

    WITHHELD = "withheld"


Words = str | Erased | Withheld


@dataclass(frozen=True, slots=True)
class Opened:
    """What may be shown of the fields that were asked for."""

    words: Mapping[tuple[str, str], Words]

    def of(self, sealed: Sealed) -> Words:
        """A field that was not asked for is withheld."""
        return self.words.get((sealed.event_id, sealed.path), Withheld.WITHHELD)

    def text(self, sealed: Sealed | None) -> SealedText | None:
        """The field as a message of the wire; None for a field that was never there."""
        if sealed is None:
            return None
        match self.of(sealed):
            case Erased():
                return SealedText(erased=True)
            case Withheld():
                return SealedText(withheld=True)
            case str() as value:
                return SealedText(value=value)


class Opener:
    """`ancestors` are the entities above a tenant in its customer tree, as the directory knows them."""

    def __init__(
        self, openings: Openings, access_log: AccessLog, ancestors: Callable[[TenantId], Iterable[TenantId]]
    ) -> None:
        self._openings = openings
        self._access_log = access_log
        self._ancestors = ancestors

    async def open(
        self,
        call: Call,
        fields: Iterable[tuple[Sealed, Label]],
        *,
        purpose: str,
        audience: Audience | None = None,
        held_by: TenantId | None = None,
    ) -> Opened:
        """Opens what the caller may see, and what `audience` may see besides where one is named.

        `held_by` is the ledger that the fields lie in where it is not that of the call's tenant, such as the provider's
        for names of the tenant's people. The access is the call's tenant's all the same.

        The access is durable in the log before anything is opened. Raises StoreUnavailable, OpeningCorrupt, KeyMissing.
        """
        mine = audience_of(call, call.tenant_id, frozenset((call.tenant_id, *self._ancestors(call.tenant_id))))
        shown = {
            (sealed.event_id, sealed.path): sealed
            for sealed, label in fields
            if may_see(label, mine) and (audience is None or may_see(label, audience))
        }
        if not shown:
            return Opened({})
        subjects = sorted({sealed.subject for sealed in shown.values()})
        await self._access_log.record(call.tenant_id, call.actor.id, subjects=subjects, purpose=purpose)
        references = list(shown.values())
        words: dict[tuple[str, str], Words] = {}
        for start in range(0, len(references), MAX_OPENED_AT_ONCE):
            opened = await self._openings.open(
                held_by or call.tenant_id, references[start : start + MAX_OPENED_AT_ONCE]
            )
            words |= {(sealed.event_id, sealed.path): value for sealed, value in opened.items()}
        return Opened(words)
