"""Messages over a real SMTP server and a real HTTP receiver, and the strangest things that they answer."""

import asyncio
import email
import email.policy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from contracts.labels import Label
from services.cases.config import ChatWebhookConfig, SmtpConfig
from services.cases.connectors.chat_webhook import ChatWebhook
from services.cases.connectors.messages import Message
from services.cases.connectors.port import Acknowledged, ConnectorMisconfigured, Refused, Unknown
from services.cases.connectors.smtp_mail import SmtpMail
from tests.services.cases.mail_relay import Mailbox, relay

MESSAGE = Message(
    "message-1", "anna@clinic.example", Label.AMBER, "clinic: your decision\r\nBcc: x@y.example", "Wörter & <b>\n"
)


async def test_a_mail_arrives_once_with_its_label_and_an_identifier_of_its_own() -> None:
    mailbox = Mailbox()
    async with relay(mailbox) as config:
        messenger = SmtpMail(config)
        assert await messenger.send(MESSAGE) == Acknowledged("taken as 42")
    (envelope,) = mailbox.mails
    assert envelope.rcpt_tos == ["anna@clinic.example"]
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert mail["Message-ID"] == "<message-1@provider.example>"
    assert mail["Subject"].startswith("[TLP:AMBER] clinic: your decision")
    assert mail["Bcc"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n") == MESSAGE.text


@pytest.mark.parametrize(
    ("mailbox", "answer"),
    [
        (Mailbox(recipient="550 no such person"), Refused("SMTP_550", "no such person")),
        (Mailbox(recipient="451 later"), Refused("SMTP_451", "later", transient=True)),
        (Mailbox(content="552 too big"), Refused("SMTP_552", "too big")),
        (Mailbox(hold=True), Unknown("SMTPReadTimeoutError")),
    ],
)
async def test_what_a_relay_answers_is_told_apart(mailbox: Mailbox, answer: Refused | Unknown) -> None:
    async with relay(mailbox) as config:
        messenger = SmtpMail(config)
        assert await messenger.send(MESSAGE) == answer


async def test_a_relay_that_is_away_has_taken_nothing() -> None:
    config = SmtpConfig(name="mail", host="127.0.0.1", port=1, tls="none", sender="a@b.example", timeout_seconds=1.0)
    assert await SmtpMail(config).send(MESSAGE) == Refused("NOT_REACHED", "SMTPConnectError", transient=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "relay.example", "tls": "none"},
        {"host": "127.0.0.1", "tls": "none", "password": "secret"},
        {"sender": "nobody"},
    ],
)
def test_a_messenger_does_not_speak_in_the_clear_over_a_network(changes: dict[str, Any]) -> None:
    fields = {"name": "mail", "host": "relay.example", "sender": "a@b.example"} | changes
    with pytest.raises(ConnectorMisconfigured):
        SmtpMail(SmtpConfig.model_validate(fields))


@asynccontextmanager
async def room(status: int, said: str, seen: list[Any]) -> AsyncIterator[ChatWebhook]:
    async def answer(request: web.Request) -> web.Response:
        seen.append(await request.json())
        if status == 0:
            await asyncio.sleep(2)
        return web.Response(status=status or 200, text=said)

    application = web.Application()
    application.router.add_post("/services/T/B/secret", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/services/T/B/secret"
    messenger = ChatWebhook(ChatWebhookConfig(name="chat", url=url, timeout_seconds=0.5))
    try:
        yield messenger
    finally:
        await messenger.close()
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "said", "answer"),
    [
        (200, "ok", Acknowledged("ok")),
        (404, "no_team", Refused("HTTP_404", "no_team")),
        (429, "slower", Refused("HTTP_429", "slower", transient=True)),
        (500, "oh", Unknown("HTTP_500")),
        (302, "elsewhere", Unknown("HTTP_302")),
        (0, "late", Unknown("ConnectionTimeoutError")),
    ],
)
async def test_what_a_room_answers_is_told_apart(
    status: int, said: str, answer: Acknowledged | Refused | Unknown
) -> None:
    seen: list[Any] = []
    async with room(status, said, seen) as messenger:
        got = await messenger.send(MESSAGE)
    if isinstance(answer, Unknown) and status == 0:
        assert isinstance(got, Unknown)
    else:
        assert got == answer
    (body,) = seen
    assert body["text"].startswith("[TLP:AMBER] clinic: your decision")
    assert body["text"].endswith("Wörter &amp; &lt;b&gt;\n")
    assert json.dumps(body)


def test_the_url_of_a_room_is_never_shown() -> None:
    config = ChatWebhookConfig(name="chat", url="https://chat.example/secret")
    assert "secret" not in repr(config)
    with pytest.raises(ConnectorMisconfigured) as refused:
        ChatWebhook(ChatWebhookConfig(name="chat", url="http://chat.example/secret"))
    assert "secret" not in str(refused.value)
