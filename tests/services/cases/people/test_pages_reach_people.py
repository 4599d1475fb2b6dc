"""Pages over the running service: by a real mail server, a real signed webhook, and a real program; and who may ask."""

import email
import email.policy
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook
from tenet.cases.v1 import cases_messages_read_pb2 as messages
from tenet.cases.v1 import cases_messages_read_pb2_grpc
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_read_pb2 as read
from tenet.cases.v1 import cases_people_rota_read_pb2 as rotas
from tenet.cases.v1 import cases_people_rota_write_pb2 as contacts
from tenet.cases.v1 import cases_people_write_pb2 as write

from infra.grpc import Client
from services.cases.application import on_call_watch
from services.cases.config import ChatWebhookConfig, MessageProgramConfig, MessengerConfig, Program, SmtpConfig
from tests.fixtures.customers import eventually, refusal
from tests.fixtures.platform import Platform
from tests.services.cases.mail_relay import Mailbox, relay
from tests.services.cases.people.running import Crew, always, crew

SECRET = "whsec_dGVuZXQtdGVuZXQtdGVuZXQtdGVuZXQ="
PAGER = """
import json, sys
given = json.load(sys.stdin)
with open(sys.argv[1], "a") as file:
    print(json.dumps(given), file=file)
print("rang")
"""


@dataclass
class Room:
    """A receiver that takes only what is signed, and says what it is told to."""

    status: int = 200
    seen: dict[str, Any] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.text()
        Webhook(SECRET).verify(body, dict(request.headers))
        assert request.headers["webhook-id"] not in self.seen
        self.seen[request.headers["webhook-id"]] = json.loads(body)
        return web.Response(status=self.status, text="ok")


