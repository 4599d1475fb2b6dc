"""A process that is killed -9 while it hands a page over: the page is never sent again that way, and still arrives."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from contracts.events.messages import MessageAccepted, MessageAttempted, MessageDispatched, MessageLost
from contracts.ids import PROVIDER, TenantId
from contracts.roles import Role
from infra.event_store.ledger import Ledger
from services.cases.application.contacts import Contacts
from services.cases.config import MessengerConfig
from services.cases.connectors.registry import Connectors
from services.cases.domain.people_commands import PageWayGiven, SetPageContact
from tests.faults.timers import PEOPLE, Worker, _call, _send
from tests.fixtures.customers import eventually
from tests.fixtures.platform import new_platform
from tests.services.cases.mail_relay import Mailbox, relay
from tests.services.cases.people.test_pages_reach_people import Room, chat

LIMIT_SECONDS = 60.0


class Held(Mailbox):
    """Takes a mail in and does not answer."""

    async def handle_DATA(  # noqa: N802  # the server finds it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.mails.append(envelope)
        await asyncio.Event().wait()
        return self.content


async def _events(ledger: Ledger, tenant_id: TenantId) -> list[str]:
    kinds = (MessageDispatched, MessageAttempted, MessageAccepted, MessageLost)
    found = await ledger.feed.read(tenant_id, 0, 1_000)
    return [type(entry.event).__name__ for entry in found if isinstance(entry.event, kinds)]


@pytest.mark.timeout(180)
async def test_a_page_in_flight_when_its_process_is_killed_counts_as_lost_and_goes_the_next_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox, room = Held(), Room()
    with new_platform() as platform:
        await platform.prepare()
        settings, ahead = tmp_path / "settings.json", tmp_path / "ahead"
        settings.write_text(platform.settings_of("cases").model_dump_json())
        async with relay(mailbox) as mail, chat(room) as webhook, platform.running() as running:
            slow = {"timeout_seconds": 30.0}
            configs: list[MessengerConfig] = [mail.model_copy(update=slow), webhook.model_copy(update=slow)]
            listed = tmp_path / "connectors.json"
            listed.write_text(json.dumps([each.model_dump(mode="json") for each in configs]))
            monkeypatch.setenv("TENET_CASES_CONNECTORS_FILE", str(listed))
            tenant_id = TenantId(await running.onboard())
            await _reachable(running.cases, configs)
            worker = Worker(settings, ahead, tmp_path / "worker.log")
            worker.put(0.0)
            worker.start()
            try:
                # A new rule does not act on what was there before it, so the page comes once the process is at work:
                # it says then that nobody is on call yet.
                async def at_work() -> bool:
                    lines = (tmp_path / "worker.log").read_text().splitlines()
                    return any("nobody_on_call" in line and tenant_id in line for line in lines)

                await eventually(at_work, LIMIT_SECONDS)
                await _send(running.cases, tenant_id, 1)

                async def in_flight() -> bool:
                    return len(mailbox.mails) == 1

                await eventually(in_flight, LIMIT_SECONDS)
                worker.kill()
                assert await _events(running.cases, tenant_id) == ["MessageDispatched", "MessageAttempted"]
                worker.start()

                async def arrived() -> bool:
                    return "MessageAccepted" in await _events(running.cases, tenant_id)

                await eventually(arrived, LIMIT_SECONDS)
                await asyncio.sleep(3.0)
            finally:
                worker.kill()
            assert await _events(running.cases, tenant_id) == [
                "MessageDispatched", "MessageAttempted", "MessageLost",
                "MessageDispatched", "MessageAttempted", "MessageAccepted",
            ]  # fmt: skip
    assert len(mailbox.mails) == len(room.seen) == 1


async def _reachable(ledger: Ledger, configs: list[MessengerConfig]) -> None:
    """Whoever is called first has both ways: a lead, because these pages are about questions."""
    call = replace(_call(PROVIDER), roles=frozenset({Role.LEAD}))
    ways = tuple(
        PageWayGiven(channel=each.name, messenger=each.name, address="ana@provider.example") for each in configs
    )
    contacts = Contacts(ledger.handler, ledger.repository, Connectors.of(configs))
    await contacts.set_page_contact(
        call, SetPageContact(tenant_id=PROVIDER, request_id=call.request_id, principal_id=PEOPLE[2], ways=ways)
    )
