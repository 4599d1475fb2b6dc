"""Messages into a chat room by an incoming webhook: `{"text": …}` as Slack takes it, and many others too.

Where a secret is configured they are signed as Standard Webhooks has it; rooms that do not know it pass over it.
"""

import json
from datetime import UTC, datetime

import aiohttp
import structlog
from standardwebhooks.webhooks import Webhook

from services.cases.config import ChatWebhookConfig
from services.cases.connectors.addresses import check_url
from services.cases.connectors.messages import Message
from services.cases.connectors.port import Acknowledged, Refused, Unknown

MAX_TEXT = 30_000
"""Characters of a message; Slack cuts beyond 40,000 bytes."""
MAX_DETAIL = 300
TOO_MANY = 429

log = structlog.get_logger()


class ChatWebhook:
    def __init__(self, config: ChatWebhookConfig) -> None:
        """Raises ConnectorMisconfigured."""
        check_url(config.name, config.url)
        self.name = config.name
        self._config = config
        self._webhook = Webhook(config.secret) if config.secret else None
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Acknowledged | Refused | Unknown:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._config.timeout_seconds)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        body = json.dumps({"text": _text(message)})
        headers = {"Content-Type": "application/json", **self._signature(message.message_id, body)}
        try:
            # A redirect would show the message to somebody else.
            async with self._session.post(
                self._config.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                said = (await answer.content.read(MAX_DETAIL)).decode(errors="replace")
                return _understood(answer.status, said)
        except aiohttp.ClientConnectorError:
            return Refused("NOT_REACHED", "No connection to the room's webhook.", transient=True)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("chat_outcome_unknown", messenger=self.name, error=type(error).__name__)
            return Unknown(type(error).__name__)

    def _signature(self, message_id: str, body: str) -> dict[str, str]:
        if self._webhook is None:
            return {}
        moment = datetime.now(UTC)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self._webhook.sign(message_id, moment, body),
        }

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _understood(status: int, said: str) -> Acknowledged | Refused | Unknown:
    if 200 <= status < 300:
        return Acknowledged(said)
    if 400 <= status < 500:
        return Refused(f"HTTP_{status}", said, transient=status == TOO_MANY)
    return Unknown(f"HTTP_{status}")


def _text(message: Message) -> str:
    """Slack gives `&`, `<` and `>` a meaning, so a message's own are escaped as it asks."""
    whole = f"[{message.label.value}] {message.title}\n\n{message.text}"[:MAX_TEXT]
    return whole.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
