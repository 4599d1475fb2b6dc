"""A page is brought to whoever is called, by their ways in order, each once; then the next person is called."""

from collections.abc import Sequence
from typing import Any

import pytest

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.events.assets import AssetClass
from contracts.events.base import Sealed
from contracts.events.cases import Priority
from contracts.events.messages import (
    MessageAccepted,
    MessageAttempted,
    MessageDispatched,
    MessageLost,
    MessageRefused,
    PageContactSet,
)
from contracts.events.people import PageAbout, PageEscalated, PageSent, PageUnanswered
from contracts.ids import PROVIDER
from contracts.roles import Role
from infra.event_store.openings import Erased
from services.cases.application import posting
from services.cases.application.calling import Calling
from services.cases.application.outbox import Intent
from services.cases.application.rotas import Rotas
from services.cases.connectors.messages import Message
from services.cases.connectors.port import Acknowledged, Refused, Unknown
from services.cases.domain.people_commands import (
    AcknowledgePage,
    EscalatePage,
    PageWayGiven,
    PublishRota,
    SendPage,
    SetPageContact,
)
from services.cases.domain.people_errors import NotYourContact, PageContactInvalid
from tests.services.cases.memory import PlainOpenings
from tests.services.cases.people.rotas import ANA, BEN, LEAD, definition, weekly
from tests.services.cases.test_messages import Postman, kinds
from tests.services.cases.world import TENANT, World

PAGING = (MessageDispatched, MessageAttempted, MessageAccepted, MessageRefused, MessageLost, PageEscalated)
SENT = ["MessageDispatched", "MessageAttempted", "MessageAccepted"]


class Paging(World):
    """One detection, a rota in which `ana` is called before the lead, and a messenger for each way."""

    def __init__(self, *postmen: Postman) -> None:
        super().__init__()
        self.deliver_by(*postmen)
        ledger: Any = self.ledger
        self.rotas = Rotas(ledger, ledger)
        self.calling = Calling(ledger, self.rotas)
        self.about = self.detection(self.asset("host", AssetClass.STANDARD))

    def as_person(self, principal_id: str, *roles: Role, tenant: Any = TENANT) -> Call:
        self._requests += 1
        actor = Actor(principal_id, AuthenticatedBy.OIDC, PROVIDER)
        return Call(tenant, actor, "test", f"request-{self._requests:06}", self.now, roles=frozenset(roles))

    async def ready(self, **contacts: tuple[str, ...]) -> None:
        call = self.as_person(LEAD, Role.LEAD, tenant=PROVIDER)
        rota = definition(weekly("UTC", ANA, starts="2026-01-05T00:00:00"), tenant_ids=(TENANT,))
        await self.rotas.publish_rota(
            call, PublishRota(tenant_id=PROVIDER, request_id=call.request_id, definition=rota)
        )
        for name, messengers in contacts.items():
            await self.contact({"ana": ANA, "lead": LEAD}[name], *messengers)

    async def contact(self, principal_id: str, *messengers: str, by: str = "", address: str = "a@b.example") -> None:
        call = self.as_person(by or principal_id, Role.ANALYST, tenant=PROVIDER)
        ways = tuple(PageWayGiven(channel=each, messenger=each, address=address) for each in messengers)
        await self.app.contacts.set_page_contact(
            call,
            SetPageContact(tenant_id=PROVIDER, request_id=call.request_id, principal_id=principal_id, ways=ways),
        )

    async def page(self) -> str:
        call = self.as_person(BEN, Role.ANALYST)
        command = SendPage(
            tenant_id=TENANT,
            request_id=call.request_id,
            about=PageAbout.DETECTION,
            about_id=self.about,
            priority=Priority.P1,
            cause="test",
        )
        done = await self.calling.send_page(call, command)
        await self.settle()
        return str(done.recorded[0].event.page_id)

    async def acknowledge(self, page_id: str, principal_id: str) -> None:
        call = self.as_person(principal_id, Role.ANALYST)
        await self.calling.acknowledge_page(
            call, AcknowledgePage(tenant_id=TENANT, request_id=call.request_id, page_id=page_id)
        )


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "SEND_PAUSES_SECONDS", (0.0, 0.0, 0.0))


