"""A process that is killed -9 while it hands an order over: it takes effect once, and what became of it is known."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.commands import Command
from contracts.events.base import Sealed
from contracts.events.cases import ActionDispatched, ActionFact, ResponseType
from contracts.events.subjects import SubjectKind, SubjectRef
from contracts.ids import PROVIDER, TenantId, new_id
from infra.event_store.handler import Unit
from infra.event_store.ledger import Ledger
from services.cases.application.aggregates import ACTION
from services.cases.config import OpenC2WebhookConfig
from tests.faults.timers import Worker
from tests.fixtures.customers import eventually
from tests.fixtures.platform import new_platform, request_id

LIMIT_SECONDS = 60.0
BEFORE, AFTER = "before the effect", "after the effect"


class Receiver:
    """Takes orders over HTTP. The first time that it sees one it does not answer, before or after the effect."""

    def __init__(self) -> None:
        self.hang: str = AFTER
        self.hung: set[str] = set()
        self.orders: list[str] = []
        self.taken: set[str] = set()
        self.effects: list[str] = []

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/health", self.health)
        application.router.add_post("/openc2", self.openc2)
        application.router.add_get("/state/{target}", self.state)
        return application

    async def health(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def openc2(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["action"] == "query":
            known = body["target"]["x-tenet:command"]["command_id"] in self.taken
            return _said(200 if known else 404)
        command_id = body["command_id"]
        self.orders.append(command_id)
        first = command_id not in self.hung
        self.hung.add(command_id)
        if first and self.hang == BEFORE:
            await asyncio.Event().wait()
        self.taken.add(command_id)
        self.effects.append(body["target"]["device"]["device_id"])
        if first:
            await asyncio.Event().wait()
        return _said(200)

    async def state(self, request: web.Request) -> web.Response:
        isolated = request.match_info["target"] in self.effects
        return web.json_response({"network": "isolated" if isolated else "connected"})


def _said(status: int) -> web.Response:
    return web.json_response({"status": status, "results": {"x-tenet": {"receipt": "r-1"}}}, status=status)


async def _dispatched(ledger: Ledger, tenant_id: TenantId, target: str) -> str:
    """Has an intent recorded, as a dispatch would have; its action."""
    action_id, call = new_id("action"), _call(tenant_id)
    subject = SubjectRef(kind=SubjectKind.DETECTION, id=new_id("detection"), stream_version=1, validation_position=0)
    event = ActionDispatched(
        action_id=action_id,
        attempt=1,
        basis=ActionFact(
            case_id=new_id("case"),
            plan_id=new_id("plan"),
            plan_digest="0" * 64,
            step_id="isolate",
            subject=subject,
            approval_positions=(),
            preauthorisation_position=None,
        ),
        response_type=ResponseType.CONTAIN,
        action="contain",
        target_asset_id=new_id("asset"),
        argument="network",
        connector="edr",
        target=Sealed.of(target, subject=new_id("asset")),
        verify_by="read_back",
        expires_at=None,
        reverses_action_id=None,
    )

    async def work(unit: Unit) -> None:
        unit.append(await unit.load(ACTION, action_id), [event])

    await ledger.handler.handle(call, Command(tenant_id=tenant_id, request_id=call.request_id), work)
    return action_id


def _call(tenant_id: TenantId) -> Call:
    actor = Actor(new_id("principal"), AuthenticatedBy.OIDC, PROVIDER)
    return Call(tenant_id, actor, "/test/Dispatch", request_id(), datetime.now(UTC))


async def _stages(ledger: Ledger, tenant_id: TenantId, action_id: str) -> list[str]:
    found = await ledger.feed.read(tenant_id, 0, 1_000)
    mine = (each.event for each in found if getattr(each.event, "action_id", None) == action_id)
    return [type(event).__name__ for event in mine]


@pytest.mark.timeout(240)
async def test_an_order_in_flight_when_its_process_is_killed_takes_effect_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver()
    runner = web.AppRunner(receiver.application(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    connector = OpenC2WebhookConfig(
        name="edr",
        url=f"{url}/openc2",
        secret="whsec_dGVuZXQtdGVuZXQtdGVuZXQtdGVuZXQ=",
        health_url=f"{url}/health",
        read_back_url=f"{url}/state",
        read_back_token="reading",
        timeout_seconds=30.0,
    )
    listed = tmp_path / "connectors.json"
    listed.write_text(json.dumps([connector.model_dump(mode="json")]))
    monkeypatch.setenv("TENET_CASES_CONNECTORS_FILE", str(listed))
    try:
        with new_platform() as platform:
            await platform.prepare()
            settings, ahead = tmp_path / "settings.json", tmp_path / "ahead"
            settings.write_text(platform.settings_of("cases").model_dump_json())
            worker = Worker(settings, ahead, tmp_path / "worker.log")
            worker.put(0.0)
            async with platform.running() as running:
                tenant_id = TenantId(await running.onboard())
                for moment, orders in ((AFTER, 1), (BEFORE, 2)):
                    receiver.hang = moment
                    target = f"host-{moment.split()[0]}"
                    action_id = await _dispatched(running.cases, tenant_id, target)
                    await _killed_in_flight(worker, receiver, action_id)
                    assert await _stages(running.cases, tenant_id, action_id) == ["ActionDispatched"]
                    worker.start()
                    try:
                        await _settled(running.cases, tenant_id, action_id)
                    finally:
                        worker.kill()
                    assert receiver.orders.count(action_id) == orders
                    assert receiver.effects.count(target) == 1
    finally:
        await runner.cleanup()


async def _killed_in_flight(worker: Worker, receiver: Receiver, action_id: str) -> None:
    worker.start()
    try:

        async def in_flight() -> bool:
            return action_id in receiver.orders and (receiver.hang == BEFORE or action_id in receiver.taken)

        await eventually(in_flight, LIMIT_SECONDS)
    finally:
        worker.kill()


async def _settled(ledger: Ledger, tenant_id: TenantId, action_id: str) -> None:
    async def verified() -> Any:
        stages = await _stages(ledger, tenant_id, action_id)
        return stages == ["ActionDispatched", "ActionAcknowledged", "ActionVerified"]

    await eventually(verified, LIMIT_SECONDS)
