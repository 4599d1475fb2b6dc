"""What an export says of each sealed field: its value with the salt, or that it is erased, or withheld by its label."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from contracts.events.base import Recorded
from contracts.ids import TenantId
from contracts.labels import Audience, Label, may_see
from infra.disclosure.labelled import labelled_values
from infra.event_store.commands import Opening
from infra.event_store.openings import Openings
from infra.event_store.sealing import OpeningCorrupt, unseal
from infra.keys import KeyStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpeningLines:
    openings: Openings
    keys: KeyStore

    async def of(
        self, tenant_id: TenantId, events: Sequence[Recorded[Any]], audience: Audience
    ) -> list[dict[str, Any]]:
        """A line for each field that these events sealed, in order: `position`, `path`, `subject` and the outcome.

        The outcome is `salt` and `value`, `erased`, `withheld` with the label, or `corrupt` for an opening that
        somebody damaged: one of them must not keep everything else from being handed out. With the salt anyone can
        check the value against the commitment in the entry. A field that only refers to what an earlier event sealed
        has no line: that event's has. Raises KeyMissing, StoreUnavailable.
        """
        fields = [
            (recorded.position, sealed, label)
            for recorded in events
            for sealed, label in labelled_values(recorded.event)
            if sealed.event_id == recorded.envelope.id
        ]
        shown = [sealed for _, sealed, label in fields if may_see(label, audience)]
        found = {(each.event_id, each.path): each for each in await self.openings.find(tenant_id, shown)}
        lines: list[dict[str, Any]] = []
        for position, sealed, label in fields:
            line: dict[str, Any] = {"position": position, "path": sealed.path, "subject": sealed.subject}
            opening = found.get((sealed.event_id, sealed.path))
            lines.append(line | await self._outcome(tenant_id, sealed.commitment, opening, label, audience))
        return lines

    async def _outcome(
        self, tenant_id: TenantId, commitment: str, opening: Opening | None, label: Label, audience: Audience
    ) -> dict[str, Any]:
        if not may_see(label, audience):
            return {"withheld": label.value}
        if opening is None:
            return {"erased": True}
        key = await self.keys.find_subject_key(tenant_id, opening.subject, opening.key_id)
        if key is None:
            return {"erased": True}
        try:
            salt, value = unseal(tenant_id, opening, commitment, key.key)
        except OpeningCorrupt:
            log.exception("opening_corrupt", tenant=tenant_id, event_id=opening.event_id, path=opening.path)
            return {"corrupt": True}
        return {"salt": urlsafe_b64encode(salt).rstrip(b"=").decode(), "value": value}