async def test_a_page_goes_out_by_the_first_way_and_says_how_to_acknowledge_it() -> None:
    mail, chat = Postman("mail"), Postman("chat")
    world = Paging(mail, chat)
    await world.ready(ana=("mail", "chat"))
    page_id = await world.page()
    assert kinds(world, *PAGING) == SENT
    (message,) = mail.handed
    assert message.address == "a@b.example"
    assert f"tenet oncall acknowledge {page_id} --tenant {TENANT}" in message.text
    assert world.about in message.text
    assert world.about not in message.title
    assert not chat.handed


async def test_the_address_lies_in_the_providers_ledger_only() -> None:
    world = Paging(Postman("mail"))
    await world.ready(ana=("mail",))
    await world.page()
    (dispatched,) = world.events(MessageDispatched)
    assert dispatched.address is None
    assert dispatched.recipient_principal_id == ANA
    (entry,) = [entry for entry in world.ledger.entries if isinstance(entry.event, PageContactSet)]
    assert entry.tenant_id == PROVIDER
    assert [way.address.subject for way in entry.event.ways] == [ANA]


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ((Refused("SMTP_550", "no such person"),), "MessageRefused"),
        ((Unknown("TimeoutError"),), "MessageLost"),
        ((Refused("SMTP_451", "later", transient=True),) * 3, "MessageRefused"),
    ],
)
async def test_what_one_way_cannot_bring_the_next_one_brings(
    answers: tuple[Refused | Unknown, ...], outcome: str
) -> None:
    mail, chat = Postman("mail", *answers), Postman("chat")
    world = Paging(mail, chat)
    await world.ready(ana=("mail", "chat"))
    await world.page()
    assert kinds(world, *PAGING) == ["MessageDispatched", "MessageAttempted", outcome, *SENT]
    assert len(mail.handed) == len(answers)
    assert mail.handed[0].message_id != chat.handed[0].message_id


async def test_after_the_last_way_the_next_person_is_called_at_once() -> None:
    mail, chat = Postman("mail", Unknown("TimeoutError")), Postman("chat")
    world = Paging(mail, chat)
    await world.ready(ana=("mail",), lead=("chat",))
    await world.page()
    assert kinds(world, *PAGING) == ["MessageDispatched", "MessageAttempted", "MessageLost", "PageEscalated", *SENT]
    assert [event.principal_id for event in world.events(PageEscalated)] == [LEAD]
    assert len(mail.handed) == len(chat.handed) == 1


async def test_the_last_person_whom_nothing_reaches_has_until_the_deadline() -> None:
    world = Paging(Postman("mail", Refused("NO", ""), Refused("NO", "")))
    await world.ready(ana=("mail",), lead=("mail",))
    page_id = await world.page()
    assert len(world.events(PageEscalated)) == 1
    assert not world.events(PageUnanswered)
    call = world.as_person(LEAD)
    command = EscalatePage(tenant_id=TENANT, request_id=call.request_id, page_id=page_id, rung=2)
    await world.calling.escalate_page(call, command)
    assert len(world.events(PageUnanswered)) == 1


async def test_a_person_without_a_way_has_the_screen_and_the_time() -> None:
    world = Paging(Postman("mail"))
    await world.ready(lead=("mail",))
    await world.page()
    assert len(world.events(PageSent)) == 1
    assert kinds(world, *PAGING) == []


async def test_a_page_that_was_being_handed_over_when_the_process_died_is_never_sent_again() -> None:
    mail, chat = Postman("mail"), Postman("chat")
    world = Paging(mail, chat)
    await world.ready(ana=("mail", "chat"))

    async def died(message: Message) -> Acknowledged:
        mail.handed.append(message)
        raise RuntimeError("the process is gone")

    mail.send = died  # type: ignore[method-assign]  # dies once
    with pytest.raises(RuntimeError):
        await world.page()
    (dispatched,) = world.events(MessageDispatched)
    await world.app.posting.carry_out(Intent(TENANT, dispatched.message_id))
    await world.settle()
    assert [event.reason for event in world.events(MessageLost)] == ["INTERRUPTED"]
    assert len(mail.handed) == len(chat.handed) == 1


