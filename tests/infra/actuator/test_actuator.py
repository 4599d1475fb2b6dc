"""The reference actuator over real HTTP: what it believes, what it does once, and how it can be made to misbehave."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout, web
from standardwebhooks.webhooks import Webhook

from infra.actuator.application import Actuator
from infra.actuator.credentials import Credentials
from infra.actuator.state import ActuatorState, Behaviour


class Customer:
    """Sends as a connector would."""

    def __init__(self, url: str, credentials: Credentials, session: ClientSession) -> None:
        self.url, self.credentials, self.session = url, credentials, session

    async def send(
        self, command: Any, *, identifier: str = "", secret: str = "", at: datetime | None = None, tamper: bytes = b""
    ) -> tuple[int, Any]:
        body = command if isinstance(command, bytes) else json.dumps(command).encode()
        moment = at or datetime.now(UTC)
        name = identifier or (command.get("command_id", "id") if isinstance(command, dict) else "id")
        signature = Webhook(secret or self.credentials.webhook).sign(name, moment, body.decode("utf-8", "replace"))
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signature,
        }
        async with self.session.post(f"{self.url}/openc2", data=body + tamper, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith("{") else None

    async def get(self, path: str, token: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token or self.credentials.reading}"}
        async with self.session.get(f"{self.url}/{path}", headers=headers) as answer:
            return answer.status, await answer.json()

    async def behave(self, behaviour: Any, token: str = "") -> int:
        headers = {"Authorization": f"Bearer {token or self.credentials.control}"}
        async with self.session.post(f"{self.url}/control", json=behaviour, headers=headers) as answer:
            return answer.status


@pytest.fixture
async def customer(tmp_path: Path) -> AsyncIterator[Customer]:
    credentials = Credentials.of(tmp_path / "secrets")
    state = ActuatorState(tmp_path / "state.sqlite")
    runner = web.AppRunner(Actuator(state, credentials, hang_seconds=0.3).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with ClientSession(timeout=ClientTimeout(total=5)) as session:
        yield Customer(url, credentials, session)
    await runner.cleanup()
    state.close()


def contain(identifier: str = "action-1", target: str = "host-1", action: str = "contain") -> dict[str, Any]:
    return {
        "action": action,
        "target": {"device": {"device_id": target}},
        "args": {"x-tenet": {"scope": "network"}},
        "command_id": identifier,
    }


def ask(identifier: str) -> dict[str, Any]:
    target = {"x-tenet:command": {"command_id": identifier}}
    return {"action": "query", "target": target, "command_id": f"query-{identifier}"}


async def test_a_signed_command_takes_effect_once_however_often_it_comes(customer: Customer) -> None:
    first = await customer.send(contain())
    again = await customer.send(contain())
    assert first == again
    assert first[0] == first[1]["status"] == 200
    assert await customer.get("state/host-1") == (200, {"network": "isolated"})
    assert await customer.get("effects/action-1") == (200, {"effects": 1})


async def test_nothing_is_done_on_a_wrong_an_old_or_a_stolen_signature(customer: Customer) -> None:
    other = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
    assert (await customer.send(contain(), secret=other))[0] == 401
    assert (await customer.send(contain(), at=datetime.now(UTC) - timedelta(hours=1)))[0] == 401
    assert (await customer.send(contain(), tamper=b" "))[0] == 401
    assert (await customer.send(contain("action-2"), identifier="action-1"))[0] == 400
    assert await customer.get("state/host-1") == (200, {})


@pytest.mark.parametrize(
    "command",
    [
        b"not json",
        b"[]",
        b"[" * 30_000,
        {"action": "contain"},
        {**contain(), "target": {"device": {}, "file": {}}},
        {**contain(), "target": {"email_addr": "a@b"}},
        {**contain(), "args": {}},
        {**contain(), "command_id": ""},
        {**contain(), "target": {"device": {"device_id": "x" * 300}}},
    ],
)
async def test_what_is_no_command_is_refused_and_remembered_nowhere(customer: Customer, command: Any) -> None:
    status, _ = await customer.send(command, identifier="action-1")
    assert status == 400
    assert (await customer.send(ask("action-1")))[0] == 404


async def test_an_action_outside_the_profile_is_not_implemented(customer: Customer) -> None:
    assert (await customer.send(contain(action="detonate")))[0] == 501


async def test_the_reading_path_and_the_control_have_credentials_of_their_own(customer: Customer) -> None:
    assert (await customer.get("state/host-1", customer.credentials.webhook))[0] == 401
    assert (await customer.get("state/host-1", customer.credentials.control))[0] == 401
    assert await customer.behave({"behaviour": "lie"}, customer.credentials.reading) == 401
    assert await customer.behave({"behaviour": "dance"}) == 400
    assert await customer.behave(["lie"]) == 400


@pytest.mark.parametrize(
    ("behaviour", "status", "effects", "known"),
    [
        (Behaviour.REFUSE, 403, 0, 403),
        (Behaviour.LIE, 200, 0, 200),
        (Behaviour.FAIL, 500, 0, 404),
        (Behaviour.FAIL_AFTER, 500, 1, 200),
        (Behaviour.HANG, 504, 0, 404),
        (Behaviour.HANG_AFTER, 504, 1, 200),
    ],
)
async def test_each_misbehaviour_does_what_its_name_says(
    customer: Customer, behaviour: Behaviour, status: int, effects: int, known: int
) -> None:
    assert await customer.behave({"behaviour": behaviour.value, "target": "host-1"}) == 200
    assert (await customer.send(contain()))[0] == status
    assert await customer.get("effects/action-1") == (200, {"effects": effects})
    assert (await customer.send(ask("action-1")))[0] == known
    assert (await customer.send(contain("action-2", "host-2")))[0] == 200


async def test_its_state_survives_it(tmp_path: Path) -> None:
    state = ActuatorState(tmp_path / "state.sqlite")
    state.behave("host-1", Behaviour.LIE)
    state.close()
    again = ActuatorState(tmp_path / "state.sqlite")
    assert again.behaviour_for("host-1") is Behaviour.LIE
    assert again.behaviour_for("host-2") is Behaviour.OBEY
    again.close()
