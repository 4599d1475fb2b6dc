"""A notice reaches its contact over the channels of the charter, one after the other, and each once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tenet.cases.v1 import cases_messages_read_pb2, cases_messages_read_pb2_grpc
from tenet.cases.v1 import cases_write_pb2 as writes
from tenet.common.v1 import common_pb2 as common

from contracts.events.assets import AssetClass
from contracts.events.base import Event
from contracts.events.cases import CaseOpened, NoticeSent
from contracts.events.messages import MessageAccepted, MessageAttempted, MessageDispatched, MessageLost, MessageRefused
from infra.grpc import RemoteError
from services.cases.application import posting
from services.cases.application.outbox import Intent
from services.cases.connectors.messages import Message
from services.cases.connectors.port import Acknowledged, Refused, Unknown
from services.cases.domain import commands as ask
from services.cases.domain.charter import charter_digest, read_charter
from services.cases.domain.errors import CharterInvalid
from tests.fixtures.platform import Platform, request_id
from tests.services.cases.charters import DIRECTORY
from tests.services.cases.mail_relay import Mailbox, relay
from tests.services.cases.plans import simple
from tests.services.cases.running_service import cases_service
from tests.services.cases.test_conversations import notice
from tests.services.cases.test_service import eventually, open_cases
from tests.services.cases.world import TENANT, World

LADDER = """
      - {channel: phone}
      - {channel: mail, via: mail, address: boss@clinic.example}
      - {channel: chat, via: chat}
