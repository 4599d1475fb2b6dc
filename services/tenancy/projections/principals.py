"""The view of principals: the provider's and its customers' people and machines."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Sealed, Value
from contracts.events.tenancy import IdentityLinked, PrincipalDeactivated, PrincipalKind, PrincipalRegistered
from contracts.ids import TenantId
from infra.read_database.views import DocumentView


class PrincipalDocument(Value):
    """`identities` is how many (issuer, subject) pairs count as this principal; which ones is not kept here."""

    principal_id: str
    kind: PrincipalKind
    home_tenant_id: TenantId
    display_name: Sealed
    identities: int
    active: bool
    registered_at: Instant


class Principals(DocumentView[PrincipalDocument]):
    NAME = "principals"
    VERSION = 1
    TABLE = "principals"
    TOPICS = frozenset({PrincipalRegistered, IdentityLinked, PrincipalDeactivated})
    COLUMNS: ClassVar[Mapping[str, str]] = {"home": "text"}
    DOCUMENT = PrincipalDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.principal_id]

    def fold(self, key: str, document: PrincipalDocument | None, recorded: Recorded[Any]) -> PrincipalDocument | None:
        match recorded.event:
            case PrincipalRegistered() as event:
                return PrincipalDocument(
                    principal_id=key,
                    kind=event.kind,
                    home_tenant_id=event.home_tenant_id,
                    display_name=event.display_name,
                    identities=1 if event.identity else 0,
                    active=True,
                    registered_at=recorded.occurred_at,
                )
            case IdentityLinked() if document is not None:
                return document.model_copy(update={"identities": document.identities + 1})
            case PrincipalDeactivated() if document is not None:
                return document.model_copy(update={"active": False})
            case _:
                return document

    def columns(self, document: PrincipalDocument) -> Mapping[str, object]:
        return {"home": document.home_tenant_id}
