"""A process whose clock goes back an hour: what it wants recorded is refused and waits, and is done once afterwards."""

import asyncio
import json
from pathlib import Path

import pytest

from contracts.events.messages import MessageAccepted, MessageAttempted, MessageDispatched
from contracts.ids import TenantId
from services.cases.config import MessengerConfig
from tests.faults.test_pages_survive_kills import _events, _reachable
from tests.faults.timers import Worker, _send
from tests.fixtures.customers import eventually
from tests.fixtures.platform import new_platform
from tests.services.cases.people.test_pages_reach_people import Room, chat

LIMIT_SECONDS = 60.0
AN_HOUR_BACK = -3_600.0
WRONG_SECONDS = 5.0
"""How long the clock is wrong: some attempts of the rule that wants to write, which pauses ever longer between them."""


@pytest.mark.timeout(180)
async def test_what_a_process_with_a_clock_an_hour_behind_wants_recorded_waits_and_is_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room()
    with new_platform() as platform:
        await platform.prepare()
        settings, ahead, log = tmp_path / "settings.json", tmp_path / "ahead", tmp_path / "worker.log"
        settings.write_text(platform.settings_of("cases").model_dump_json())
        async with chat(room) as webhook, platform.running() as running:
            configs: list[MessengerConfig] = [webhook]
            listed = tmp_path / "connectors.json"
            listed.write_text(json.dumps([each.model_dump(mode="json") for each in configs]))
            monkeypatch.setenv("TENET_CASES_CONNECTORS_FILE", str(listed))
            tenant_id = TenantId(await running.onboard())
            await _reachable(running.cases, configs)
            worker = Worker(settings, ahead, log, "with-the-stores")
            worker.put(0.0)
            worker.start()
            try:
                await eventually(lambda: _says(log, "nobody_on_call", tenant_id), LIMIT_SECONDS)
                worker.put(AN_HOUR_BACK)
                await _send(running.cases, tenant_id, 1)
                await eventually(lambda: _says(log, "ledger.clock_refused"), LIMIT_SECONDS)
                await asyncio.sleep(WRONG_SECONDS)
                assert await _events(running.cases, tenant_id) == []
                worker.put(0.0)

                async def arrived() -> bool:
                    return "MessageAccepted" in await _events(running.cases, tenant_id)

                await eventually(arrived, LIMIT_SECONDS)
            finally:
                worker.kill()
            done = [each.__name__ for each in (MessageDispatched, MessageAttempted, MessageAccepted)]
            assert await _events(running.cases, tenant_id) == done
    assert len(room.seen) == 1


async def _says(log: Path, *words: str) -> bool:
    return any(all(word in line for word in words) for line in log.read_text().splitlines())
