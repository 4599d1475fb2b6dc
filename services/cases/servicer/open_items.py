"""What a shift hands over, out of the read models once they have reached every ledger's head."""

from contracts.events.people import HandoverItem, HandoverItemKind, LedgerPosition
from contracts.ids import PROVIDER, TenantId
from infra.event_store.feed import Feed
from infra.read_database.policies import Clock
from infra.read_database.reader.conditions import ascending, at_most, equal, one_of
from infra.read_database.reader.pages import PageRequest
from infra.read_database.reader.queries import Reader
from services.cases.domain.acknowledgement import URGENT
from services.cases.domain.handover import MAX_ITEMS, Open
from services.cases.domain.people_errors import HandoverTooLarge
from services.cases.domain.rota import Rota
from services.cases.projections import CASES, PENDING_APPROVALS


class OpenItemsInViews:
    def __init__(self, reader: Reader, feed: Feed, clock: Clock) -> None:
        self._reader, self._feed, self._clock = reader, feed, clock

    async def __call__(self, rota: Rota) -> Open:
        """Raises HandoverTooLarge, NotYetApplied when the views do not catch up in time."""
        tenants = rota.rules.tenant_ids
        items = [
            HandoverItem(
                kind=HandoverItemKind.GAP, tenant_id=PROVIDER, id=gap_id, version=f"{gap.end:%Y-%m-%dT%H:%M:%SZ}"
            )
            for gap_id, gap in rota.gaps
        ]
        positions = [LedgerPosition(tenant_id=PROVIDER, position=await self._feed.head(PROVIDER) - 1)]
        for tenant_id in tenants:
            head = await self._feed.head(tenant_id) - 1
            await self._reader.waited(tenant_id, head, None, CASES, PENDING_APPROVALS)
            positions.append(LedgerPosition(tenant_id=tenant_id, position=head))
            items += await self._of_tenant(tenant_id)
        if len(items) > MAX_ITEMS:
            raise HandoverTooLarge(f"More than {MAX_ITEMS} items are open; divide the group.")
        return Open(items, positions)

    async def _of_tenant(self, tenant_id: TenantId) -> list[HandoverItem]:
        most = PageRequest(MAX_ITEMS + 1)
        cases = await CASES.list(
            self._reader,
            [tenant_id],
            [equal("open", True), one_of("priority", [each.value for each in URGENT])],
            [ascending("priority")],
            most,
        )
        waiting = await PENDING_APPROVALS.list(
            self._reader,
            [tenant_id],
            [equal("waiting", True), at_most("sufficient_until", self._clock())],
            [ascending("priority")],
            most,
        )
        return [
            *(_item(HandoverItemKind.CASE, tenant_id, found.key, "") for found in cases.items),
            *(_item(HandoverItemKind.APPROVAL, tenant_id, row.key, row.document.digest) for row in waiting.items),
        ]


def _item(kind: HandoverItemKind, tenant_id: TenantId, identifier: str, version: str) -> HandoverItem:
    return HandoverItem(kind=kind, tenant_id=tenant_id, id=identifier, version=version)
