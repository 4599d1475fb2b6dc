"""Opens a closed ledger again that was restored: it must be, entry for entry, what was signed of it.

Nothing is decided here, so it takes no second person and no new origin: either the whole check finds nothing, and the
log goes on where its head ends, or the ledger stays closed. It is the way for the provider's own ledger too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from contracts.ids import TenantId
from infra.event_store.placements import Placements
from infra.transparency.ledger_check import LedgerChecked
from services.ledger.application.checking import Checking
from services.ledger.domain.errors import LedgerNotClosed, LedgerNotRestored

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpeningRestored:
    checking: Checking
    placements: Placements

    async def open_restored(self, tenant_id: TenantId, held: Sequence[bytes]) -> LedgerChecked:
        """`held` are checkpoints from elsewhere: the only thing that tells of a log that was rolled back together with
        its ledger. Raises LedgerNotClosed, LedgerNotRestored, and what a check raises."""
        self.placements.forget(tenant_id)
        if not (await self.placements.find(tenant_id)).read_only:
            raise LedgerNotClosed("This ledger takes appends; there is nothing to open.")
        checked = await self.checking.check_ledger(tenant_id, held)
        found = checked.findings
        if found.count:
            for each in found.found:
                log.error("log.not_restored", tenant=tenant_id, kind=each.kind.value, place=each.place)
            raise LedgerNotRestored(
                f"The ledger is not what was signed of it: {found.count} findings.",
                metadata={"findings": str(found.count), "first_position": str(found.first_position)},
            )
        await self.placements.reopen(tenant_id)
        log.warning("log.ledger_restored", tenant=tenant_id, entries=checked.entries)
        return checked