async def test_a_second_delivery_of_the_intent_brings_nothing_twice() -> None:
    mail = Postman("mail")
    world = Paging(mail)
    await world.ready(ana=("mail",))
    await world.page()
    world.reacted = 0
    await world.settle()
    (dispatched,) = world.events(MessageDispatched)
    await world.app.posting.carry_out(Intent(TENANT, dispatched.message_id))
    assert len(mail.handed) == 1


async def test_what_somebody_has_taken_up_is_not_sent_any_more() -> None:
    mail = Postman("mail")
    world = Paging(mail)
    await world.ready(ana=("mail",))
    call = world.as_person(BEN)
    done = await world.calling.send_page(
        call,
        SendPage(
            tenant_id=TENANT,
            request_id=call.request_id,
            about=PageAbout.DETECTION,
            about_id=world.about,
            priority=Priority.P1,
            cause="test",
        ),
    )
    await world.acknowledge(done.recorded[0].event.page_id, ANA)
    await world.settle()
    assert kinds(world, *PAGING) == []
    assert not mail.handed


async def test_a_way_that_was_changed_since_the_intent_is_not_taken() -> None:
    mail, chat = Postman("mail"), Postman("chat")
    world = Paging(mail, chat)
    await world.ready(ana=("mail",))

    taking = world.app.posting.carry_out

    async def later(intent: Intent) -> None:
        await world.contact(ANA, "chat")
        await taking(intent)

    object.__setattr__(world.app, "posting", type("Later", (), {"carry_out": staticmethod(later)})())
    await world.page()
    assert [event.reason for event in world.events(MessageRefused)] == ["CONTACT_CHANGED"]
    assert not mail.handed


async def test_an_erased_address_is_a_refusal_and_the_next_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    mail, chat = Postman("mail"), Postman("chat")
    world = Paging(mail, chat)
    await world.ready(ana=("mail",), lead=("chat",))
    (of_ana, _) = world.events(PageContactSet)
    erased = of_ana.ways[0].address

    async def open_(_tenant: object, references: Sequence[Sealed]) -> dict[Sealed, str | Erased]:
        return {each: Erased.ERASED if each is erased else each.plaintext or "" for each in references}

    monkeypatch.setattr(PlainOpenings, "open", lambda _self, *given: open_(*given))
    await world.page()
    assert [event.reason for event in world.events(MessageRefused)] == ["ADDRESS_ERASED"]
    assert [event.principal_id for event in world.events(PageEscalated)] == [LEAD]
    assert (len(mail.handed), len(chat.handed)) == (0, 1)


async def test_a_messenger_of_one_customer_brings_no_page() -> None:
    mail = Postman("mail")
    world = Paging(mail)
    world.connectors._tenants["mail"] = (TENANT,)
    with pytest.raises(PageContactInvalid) as refused:
        await world.ready(ana=("mail",))
    assert [each.field for each in refused.value.violations] == ["ways[0].messenger"]


@pytest.mark.parametrize(
    ("messengers", "address", "fields"),
    [
        (("mail", "mail"), "a@b.example", ["ways[1].channel"]),
        (("nobody",), "a@b.example", ["ways[0].messenger"]),
        (("mail",), "a@b.example\r\nBcc: x@y.example", ["ways[0].address"]),
        (("mail",), "a" * 255, ["ways[0].address"]),
    ],
)
async def test_a_contact_that_reaches_nobody_is_refused_by_place(
    messengers: tuple[str, ...], address: str, fields: list[str]
) -> None:
    world = Paging(Postman("mail"))
    with pytest.raises(PageContactInvalid) as refused:
        await world.contact(ANA, *messengers, address=address)
    assert [each.field for each in refused.value.violations] == fields


async def test_nobody_but_a_lead_says_how_another_is_reached() -> None:
    world = Paging(Postman("mail"))
    with pytest.raises(NotYourContact):
        await world.contact(ANA, "mail", by=BEN)
    call = world.as_person(LEAD, Role.LEAD, tenant=PROVIDER)
    ways = (PageWayGiven(channel="m", messenger="mail", address=""),)
    await world.app.contacts.set_page_contact(
        call, SetPageContact(tenant_id=PROVIDER, request_id=call.request_id, principal_id=ANA, ways=ways)
    )
    assert [way.channel for way in (await world.app.contacts.of(ANA)).ways] == ["m"]
