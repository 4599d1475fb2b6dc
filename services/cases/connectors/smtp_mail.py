"""Messages by mail: one SMTP conversation a message (RFC 5321), the message as RFC 5322 writes it."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from ssl import SSLContext, create_default_context

import aiosmtplib
import structlog

from services.cases.config import SmtpConfig
from services.cases.connectors.addresses import is_loopback
from services.cases.connectors.messages import Message
from services.cases.connectors.port import Acknowledged, ConnectorMisconfigured, Refused, Unknown

MAX_DETAIL = 300
MAX_TITLE = 200

log = structlog.get_logger()


class SmtpMail:
    def __init__(self, config: SmtpConfig, *, tls: SSLContext | None = None) -> None:
        """`tls` checks the relay's certificate; the system's authorities by default. Raises ConnectorMisconfigured."""
        if config.tls == "none" and (config.password or not is_loopback(config.host)):
            raise ConnectorMisconfigured(f"The messenger {config.name} would speak in the clear over a network.")
        if "@" not in config.sender:
            raise ConnectorMisconfigured(f"The messenger {config.name} has no sender's address.")
        self.name = config.name
        self._config = config
        self._tls = tls or create_default_context()

    async def send(self, message: Message) -> Acknowledged | Refused | Unknown:
        """Until the content is handed over, whatever goes wrong means that nothing was taken."""
        client = self._client()
        try:
            await client.connect()
            if self._config.username:
                await client.login(self._config.username, self._config.password)
            await client.mail(self._config.sender)
            await client.rcpt(message.address)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            return _refusal(error)
        try:
            answer = await client.data(_content(self._config.sender, message))
        except aiosmtplib.SMTPResponseException as error:
            return _refusal(error)
        except (aiosmtplib.SMTPException, OSError) as error:
            log.warning("mail_outcome_unknown", messenger=self.name, error=type(error).__name__)
            return Unknown(type(error).__name__)
        finally:
            client.close()
        return Acknowledged(answer.message[:MAX_DETAIL])

    async def close(self) -> None:
        return None

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._config.host,
            port=self._config.port,
            timeout=self._config.timeout_seconds,
            use_tls=self._config.tls == "implicit",
            start_tls=self._config.tls == "starttls",
            tls_context=self._tls if self._config.tls != "none" else None,
        )


def _content(sender: str, message: Message) -> bytes:
    """A plain text mail whose subject says who may see it (TLP 2.0) and whose headers ask machines not to answer."""
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = sender
    mail["To"] = message.address
    mail["Subject"] = f"[{message.label.value}] {' '.join(message.title.split())[:MAX_TITLE]}"
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{message.message_id}@{sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    return mail.as_bytes()


def _refusal(error: Exception) -> Refused:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Refused(f"SMTP_{error.code}", error.message[:MAX_DETAIL], transient=400 <= error.code < 500)
    return Refused("NOT_REACHED", type(error).__name__, transient=True)
