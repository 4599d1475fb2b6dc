"""The view of tenants: each with its place in its customer tree, its state, and where its data lives."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Sealed, Value
from contracts.events.tenancy import (
    TenantActivated,
    TenantClosed,
    TenantLeavingStarted,
    TenantOnboarded,
    TenantPlaced,
    TenantResumed,
    TenantSuspended,
)
from contracts.ids import TenantId
from infra.read_database.views import DocumentView
from services.tenancy.domain.tenant import Status


class TenantDocument(Value):
    """`export_sha256` and `exported_entries` stand once the tenant is closed."""

    tenant_id: TenantId
    parent_tenant_id: TenantId | None
    display_name: Sealed
    status: Status
    region: str
    retention_days: int
    time_zone: str
    onboarded_at: Instant
    cell: str = ""
    export_sha256: str = ""
    exported_entries: int = 0


class Tenants(DocumentView[TenantDocument]):
    NAME = "tenants"
    VERSION = 1
    TABLE = "tenants"
    TOPICS = frozenset(
        {
            TenantOnboarded,
            TenantPlaced,
            TenantActivated,
            TenantSuspended,
            TenantResumed,
            TenantLeavingStarted,
            TenantClosed,
        }
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {"parent": "text", "status": "text"}
    DOCUMENT = TenantDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.tenant_id]

    def fold(self, key: str, document: TenantDocument | None, recorded: Recorded[Any]) -> TenantDocument | None:
        event = recorded.event
        if isinstance(event, TenantOnboarded):
            return TenantDocument(
                tenant_id=TenantId(key),
                parent_tenant_id=event.parent_tenant_id,
                display_name=event.display_name,
                status=Status.ONBOARDING,
                region=event.region,
                retention_days=event.retention_days,
                time_zone=event.time_zone,
                onboarded_at=recorded.occurred_at,
            )
        return None if document is None else document.model_copy(update=_change(event))

    def columns(self, document: TenantDocument) -> Mapping[str, object]:
        return {"parent": document.parent_tenant_id, "status": document.status.value}


def _change(event: object) -> dict[str, object]:
    match event:
        case TenantPlaced(cell=cell, region=region):
            return {"cell": cell, "region": region}
        case TenantActivated() | TenantResumed():
            return {"status": Status.ACTIVE}
        case TenantSuspended():
            return {"status": Status.SUSPENDED}
        case TenantLeavingStarted():
            return {"status": Status.LEAVING}
        case TenantClosed(export_sha256=sha256, entries=entries):
            return {"status": Status.CLOSED, "export_sha256": sha256, "exported_entries": entries}
        case _:
            return {}
