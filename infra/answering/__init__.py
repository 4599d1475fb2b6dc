"""How a read service answers: at the position that was asked for, page by page, each tenant's words opened apart.

Queries of the wire have `min_position` (wait until this is in) and mostly `at_position` (as known then); lists have a
`page`. What these mean is here, once, for all services.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from tenet.common.v1 import common_pb2 as common

from contracts.errors import InvalidArgument
from contracts.events.base import Sealed
from contracts.ids import PROVIDER, TenantId
from contracts.labels import Label
from infra.disclosure.opener import Opened, Opener
from infra.grpc import Context
from infra.read_database.reader.conditions import Condition, Order, starts_with
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


class Identifying(Query, Protocol):
    @property
    def id_prefix(self) -> str: ...


class PositionWithoutTenant(InvalidArgument):
    """A position belongs to one tenant's ledger; a query over several names none."""

    reason = "POSITION_WITHOUT_TENANT"

    def __init__(self) -> None:
        super().__init__("A position belongs to one tenant; name that tenant alone.")


@dataclass(frozen=True, slots=True)
class Answering:
    """A servicer's way to its views. Every method may raise PositionWithoutTenant and what the reader raises.

    `tenants` are those whose rows are answered from, where they are not all of the call's. `positions` is what the
    request calls positions in their ledger, after `min_` and `at_`.
    """

    reader: Reader
    opener: Opener
    tenants: Sequence[TenantId] | None = None
    positions: str = "position"

    def over(self, tenants: Sequence[TenantId]) -> "Answering":
        """From the rows of these tenants only; who asks has to be allowed to read them."""
        return replace(self, tenants=tuple(tenants))

    @property
    def of_provider(self) -> "Answering":
        """From the provider's own rows, for requests that name positions in its ledger beside those in tenants'."""
        return replace(self, tenants=(PROVIDER,), positions="provider_position")

    async def waited(self, request: Query, context: Context, *views: DocumentView[Any]) -> None:
        """Returns once the views (all of the service's, where none is named) show what the caller knows of."""
        position = asked(request, f"min_{self.positions}")
        if position is not None:
            await self.reader.waited(_one(self._answered(context)), position, context.deadline, *views)

    async def get(self, view: DocumentView[D], key: str, request: Query, context: Context) -> Document[D] | None:
        """One document of the tenant that the call is about."""
        await self.waited(request, context, view)
        at = asked(request, f"at_{self.positions}")
        tenant_id = context.call.tenant_id if self.tenants is None else _one(self.tenants)
        return await view.get(self.reader, tenant_id, key, at=at, deadline=context.deadline)

    async def page(
        self,
        view: DocumentView[D],
        where: Sequence[Condition],
        order: Sequence[Order],
        request: Listing,
        context: Context,
    ) -> Page[D]:
        """One page over all tenants that are answered from."""
        tenants = self._answered(context)
        at = asked(request, f"at_{self.positions}")
        if at is not None:
            _one(tenants)
        await self.waited(request, context, view)
        page = PageRequest(request.page.page_size, request.page.page_token)
        return await view.list(self.reader, tenants, where, order, page, at=at, deadline=context.deadline)

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

    def _answered(self, context: Context) -> Sequence[TenantId]:
        return context.tenants if self.tenants is None else self.tenants


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


def identified(request: Identifying) -> list[Condition]:
    """Narrows a list to the identifiers that begin as it asks for; no condition where it does not ask."""
    return [starts_with("key", request.id_prefix)] if request.HasField("id_prefix") else []


def next_page(page: Page[Any]) -> common.Page:
    return common.Page(next_page_token=page.next_token)


def _one(tenants: Sequence[TenantId]) -> TenantId:
    if len(tenants) != 1:
        raise PositionWithoutTenant
    return tenants[0]
