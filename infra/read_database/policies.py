"""What a policy is: a rule that answers an event with one of its own service's commands."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.events.base import Event, Recorded
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.telemetry import current_traceparent

Clock = Callable[[], datetime]
"""Gives the present instant, aware, in UTC."""


class Activation(Enum):
    """Where a policy that is new to a service begins in the ledgers of tenants that are there already."""

    HEAD = "head"
    """After everything that is recorded: a new rule does not act on history."""
    START = "start"
    """At position 0: for a rule whose whole history must be worked off."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The event that a policy reacts to, as the origin of calls."""

    policy_id: str
    recorded: Recorded[Any]
    clock: Clock

    def call(self, ordinal: int = 0, tenant_id: TenantId | None = None) -> Call:
        """A call whose request id is always the same for this policy, event, target tenant and ordinal.

        `ordinal` tells several commands of one reaction apart; `tenant_id` is the target where it is not the event's
        own tenant. The trace and the correlation of the event go on in the call.
        """
        source, envelope = self.recorded.tenant_id, self.recorded.envelope
        target = tenant_id or source
        return Call(
            tenant_id=target,
            actor=Actor(f"policy:{self.policy_id}", AuthenticatedBy.SERVICE, PROVIDER),
            rpc=f"policy:{self.policy_id}",
            request_id=derive_id("request", self.policy_id, source, self.recorded.position, target, ordinal),
            now=self.clock(),
            roles=frozenset({Role.SERVICE}),
            correlation_id=envelope.correlation_id,
            causation=self.recorded.position if target == source else None,
            trace_parent=current_traceparent() or envelope.trace_parent,
        )


class Policy:
    """One rule. Subclass it in `services/<service>/policies/<command>_when_<event>.py`.

    `ID` is fixed for ever: renaming the file or the class changes nothing. `react` issues commands with `origin.call()`
    and may be called again for the same event; the request id makes the second effect the first one. It raises what the
    application raises: domain errors are recorded and skipped, others are tried again and then parked.
    """

    ID: ClassVar[str]
    TOPICS: ClassVar[frozenset[type[Event]]]
    ACTIVATION: ClassVar[Activation] = Activation.HEAD

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        raise NotImplementedError
