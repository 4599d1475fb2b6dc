"""A real SMTP server on loopback whose answers a test decides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.cases.config import SmtpConfig


class Mailbox:
    """Takes mail as it is told to."""

    def __init__(self, recipient: str = "250 OK", content: str = "250 taken as 42", hold: bool = False) -> None:
        self.recipient, self.content, self.hold = recipient, content, hold
        self.mails: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802  # the server finds it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(  # noqa: N802  # the server finds it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.mails.append(envelope)
        if self.hold:
            await asyncio.sleep(3)
        return self.content


@asynccontextmanager
async def relay(mailbox: Mailbox) -> AsyncIterator[SmtpConfig]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield SmtpConfig(
            name="mail", host="127.0.0.1", port=port, tls="none", sender="tenet@provider.example", timeout_seconds=1.0
        )
    finally:
        server.close()
        await server.wait_closed()
