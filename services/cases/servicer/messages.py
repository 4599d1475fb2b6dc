"""CasesMessagesReadService: what was sent to people, and whether it was taken over."""

from tenet.cases.v1 import cases_messages_read_pb2 as rpc

from contracts.events.messages import MessageAbout
from contracts.ids import TenantId
from contracts.roles import Role
from infra.answering import Answering, Words, next_page
from infra.disclosure.opener import Opened
from infra.grpc import Context
from infra.read_database.reader.conditions import Condition, descending, equal, not_equal
from services.cases.domain.message import MessageStatus
from services.cases.projections import MESSAGES
from services.cases.projections.messages import MessageRow
from services.cases.servicer.wire import named, timestamp

STATUSES = {each: rpc.MessageStatus.Value(f"MESSAGE_STATUS_{each.name}") for each in MessageStatus}

WHO_SEE_PAGES = frozenset({Role.ANALYST, Role.LEAD, Role.ON_CALL, Role.AUDITOR})


class CasesMessagesReadServicer:
    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def ListMessages(self, request: rpc.ListMessagesRequest, context: Context) -> rpc.ListMessagesResponse:
        # Whom the provider calls is for its own people and for auditors, as pages are.
        pages_too = all(context.roles_for(tenant_id) & WHO_SEE_PAGES for tenant_id in context.tenants)
        where = _conditions(request, pages_too=pages_too)
        page = await self._answering.page(MESSAGES, where, [descending("first_position")], request, context)
        opened = await self._answering.opened(page.items, _words, context, "show messages")
        return rpc.ListMessagesResponse(
            messages=[_message(item.tenant_id, item.document, opened[item.tenant_id]) for item in page.items],
            page=next_page(page),
        )


def _conditions(request: rpc.ListMessagesRequest, *, pages_too: bool) -> list[Condition]:
    found: list[Condition] = [] if pages_too else [not_equal("about", MessageAbout.PAGE.value)]
    if request.HasField("about_id"):
        found.append(equal("about_id", request.about_id))
    if request.status:
        found.append(equal("status", named(STATUSES, request.status).value))
    return found


def _words(row: MessageRow) -> Words:
    """Whoever may see the message may see where it went; where a page went lies in the provider's ledger."""
    if row.intent.address is not None:
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
