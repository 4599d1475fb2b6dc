"""Who the people and machines are that a report speaks of: where they belong, and the reference to their name."""

from collections.abc import Sequence
from typing import Any

from contracts.events.base import Recorded, Sealed, Value
from contracts.events.tenancy import PrincipalKind, PrincipalRegistered
from contracts.ids import TenantId
from infra.read_database.views import DocumentView


class PersonRow(Value):
    kind: PrincipalKind
    home_tenant_id: TenantId
    display_name: Sealed


class People(DocumentView[PersonRow]):
    """Has rows of the provider's ledger only: that is where principals are registered."""

    NAME = "people"
    VERSION = 1
    TABLE = "people"
    TOPICS = frozenset({PrincipalRegistered})
    DOCUMENT = PersonRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.principal_id]

    def fold(self, key: str, document: PersonRow | None, recorded: Recorded[Any]) -> PersonRow | None:
        event = recorded.event
        return PersonRow(kind=event.kind, home_tenant_id=event.home_tenant_id, display_name=event.display_name)
