"""CasesRotaReadService, CasesRotaWriteService, CasesRotaAdminService: what is the provider's own."""

from tenet.cases.v1 import cases_people_rota_admin_pb2 as admin
from tenet.cases.v1 import cases_people_rota_read_pb2 as read
from tenet.cases.v1 import cases_people_rota_write_pb2 as write

from contracts.events.people import CoverageGapFound, RotaPublished
from contracts.ids import PROVIDER
from contracts.labels import Label
from contracts.roles import Role
from infra.answering import Answering, asked, next_page
from infra.grpc import Context
from infra.read_database.reader.conditions import ascending, at_least, descending, equal
from services.cases.application.contacts import Contacts
from services.cases.application.people import PeopleApplication
from services.cases.domain import people_commands as ask
from services.cases.domain.handover import known, unaccepted
from services.cases.domain.page_contact import only_by
from services.cases.domain.rota import rota_id_of
from services.cases.projections import HANDOVERS, ROTAS
from services.cases.servicer.people_wire import (
    contact_message,
    handover_message,
    item_given,
    item_message,
    rota_given,
    rota_message,
)
from services.cases.servicer.wire import moment


class CasesRotaReadServicer:
    def __init__(self, answering: Answering, people: PeopleApplication, contacts: Contacts) -> None:
        self._answering, self._handovers, self._contacts = answering, people.handovers, contacts

    async def ListRotas(self, request: read.ListRotasRequest, context: Context) -> read.ListRotasResponse:
        where = [equal("name", request.name)] if request.HasField("name") else []
        if request.only_with_gaps:
            where.append(at_least("gaps", 1))
        page = await self._answering.page(ROTAS, where, [ascending("name")], request, context)
        # Why somebody is away is for the people of the provider only.
        words = [(each.reason, Label.RED) for item in page.items for each in item.document.overrides]
        opened = await self._answering.opener.open(context.call.for_tenant(PROVIDER), words, purpose="show rotas")
        return read.ListRotasResponse(
            rotas=[rota_message(item.document, opened) for item in page.items],
            page=next_page(page),
        )

    async def GetPageContact(
        self, request: read.GetPageContactRequest, context: Context
    ) -> read.GetPageContactResponse:
        """Raises NotYourContact."""
        call = context.call.for_tenant(PROVIDER)
        principal_id = request.principal_id or call.actor.id
        only_by(principal_id, call.actor.id, lead=Role.LEAD in call.roles)
        contact = await self._contacts.of(principal_id, at=asked(request, "at_position"))
        addresses = [(way.address, Label.RED) for way in contact.ways]
        opened = await self._answering.opener.open(call, addresses, purpose="show a contact")
        return read.GetPageContactResponse(contact=contact_message(principal_id, contact, opened))

    async def ListHandovers(self, request: read.ListHandoversRequest, context: Context) -> read.ListHandoversResponse:
        where = [equal("rota", request.rota_id)] if request.HasField("rota_id") else []
        page = await self._answering.page(HANDOVERS, where, [descending("started_position")], request, context)
        return read.ListHandoversResponse(
            handovers=[handover_message(item.document) for item in page.items],
            page=next_page(page),
        )

    async def GetHandover(self, request: read.GetHandoverRequest, context: Context) -> read.GetHandoverResponse:
        handover, found = await self._handovers.look(request.handover_id)
        started = known(handover)
        left = [] if handover.completed else unaccepted(handover, found.items)
        return read.GetHandoverResponse(
            handover_id=started.handover_id,
            rota_id=started.rota_id,
            from_principal_id=started.from_principal_id,
            to_principal_id=started.to_principal_id,
            accepted=sorted((item_message(item) for item in handover.accepted), key=lambda item: item.id),
            open=[item_message(item) for item in left],
            completed=handover.completed,
        )


