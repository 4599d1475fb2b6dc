"""CasesMessagesReadService: what was sent to people, and whether it was taken over."""

from collections.abc import Iterable

from tenet.cases.v1 import cases_messages_read_pb2 as rpc
from tenet.common.v1 import common_pb2 as common

from contracts.events.base import Sealed
from contracts.ids import TenantId
from contracts.labels import Label
from infra.disclosure.opener import Opened, Opener
from infra.grpc import Context
from infra.read_database.reader.conditions import Condition, descending, equal
from infra.read_database.reader.pages import PageRequest
from infra.read_database.reader.queries import Reader
from services.cases.domain.message import MessageStatus
from services.cases.projections import MESSAGES
from services.cases.projections.messages import MessageRow
from services.cases.servicer.read import PositionWithoutTenant
from services.cases.servicer.wire import named, timestamp

STATUSES = {each: rpc.MessageStatus.Value(f"MESSAGE_STATUS_{each.name}") for each in MessageStatus}


class CasesMessagesReadServicer:
    def __init__(self, reader: Reader, opener: Opener) -> None:
        self._reader, self._opener = reader, opener

    async def ListMessages(self, request: rpc.ListMessagesRequest, context: Context) -> rpc.ListMessagesResponse:
        tenants = context.tenants
        if (request.HasField("min_position") or request.HasField("at_position")) and len(tenants) != 1:
            raise PositionWithoutTenant("Name one tenant with a position.")
        if request.HasField("min_position"):
            await self._reader.waited(tenants[0], request.min_position, context.deadline, MESSAGES)
        page = await MESSAGES.list(
            self._reader,
            tenants,
            _conditions(request),
            [descending("first_position")],
            PageRequest(request.page.page_size, request.page.page_token),
            at=request.at_position if request.HasField("at_position") else None,
            deadline=context.deadline,
        )
        words: dict[TenantId, list[tuple[Sealed, Label]]] = {}
        for item in page.items:
            words.setdefault(item.tenant_id, []).extend(_words(item.document))
        opened = {
            tenant_id: await self._opener.open(context.call_for(tenant_id), sealed, purpose="show messages")
            for tenant_id, sealed in words.items()
        }
        return rpc.ListMessagesResponse(
            messages=[_message(item.tenant_id, item.document, opened[item.tenant_id]) for item in page.items],
            page=common.Page(next_page_token=page.next_token),
        )


def _conditions(request: rpc.ListMessagesRequest) -> list[Condition]:
    found: list[Condition] = []
    if request.HasField("about_id"):
        found.append(equal("about_id", request.about_id))
    if request.status:
        found.append(equal("status", named(STATUSES, request.status).value))
    return found


def _words(row: MessageRow) -> Iterable[tuple[Sealed, Label]]:
    """Whoever may see the message may see where it went."""
    yield row.intent.address, row.intent.label


def _message(tenant_id: TenantId, row: MessageRow, opened: Opened) -> rpc.Message:
    intent = row.intent
    return rpc.Message(
        tenant_id=tenant_id,
        message_id=intent.message_id,
        status=STATUSES[row.status],
        about=intent.about.value,
        about_id=intent.about_id,
        case_id=intent.case_id or "",
        recipient_principal_id=intent.recipient_principal_id,
        channel=intent.channel,
        messenger=intent.messenger,
        address=opened.text(intent.address),
        reason=row.reason,
        dispatched_at=timestamp(row.dispatched.recorded_at),
        settled_at=timestamp(row.settled.recorded_at) if row.settled else None,
        position=row.dispatched.position,
    )
