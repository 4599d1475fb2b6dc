"""Orders by signed webhook: an OpenC2 command as the body, Standard Webhooks in the headers."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

import aiohttp
import structlog
from standardwebhooks.webhooks import Webhook

from services.cases.config import OpenC2WebhookConfig
from services.cases.connectors.addresses import check_url
from services.cases.connectors.openc2_answer import MAX_ANSWER_BYTES, json_of, of_sending, state_of, understood
from services.cases.connectors.openc2_body import COMMAND_TYPE, command_body, query_body
from services.cases.connectors.port import Acknowledged, ConnectorMisconfigured, NotSeen, Order, Refused, Unknown

HEALTH_SECONDS = 5.0
"""How long a health answer is believed."""

log = structlog.get_logger()


class OpenC2Webhook:
    rehearsal: ClassVar[bool] = False

    def __init__(self, config: OpenC2WebhookConfig, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Raises ConnectorMisconfigured."""
        _check(config)
        self.name = config.name
        self._config, self._monotonic = config, monotonic
        self._webhook = Webhook(config.secret)
        self._session: aiohttp.ClientSession | None = None
        self._health: tuple[float, bool] | None = None

    async def healthy(self) -> bool:
        now = self._monotonic()
        if self._health is not None and now - self._health[0] < HEALTH_SECONDS:
            return self._health[1]
        status, _ = await self._fetch("GET", self._config.health_url or self._config.url, {}, None)
        self._health = (now, 200 <= status < 300)
        return self._health[1]

    async def send(self, order: Order) -> Acknowledged | Refused | Unknown:
        return of_sending(understood(*await self._post(order.action_id, command_body(order))))

    async def find(self, order: Order) -> Acknowledged | Refused | NotSeen | Unknown:
        return understood(*await self._post(f"query-{order.action_id}", query_body(order)))

    async def read_back(self, target: str) -> dict[str, str] | Unknown:
        url = f"{self._config.read_back_url}/{quote(target, safe='')}"
        headers = {"Authorization": f"Bearer {self._config.read_back_token}"}
        status, content = await self._fetch("GET", url, headers, None)
        state = state_of(content) if status == 200 else None
        return Unknown(f"HTTP_{status}") if state is None else state

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, message_id: str, body: bytes) -> tuple[int, Any]:
        moment = datetime.now(UTC)
        headers = {
            "Content-Type": COMMAND_TYPE,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self._webhook.sign(message_id, moment, body.decode()),
        }
        return await self._fetch("POST", self._config.url, headers, body)

    async def _fetch(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> tuple[int, Any]:
        """HTTP status and JSON content; status 0 when there was no answer, content None when it was no JSON."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._config.timeout_seconds)
            # A redirect would carry a signed order to somebody else; cookies have no business here.
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._session.request(method, url, headers=headers, data=body, allow_redirects=False) as answer:
                return answer.status, json_of(await answer.content.read(MAX_ANSWER_BYTES))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.info("connector_no_answer", connector=self.name, error=type(error).__name__)
            return 0, None


def _check(config: OpenC2WebhookConfig) -> None:
    for url in (config.url, config.health_url or config.url, config.read_back_url):
        check_url(config.name, url)
    if not config.secret or not config.read_back_token or config.secret == config.read_back_token:
        raise ConnectorMisconfigured(f"The connector {config.name} needs two different credentials.")
