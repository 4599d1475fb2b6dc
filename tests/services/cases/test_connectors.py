"""What leaves by webhook, and what is made of the strangest answers."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from contracts.ids import TenantId
from services.cases.config import OpenC2WebhookConfig
from services.cases.connectors.openc2_body import command_body
from services.cases.connectors.openc2_webhook import OpenC2Webhook
from services.cases.connectors.port import Acknowledged, ConnectorMisconfigured, NotSeen, Order, Refused, Unknown
from services.cases.connectors.registry import Connectors
from services.cases.connectors.rehearsal import Rehearsal
from services.cases.domain.errors import ConnectorUnknown

SECRET = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
ORDER = Order("action-1", "clinic", "contain", "network", "host-1", False, datetime(2026, 11, 24, tzinfo=UTC))


def config(url: str = "http://127.0.0.1:1", **changes: Any) -> OpenC2WebhookConfig:
    fields = {
        "name": "edr",
        "kind": "openc2_webhook",
        "url": f"{url}/openc2",
        "secret": SECRET,
        "health_url": f"{url}/health",
        "read_back_url": f"{url}/state",
        "read_back_token": "reading",
        "timeout_seconds": 0.3,
    }
    return OpenC2WebhookConfig.model_validate(fields | changes)


@asynccontextmanager
async def receiver(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[OpenC2Webhook]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    connector = OpenC2Webhook(config(f"http://127.0.0.1:{runner.addresses[0][1]}"))
    try:
        yield connector
    finally:
        await connector.close()
        await runner.cleanup()


def test_the_body_is_an_openc2_command_in_the_declared_profile() -> None:
    assert json.loads(command_body(ORDER)) == {
        "action": "contain",
        "target": {"device": {"device_id": "host-1"}},
        "args": {"response_requested": "complete", "stop_time": 1795478400000, "x-tenet": {"scope": "network"}},
        "actuator": {"x-tenet": {"tenant": "clinic"}},
        "command_id": "action-1",
    }
    account = Order("action-2", "clinic", "set", "roles_reduced", "acct", True, None)
    assert json.loads(command_body(account))["target"] == {"x-tenet:account": {"account_id": "acct"}}


async def test_the_order_is_signed_as_standard_webhooks_asks_and_bears_the_actions_identifier() -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        return web.json_response({"status": 200, "results": {"x-tenet": {"receipt": "r"}}})

    async with receiver(answer) as connector:
        assert await connector.send(ORDER) == Acknowledged("r")
    ((headers, body),) = seen
    assert Webhook(SECRET).verify(body, headers)["command_id"] == "action-1"
    assert headers["webhook-id"] == "action-1"
    assert headers["Content-Type"] == "application/openc2-cmd+json;version=1.0"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"status": 200}', Acknowledged("")),
        (102, b'{"status": 102}', Unknown("NO_ANSWER")),
        (200, b"OK", Unknown("UNINTELLIGIBLE_200")),
        (200, b'{"status": 403}', Unknown("UNINTELLIGIBLE_200")),
        (200, b'{"status": "200"}', Unknown("UNINTELLIGIBLE_200")),
        (200, b"[" * 50_000, Unknown("UNINTELLIGIBLE_200")),
        (200, b"x" * 1_000_000, Unknown("UNINTELLIGIBLE_200")),
        (302, b"", Unknown("UNINTELLIGIBLE_302")),
        (403, b'{"status": 403, "status_text": "no"}', Refused("403", "no")),
        (403, b"forbidden by a proxy", Unknown("UNINTELLIGIBLE_403")),
        (404, b'{"status": 404}', NotSeen()),
        (404, b"no such page", Unknown("UNINTELLIGIBLE_404")),
        (500, b'{"status": 500}', Unknown("STATUS_500")),
        (501, b'{"status": 501}', Refused("501", "")),
    ],
)
async def test_only_a_clear_word_of_the_receiver_counts(status: int, body: bytes, expected: object) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers={"Location": "http://127.0.0.1:1/elsewhere"})

    async with receiver(answer) as connector:
        assert await connector.find(ORDER) == expected


async def test_a_receiver_that_is_not_there_is_unhealthy_and_leaves_the_outcome_unknown() -> None:
    connector = OpenC2Webhook(config())
    assert await connector.send(ORDER) == Unknown("NO_ANSWER")
    assert await connector.read_back("host-1") == Unknown("HTTP_0")
    assert not await connector.healthy()
    await connector.close()


async def test_the_state_is_read_by_another_credential_and_an_awkward_name_stays_in_its_place() -> None:
    seen: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.rel_url.raw_path, request.headers.get("Authorization", "")))
        return web.json_response({"network": "isolated"})

    async with receiver(answer) as connector:
        assert await connector.read_back("../control?x") == {"network": "isolated"}
    assert seen == [("/state/..%2Fcontrol%3Fx", "Bearer reading")]


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://edr.example.org/openc2"},
        {"read_back_url": "http://10.0.0.1/state"},
        {"secret": ""},
        {"read_back_token": SECRET},
    ],
)
def test_a_receiver_in_the_clear_or_one_that_vouches_for_itself_is_no_connector(changes: dict[str, Any]) -> None:
    with pytest.raises(ConnectorMisconfigured):
        OpenC2Webhook(config(**changes))


async def test_a_customers_own_connector_is_for_that_customer_alone() -> None:
    connectors = Connectors({"edr": Rehearsal("edr")}, {"edr": ("clinic",)})
    assert connectors.get(TenantId("clinic"), "edr").name == "edr"
    assert connectors.names_for(TenantId("retailer")) == ()
    with pytest.raises(ConnectorUnknown):
        connectors.get(TenantId("retailer"), "edr")


async def test_a_rehearsal_never_acknowledges() -> None:
    rehearsal = Rehearsal("rehearsal")
    assert rehearsal.rehearsal
    assert isinstance(await rehearsal.send(ORDER), Refused)
    assert await rehearsal.find(ORDER) == NotSeen()
    assert isinstance(await rehearsal.read_back("host-1"), Unknown)
