"""How a read service answers: at the position that was asked for, page by page, each tenant's words opened apart.

Queries of the wire have `min_position` (wait until this is in) and mostly `at_position` (as known then); lists have a
`page`. What these mean is here, once, for all services.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from tenet.common.v1 import common_pb2 as common

from contracts.errors import InvalidArgument
from contracts.events.base import Sealed
from contracts.ids import TenantId
from contracts.labels import Label
from infra.disclosure.opener import Opened, Opener
from infra.grpc import Context
from infra.read_database.reader.conditions import Condition, Order
from infra.read_database.reader.pages import Document, Page, PageRequest
from infra.read_database.reader.queries import Reader
from infra.read_database.views import DocumentView

D = TypeVar("D")
Words = Iterable[tuple[Sealed, Label]]
"""Sealed values with the labels that they are shown under."""


class Query(Protocol):
    """A request of the wire."""

    @property
    def DESCRIPTOR(self) -> Any: ...  # noqa: N802  # protobuf's own name.

    def HasField(self, field_name: Any, /) -> bool: ...  # noqa: N802  # protobuf's own name.


class Listing(Query, Protocol):
    @property
    def page(self) -> common.PageRequest: ...


class PositionWithoutTenant(InvalidArgument):
    """A position belongs to one tenant's ledger; a query over several names none."""

    reason = "POSITION_WITHOUT_TENANT"

    def __init__(self) -> None:
        super().__init__("A position belongs to one tenant; name that tenant alone.")


@dataclass(frozen=True, slots=True)
class Answering:
    """A servicer's way to its views. Every method may raise PositionWithoutTenant and what the reader raises."""

    reader: Reader
    opener: Opener

    async def waited(self, request: Query, context: Context, *views: DocumentView[Any]) -> None:
        """Returns once the views (all of the service's, where none is named) show what the caller knows of."""
        position = asked(request, "min_position")
        if position is not None:
            await self.reader.waited(_one(context), position, context.deadline, *views)

    async def get(self, view: DocumentView[D], key: str, request: Query, context: Context) -> Document[D] | None:
        """One document of the tenant that the call is about."""
        await self.waited(request, context, view)
        at = asked(request, "at_position")
        return await view.get(self.reader, context.call.tenant_id, key, at=at, deadline=context.deadline)

    async def page(
        self,
        view: DocumentView[D],
        where: Sequence[Condition],
        order: Sequence[Order],
        request: Listing,
        context: Context,
    ) -> Page[D]:
        """One page over all tenants of the call."""
        at = asked(request, "at_position")
        if at is not None:
            _one(context)
        await self.waited(request, context, view)
        page = PageRequest(request.page.page_size, request.page.page_token)
        return await view.list(self.reader, context.tenants, where, order, page, at=at, deadline=context.deadline)

    async def opened(
        self, items: Sequence[Document[D]], words_of: Callable[[D], Words], context: Context, purpose: str
    ) -> Mapping[TenantId, Opened]:
        """The words of these documents, each tenant's under the roles that the caller holds there."""
        words: dict[TenantId, list[tuple[Sealed, Label]]] = {}
        for item in items:
            words.setdefault(item.tenant_id, []).extend(words_of(item.document))
        return {
            tenant_id: await self.opener.open(context.call_for(tenant_id), sealed, purpose=purpose)
            for tenant_id, sealed in words.items()
        }


def asked(request: Query, name: str) -> int | None:
    """A position of the request; None where it is not set, or where requests of this type have none."""
    if name not in request.DESCRIPTOR.fields_by_name or not request.HasField(name):
        return None
    return int(getattr(request, name))


def sight(view: DocumentView[Any], position: int) -> common.Sight:
    """What an answer shows, to be handed back with a decision that rests on it."""
    return common.Sight(view=view.NAME, view_version=view.VERSION, position=position)


def sights(page: Page[Any]) -> dict[str, common.Sight]:
    """The sights of a list, by tenant."""
    return {
        tenant_id: common.Sight(view=page.view, view_version=page.version, position=position)
        for tenant_id, position in page.positions.items()
        if position >= 0
    }


def next_page(page: Page[Any]) -> common.Page:
    return common.Page(next_page_token=page.next_token)


def _one(context: Context) -> TenantId:
    if len(context.tenants) != 1:
        raise PositionWithoutTenant
    return context.tenants[0]
