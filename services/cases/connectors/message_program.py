"""Messages by an operator's own program: JSON on its standard input, its exit status as the answer.

The input is `{"message_id", "address", "label", "title", "text"}`; the program knows a second copy by `message_id`. It
says with 0 that it took the message over, and prints a receipt; with a status of `sysexits.h` (64 to 78) that it did
not, 75 (EX_TEMPFAIL) that a later try may help. After any other end nobody knows, and the message is not sent again.
"""

import os

from contracts.canonical import encode
from services.cases.config import MessageProgramConfig
from services.cases.connectors.messages import Message
from services.cases.connectors.port import Acknowledged, Refused, Unknown
from services.cases.connectors.programs import NotStarted, check, run

MAX_RECEIPT = 300
REFUSALS = range(os.EX_USAGE, os.EX_CONFIG + 1)


class MessageProgram:
    def __init__(self, config: MessageProgramConfig) -> None:
        """Raises ConnectorMisconfigured."""
        check(config.name, config.program)
        self.name = config.name
        self._config = config

    async def send(self, message: Message) -> Acknowledged | Refused | Unknown:
        given = {
            "message_id": message.message_id,
            "address": message.address,
            "label": message.label.value,
            "title": message.title,
            "text": message.text,
        }
        try:
            ended = await run(self.name, self._config.program, encode(given), self._config.timeout_seconds)
        except NotStarted:
            return Refused("NOT_STARTED", "The program could not be started.")
        if isinstance(ended, Unknown):
            return ended
        said = ended.output.decode(errors="replace").strip()[:MAX_RECEIPT]
        if ended.code == os.EX_OK:
            return Acknowledged(said)
        if ended.code in REFUSALS:
            return Refused(f"EXIT_{ended.code}", said, transient=ended.code == os.EX_TEMPFAIL)
        return Unknown(f"EXIT_{ended.code}")

    async def close(self) -> None:
        return None
