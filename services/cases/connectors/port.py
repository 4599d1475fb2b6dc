"""What the service asks of whatever carries actions out at a customer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class ConnectorMisconfigured(ValueError):
    """A connector that would speak in the clear over a network, would vouch for itself, or that others may alter."""


@dataclass(frozen=True, slots=True)
class Order:
    """One action as it is sent. `action_id` is the receiver's key against a second effect."""

    action_id: str
    tenant_id: str
    action: str
    argument: str
    target: str
    """The receiver's own identifier of the target."""
    account: bool
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    receipt: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver said no, or was not reached: nothing has happened there. Where `transient`, a later try may help."""

    reason: str
    detail: str
    transient: bool = False


@dataclass(frozen=True, slots=True)
class NotSeen:
    """The receiver answers that it never took this order."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, or none that can be understood: nobody can tell from here what is so."""

    reason: str


class Connector(Protocol):
    """One way to a receiver. Methods answer and do not raise; nothing in an answer is proof of an effect."""

    @property
    def name(self) -> str: ...

    @property
    def rehearsal(self) -> bool:
        """Whether orders go nowhere."""
        ...

    async def healthy(self) -> bool: ...

    async def send(self, order: Order) -> Acknowledged | Refused | Unknown:
        """Hands one order over. Sending the same order twice has one effect, as far as the receiver keeps its word."""
        ...

    async def find(self, order: Order) -> Acknowledged | Refused | NotSeen | Unknown:
        """What became of an order that may have been sent."""
        ...

    async def read_back(self, target: str) -> dict[str, str] | Unknown:
        """The target's state, by another path and with another credential than `send` uses."""
        ...

    async def close(self) -> None: ...
