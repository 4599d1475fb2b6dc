"""Orders by signed webhook: an OpenC2 command as the body, Standard Webhooks in the headers."""

import ipaddress
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import aiohttp
import structlog
from standardwebhooks.webhooks import Webhook

from services.cases.config import ConnectorConfig
from services.cases.connectors.openc2_body import COMMAND_TYPE, command_body, query_body
from services.cases.connectors.port import Acknowledged, NotSeen, Order, Refused, Unknown

MAX_ANSWER_BYTES = 65_536
MAX_TEXT = 300
HEALTH_SECONDS = 5.0
"""How long a health answer is believed."""
_TAKEN = frozenset({102, 200})
"""OpenC2: processing, OK."""

log = structlog.get_logger()


class ConnectorMisconfigured(ValueError):
    """The receiver would be reached in the clear over a network, or would vouch for itself."""


class OpenC2Webhook:
    rehearsal: ClassVar[bool] = False

    def __init__(self, config: ConnectorConfig, *, monotonic: Callable[[], float] = time.monotonic) -> None:
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
        answer = _understood(*await self._post(order.action_id, command_body(order)))
        if isinstance(answer, NotSeen):
            return Refused("404", "The receiver does not know the target or the path.")
        return answer

    async def find(self, order: Order) -> Acknowledged | Refused | NotSeen | Unknown:
        return _understood(*await self._post(f"query-{order.action_id}", query_body(order)))

    async def read_back(self, target: str) -> dict[str, str] | Unknown:
        url = f"{self._config.read_back_url}/{quote(target, safe='')}"
        headers = {"Authorization": f"Bearer {self._config.read_back_token}"}
        status, content = await self._fetch("GET", url, headers, None)
        if status != 200 or not isinstance(content, dict):
            return Unknown(f"HTTP_{status}")
        return {str(name): str(value) for name, value in content.items()}

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
                return answer.status, _json(await answer.content.read(MAX_ANSWER_BYTES))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.info("connector_no_answer", connector=self.name, error=type(error).__name__)
            return 0, None


def _understood(status: int, content: Any) -> Acknowledged | Refused | NotSeen | Unknown:
    """What an answer says. Only a clear yes or no of the receiver counts; all else leaves the outcome unknown."""
    if status == 0:
        return Unknown("NO_ANSWER")
    said = content.get("status") if isinstance(content, dict) else None
    if not isinstance(said, int) or said != status:
        return Unknown(f"UNINTELLIGIBLE_{status}")
    if said in _TAKEN:
        return Acknowledged(_receipt(content))
    if said == 404:
        return NotSeen()
    if 400 <= said < 500 or said == 501:
        return Refused(str(said), str(content.get("status_text", ""))[:MAX_TEXT])
    return Unknown(f"STATUS_{said}")


def _receipt(content: dict[str, Any]) -> str:
    results = content.get("results")
    own = results.get("x-tenet") if isinstance(results, dict) else None
    return str(own.get("receipt", ""))[:MAX_TEXT] if isinstance(own, dict) else ""


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _check(config: ConnectorConfig) -> None:
    for url in (config.url, config.health_url or config.url, config.read_back_url):
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            raise ConnectorMisconfigured(
                f"The connector {config.name} has an address that is neither HTTPS nor loopback."
            )
    if not config.secret or not config.read_back_token or config.secret == config.read_back_token:
        raise ConnectorMisconfigured(f"The connector {config.name} needs two different credentials.")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
