"""What every document says of the entries that made it: where, when by both clocks, and by whom."""

from typing import Any

from contracts.calls import AuthenticatedBy
from contracts.events.base import Instant, Recorded, Value


class Stamp(Value):
    position: int
    occurred_at: Instant
    recorded_at: Instant
    actor_id: str
    authenticated_by: AuthenticatedBy
    home_tenant_id: str
    on_behalf_of: str | None

    @classmethod
    def of(cls, recorded: Recorded[Any]) -> "Stamp":
        actor = recorded.envelope.actor
        return cls(
            position=recorded.position,
            occurred_at=recorded.occurred_at,
            recorded_at=recorded.recorded_at,
            actor_id=actor.id,
            authenticated_by=actor.authenticated_by,
            home_tenant_id=actor.home_tenant_id,
            on_behalf_of=actor.on_behalf_of,
        )