class CasesRotaWriteServicer:
    def __init__(self, people: PeopleApplication, contacts: Contacts) -> None:
        self._rotas, self._handovers, self._contacts = people.rotas, people.handovers, contacts

    async def OverrideRota(self, request: write.OverrideRotaRequest, context: Context) -> write.OverrideRotaResponse:
        call = context.call.for_tenant(PROVIDER)
        command = ask.OverrideRota(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            rota_id=request.rota_id,
            principal_id=request.principal_id,
            starts_at=moment(request.starts_at),
            ends_at=moment(request.ends_at),
            reason=request.reason,
        )
        done = await self._rotas.override_rota(call, command)
        return write.OverrideRotaResponse(override_id=done.recorded[0].event.override_id, position=done.position)

    async def RemoveRotaOverride(
        self, request: write.RemoveRotaOverrideRequest, context: Context
    ) -> write.RemoveRotaOverrideResponse:
        call = context.call.for_tenant(PROVIDER)
        command = ask.RemoveRotaOverride(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            rota_id=request.rota_id,
            override_id=request.override_id,
        )
        done = await self._rotas.remove_rota_override(call, command)
        return write.RemoveRotaOverrideResponse(position=done.position)

    async def SetPageContact(
        self, request: write.SetPageContactRequest, context: Context
    ) -> write.SetPageContactResponse:
        call = context.call.for_tenant(PROVIDER)
        command = ask.SetPageContact(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            principal_id=request.principal_id or call.actor.id,
            ways=tuple(
                ask.PageWayGiven(channel=way.channel, messenger=way.messenger, address=way.address)
                for way in request.ways
            ),
        )
        done = await self._contacts.set_page_contact(call, command)
        return write.SetPageContactResponse(position=done.position)

    async def StartHandover(self, request: write.StartHandoverRequest, context: Context) -> write.StartHandoverResponse:
        call = context.call.for_tenant(PROVIDER)
        command = ask.StartHandover(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            rota_id=request.rota_id,
            from_principal_id=request.from_principal_id or call.actor.id,
            to_principal_id=request.to_principal_id,
        )
        done = await self._handovers.start_handover(call, command)
        return write.StartHandoverResponse(handover_id=done.recorded[0].event.handover_id, position=done.position)

    async def AcceptHandoverItem(
        self, request: write.AcceptHandoverItemRequest, context: Context
    ) -> write.AcceptHandoverItemResponse:
        call = context.call.for_tenant(PROVIDER)
        command = ask.AcceptHandoverItem(
            tenant_id=call.tenant_id,
            request_id=call.request_id,
            handover_id=request.handover_id,
            item=item_given(request.item),
        )
        done = await self._handovers.accept_handover_item(call, command)
        return write.AcceptHandoverItemResponse(position=done.position)

    async def CompleteHandover(
        self, request: write.CompleteHandoverRequest, context: Context
    ) -> write.CompleteHandoverResponse:
        call = context.call.for_tenant(PROVIDER)
        command = ask.CompleteHandover(
            tenant_id=call.tenant_id, request_id=call.request_id, handover_id=request.handover_id
        )
        done = await self._handovers.complete_handover(call, command)
        return write.CompleteHandoverResponse(position=done.position)


class CasesRotaAdminServicer:
    def __init__(self, people: PeopleApplication) -> None:
        self._rotas = people.rotas

    async def PublishRota(self, request: admin.PublishRotaRequest, context: Context) -> admin.PublishRotaResponse:
        call = context.call.for_tenant(PROVIDER)
        definition = rota_given(request.definition)
        command = ask.PublishRota(tenant_id=call.tenant_id, request_id=call.request_id, definition=definition)
        done = await self._rotas.publish_rota(call, command)
        events = [each.event for each in done.recorded]
        return admin.PublishRotaResponse(
            rota_id=rota_id_of(definition.name),
            changed=any(isinstance(event, RotaPublished) for event in events),
            gaps=sum(isinstance(event, CoverageGapFound) for event in events),
            position=done.position,
        )
