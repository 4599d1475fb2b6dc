"""What the service asks of whatever carries a message to a person."""

from dataclasses import dataclass
from typing import Protocol

from contracts.labels import Label
from services.cases.connectors.port import Acknowledged, Refused, Unknown


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person. `message_id` is the same at every try, so that a second copy can be known as one."""

    message_id: str
    address: str
    """The recipient as the messenger writes it: a mail address; empty where the messenger has only one place."""
    label: Label
    title: str
    text: str


class Messenger(Protocol):
    """One way to people. Nothing that it answers says that somebody has read the message."""

    @property
    def name(self) -> str: ...

    async def send(self, message: Message) -> Acknowledged | Refused | Unknown:
        """Hands the message over once. Unknown: it may have gone out, so it must not be sent again unasked."""
        ...

    async def close(self) -> None: ...