@asynccontextmanager
async def chat(room: Room) -> AsyncIterator[ChatWebhookConfig]:
    application = web.Application()
    application.router.add_post("/room", room.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/room"
        yield ChatWebhookConfig(name="chat", url=url, secret=SECRET)
    finally:
        await runner.cleanup()


def pager(directory: Path) -> MessageProgramConfig:
    path = directory / "pager"
    path.write_text(f"#!{sys.executable}\n{PAGER}")
    path.chmod(0o700)
    kept = str(directory / "rang")
    return MessageProgramConfig(name="pager", program=Program(argv=(str(path), kept)), timeout_seconds=30.0)


def ways(*names: str, address: str = "ana@provider.example") -> contacts.SetPageContactRequest:
    given = [contacts.PageWayGiven(channel=f"by-{name}", messenger=name, address=address) for name in names]
    return contacts.SetPageContactRequest(ways=given)


async def sent(people: Crew, who: Client, page_id: str) -> list[messages.Message]:
    stub = who.stub(cases_messages_read_pb2_grpc.CasesMessagesReadServiceStub)
    request = messages.ListMessagesRequest(tenant_ids=[people.tenant_id], about_id=page_id)
    return list((await who.call(stub.ListMessages, request)).messages)


async def test_a_page_climbs_from_mail_to_a_signed_webhook_to_a_program_and_is_acknowledged(
    platform: Platform, tmp_path: Path
) -> None:
    mailbox, room = Mailbox(content="552 no room"), Room(status=500)
    async with AsyncExitStack() as stack:
        configs: list[MessengerConfig] = [
            (await stack.enter_async_context(relay(mailbox))).model_copy(update={"timeout_seconds": 10.0}),
            (await stack.enter_async_context(chat(room))).model_copy(update={"timeout_seconds": 10.0}),
            pager(tmp_path),
        ]
        people = await stack.enter_async_context(crew(platform, tmp_path, configs))
        await people.publish()
        await people.call(people.ana, "SetPageContact", ways("mail", "chat"))
        await people.call(people.ben, "SetPageContact", ways("pager", address="+43-1-555"))
        case_id = await people.case()

        async def rang() -> list[messages.Message]:
            found = await sent(people, people.lead.client, page.page_id)
            accepted = [each for each in found if each.status == messages.MESSAGE_STATUS_ACCEPTED]
            return found if accepted else []

        page = await people.paged(case_id)
        found = await eventually(rang)
        # What the mail server refused went to the room; what came of that nobody knows, so the next person was called.
        assert [(each.channel, each.status, each.reason) for each in reversed(found)] == [
            ("by-mail", messages.MESSAGE_STATUS_REFUSED, "SMTP_552"),
            ("by-chat", messages.MESSAGE_STATUS_LOST, "HTTP_500"),
            ("by-pager", messages.MESSAGE_STATUS_ACCEPTED, ""),
        ]
        assert not any(each.HasField("address") for each in found)
        (envelope,) = mailbox.mails
        assert envelope.rcpt_tos == ["ana@provider.example"]
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert f"tenet oncall acknowledge {page.page_id} --tenant {people.tenant_id}" in mail.get_content()
        assert len(room.seen) == 1
        (line,) = (tmp_path / "rang").read_text().splitlines()
        assert json.loads(line)["address"] == "+43-1-555"
        assert json.loads(line)["message_id"] == found[0].message_id
        await people.call(people.ben, "AcknowledgePage", write.AcknowledgePageRequest(page_id=page.page_id))
        # Whom the provider calls is nothing for the customer.
        assert await sent(people, people.service.approver, page.page_id) == []


async def test_a_contact_is_for_the_person_and_the_leads(platform: Platform, tmp_path: Path) -> None:
    mail = SmtpConfig(name="mail", host="127.0.0.1", port=1, tls="none", sender="tenet@provider.example")
    async with crew(platform, tmp_path, [mail]) as people:
        await people.call(people.ana, "SetPageContact", ways("mail"))
        shown = await people.call(people.ana, "GetPageContact", rotas.GetPageContactRequest())
        assert [way.address.value for way in shown.contact.ways] == ["ana@provider.example"]
        asked = rotas.GetPageContactRequest(principal_id=people.ana.id)
        assert (await refusal(people.call(people.ben, "GetPageContact", asked))).reason == "NOT_YOUR_CONTACT"
        assert (await people.call(people.lead, "GetPageContact", asked)).contact.ways[0].messenger == "mail"
        changed = ways("mail")
        changed.principal_id = people.ana.id
        assert (await refusal(people.call(people.ben, "SetPageContact", changed))).reason == "NOT_YOUR_CONTACT"
        wrong = await refusal(people.call(people.ana, "SetPageContact", ways("telegraph")))
        assert wrong.reason == "PAGE_CONTACT_INVALID"
        customer = await refusal(people.call(people.service.approver, "SetPageContact", ways("mail")))
        assert customer.reason == "ROLE_MISSING"


async def test_the_overview_shows_what_is_wrong_first_and_the_figures_say_it(people: Crew) -> None:
    kinds = read.OnCallAlarmKind.Name
    overview = read.GetOnCallOverviewRequest(tenant_ids=[people.tenant_id])
    found = await people.call(people.ben, "GetOnCallOverview", overview)
    assert [(kinds(each.kind), each.reason) for each in found.alarms] == [
        ("ON_CALL_ALARM_KIND_UNCOVERED", "ROTA_MISSING")
    ]
    watch = people.service.wired.watch
    await watch.look()
    assert on_call_watch.UNCOVERED.labels("ROTA_MISSING")._value.get() >= 1
    # The one shift of this rota is over.
    over = always(people.ana.id, "over")
    over.shifts[0].recurrence = ""
    published = await people.publish(layers=[over])
    await people.call(people.lead, "ListRotas", rotas.ListRotasRequest(min_position=published.position))
    found = await people.call(people.ben, "GetOnCallOverview", overview)
    assert [(kinds(each.kind), each.reason) for each in found.alarms] == [
        ("ON_CALL_ALARM_KIND_UNCOVERED", "GAP"),
        ("ON_CALL_ALARM_KIND_GAP_AHEAD", ""),
        ("ON_CALL_ALARM_KIND_SCREEN_ONLY", ""),
    ]
    await watch.look()
    assert on_call_watch.UNCOVERED.labels("GAP")._value.get() >= 1
    published = await people.publish()
    case_id = await people.case()
    for count in (1, 2, 3):

        async def climbed(count: int = count) -> bool:
            return len((await people.paged(case_id)).calls) == count

        await eventually(climbed)
        people.hands.forward(minutes=10)

    async def ran_out() -> bool:
        return (await people.paged(case_id)).status == pb.PAGE_STATUS_UNANSWERED

    await eventually(ran_out)
    found = await people.call(people.ben, "GetOnCallOverview", overview)
    assert kinds(found.alarms[0].kind) == "ON_CALL_ALARM_KIND_PAGE_UNANSWERED"
    assert (found.tenants[0].tenant_id, found.tenants[0].principal_id) == (people.tenant_id, people.ana.id)
    await watch.look()
    assert on_call_watch.UNANSWERED._value.get() >= 1
    foreign = read.GetOnCallOverviewRequest(tenant_ids=["somebody-else"])
    assert (await refusal(people.call(people.ben, "GetOnCallOverview", foreign))).reason == "TENANT_UNKNOWN"
    customer = await refusal(people.call(people.service.approver, "GetOnCallOverview", overview))
    assert customer.reason == "ROLE_MISSING"