"""


class Postman:
    """A messenger that answers as it is told, and remembers what it was handed."""

    def __init__(self, name: str, *answers: Acknowledged | Refused | Unknown) -> None:
        self.name, self.answers = name, list(answers)
        self.handed: list[Message] = []

    async def send(self, message: Message) -> Acknowledged | Refused | Unknown:
        self.handed.append(message)
        return self.answers.pop(0) if self.answers else Acknowledged("taken")

    async def close(self) -> None:
        return None


def ladder(**charter: str) -> str:
    return simple(**charter).replace("channels: [{channel: phone}]", f"channels:{LADDER.rstrip()}")


@pytest.fixture
def posted(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(posting, "SEND_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    return world


async def told(world: World, channel: str, *postmen: Postman) -> Any:
    world.deliver_by(*postmen)
    host = world.asset("host", AssetClass.STANDARD, group="office")
    await world.charter(text=ladder())
    world.validate(world.detection(host))
    await world.settle()
    sent = await notice(world, await planned_case(world), channel=channel)
    await world.settle()
    return sent


async def planned_case(world: World) -> Any:
    (opened,) = world.events(CaseOpened)
    return await world.decide(opened.case_id)


def kinds(world: World, *wanted: type[Event]) -> list[str]:
    return [type(event).__name__ for event in world.events(*wanted)]


MESSAGES = (MessageDispatched, MessageAttempted, MessageAccepted, MessageRefused, MessageLost)


async def test_a_notice_by_mail_goes_out_with_every_field_and_is_recorded_before_and_after(posted: World) -> None:
    mail, chat = Postman("mail"), Postman("chat")
    sent = await told(posted, "mail", mail, chat)
    assert kinds(posted, *MESSAGES) == ["MessageDispatched", "MessageAttempted", "MessageAccepted"]
    (message,) = mail.handed
    assert message.address == "boss@clinic.example"
    for words in ("Encryption", "Host", "Now", "A log line", "1. Isolate", "2. Wait", sent.notice_id):
        assert words in message.text
    assert "Encryption" not in message.title
    assert not chat.handed


async def test_a_notice_by_phone_is_told_by_a_person(posted: World) -> None:
    mail, chat = Postman("mail"), Postman("chat")
    await told(posted, "phone", mail, chat)
    assert kinds(posted, *MESSAGES) == []


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ((Refused("SMTP_550", "no such person"),), "MessageRefused"),
        ((Unknown("TimeoutError"),), "MessageLost"),
        ((Refused("SMTP_451", "later", transient=True),) * 3, "MessageRefused"),
    ],
)
async def test_what_one_channel_cannot_bring_the_next_one_brings(
    posted: World, answers: tuple[Refused | Unknown, ...], outcome: str
) -> None:
    mail, chat = Postman("mail", *answers), Postman("chat")
    await told(posted, "mail", mail, chat)
    assert kinds(posted, *MESSAGES) == [
        "MessageDispatched", "MessageAttempted", outcome,
        "MessageDispatched", "MessageAttempted", "MessageAccepted",
    ]  # fmt: skip
    assert [message.address for message in chat.handed] == [""]
    assert len(mail.handed) == len(answers)


async def test_a_notice_that_is_acknowledged_meanwhile_goes_over_no_further_channel(posted: World) -> None:
    mail, chat = Postman("mail"), Postman("chat")

    async def acknowledged_while_it_fails(message: Message) -> Unknown:
        mail.handed.append(message)
        (sent,) = posted.events(NoticeSent)
        call = posted.call("boss")
        decided = posted.make(ask.AcknowledgeNotice, call, notice_id=sent.notice_id, decision="wait")
        await posted.app.conversing.acknowledge_notice(call, decided)
        return Unknown("TimeoutError")

    mail.send = acknowledged_while_it_fails  # type: ignore[method-assign]  # The one way to come in between.
    await told(posted, "mail", mail, chat)
    assert kinds(posted, *MESSAGES) == ["MessageDispatched", "MessageAttempted", "MessageLost"]
    assert not chat.handed


async def test_only_what_surely_was_not_taken_over_is_tried_again(posted: World) -> None:
    mail = Postman("mail", Refused("NOT_REACHED", "", transient=True), Acknowledged("taken"))
    await told(posted, "mail", mail, Postman("chat"))
    assert len(mail.handed) == 2
    assert mail.handed[0].message_id == mail.handed[1].message_id


async def test_a_message_that_was_being_handed_over_when_the_process_died_is_never_sent_again(posted: World) -> None:
    mail, chat = Postman("mail"), Postman("chat")
    posted.deliver_by(mail, chat)

    async def died(message: Message) -> Acknowledged:
        mail.handed.append(message)
        raise RuntimeError("the process is gone")

    mail.send = died  # type: ignore[method-assign]  # dies once
    with pytest.raises(RuntimeError):
        await told(posted, "mail", mail, chat)
    (dispatched,) = posted.events(MessageDispatched)
    await posted.app.posting.carry_out(Intent(TENANT, dispatched.message_id))
    await posted.settle()
    assert [event.reason for event in posted.events(MessageLost)] == ["INTERRUPTED"]
    assert len(mail.handed) == 1
    assert len(chat.handed) == 1


async def test_a_charter_that_names_an_unknown_messenger_is_refused_by_place(posted: World) -> None:
    posted.deliver_by(Postman("chat"))
    with pytest.raises(CharterInvalid) as refused:
        await posted.charter(text=ladder())
    assert [each.field for each in refused.value.violations] == ["contacts[0].channels[1].via"]


async def test_a_messenger_that_is_gone_since_the_charter_is_a_refusal_on_record(posted: World) -> None:
    chat = Postman("chat")
    posted.deliver_by(Postman("mail"), chat)
    host = posted.asset("host", AssetClass.STANDARD, group="office")
    await posted.charter(text=ladder())
    posted.deliver_by(chat)
    posted.validate(posted.detection(host))
    await posted.settle()
    await notice(posted, await planned_case(posted), channel="mail")
    await posted.settle()
    (refused,) = posted.events(MessageRefused)
    assert refused.reason == "CONNECTOR_UNKNOWN"
    assert len(posted.events(MessageAccepted)) == 1


async def test_a_charter_keeps_its_digest_where_it_says_nothing_of_messengers() -> None:
    plain = charter_digest(read_charter(simple()))
    assert "via" not in str(read_charter(simple()).model_dump(mode="json"))
    assert charter_digest(read_charter(ladder())) != plain


async def test_a_notice_over_the_api_arrives_as_a_mail_and_shows_as_accepted(
    platform: Platform, tmp_path: Path
) -> None:
    mailbox = Mailbox()
    async with relay(mailbox) as config, cases_service(platform, tmp_path, [config]) as service:
        by_mail = "{channel: mail, via: mail, address: it@clinic.example}"
        text = (DIRECTORY / "clinic.yaml").read_text().replace("{channel: phone}", by_mail)
        await service.approve(text.replace("@clinic-it", service.approver_id))
        asset = await service.asset("host-m", AssetClass.CLINICAL, "admission")
        await service.validate(await service.detection(asset, techniques=("T1486",)))

        async def opened() -> bool:
            return len(await open_cases(service)) == 1

        await eventually(opened)
        (case,) = await open_cases(service)
        sent = await service.analyst.call(
            service.write.SendNotice,
            writes.SendNoticeRequest(
                tenant_id=service.tenant_id,
                request_id=request_id(),
                case_id=case.case_id,
                channel="mail",
                recipient_principal_id=service.approver_id,
                what="Files are being encrypted",
                where="host-m",
                when="since nine",
                evidence=[common.EvidenceInput(label=common.LABEL_AMBER, summary="A log line")],
                options=["Isolate", "Wait"],
                deadline=datetime.now(UTC) + timedelta(hours=1),
                label=common.LABEL_AMBER,
            ),
        )
        stub = service.analyst.stub(cases_messages_read_pb2_grpc.CasesMessagesReadServiceStub)
        request = cases_messages_read_pb2.ListMessagesRequest(tenant_ids=[service.tenant_id], about_id=sent.notice_id)

        async def accepted() -> bool:
            found = (await service.analyst.call(stub.ListMessages, request)).messages
            return [each.status for each in found] == [cases_messages_read_pb2.MESSAGE_STATUS_ACCEPTED]

        await eventually(accepted)
        (shown,) = (await service.analyst.call(stub.ListMessages, request)).messages
        assert shown.address.value == "it@clinic.example"
        assert [envelope.rcpt_tos for envelope in mailbox.mails] == [["it@clinic.example"]]
        with pytest.raises(RemoteError) as refused:
            foreign = cases_messages_read_pb2.ListMessagesRequest(tenant_ids=["somebody-else"])
            await service.analyst.call(stub.ListMessages, foreign)
        assert refused.value.reason == "TENANT_UNKNOWN"
