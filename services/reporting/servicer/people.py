"""Names in the place of opaque identifiers, for the customer's own people; the provider's stay behind a short mark."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from contracts.calls import Call
from contracts.events.tenancy import PrincipalKind
from contracts.ids import PROVIDER, TenantId
from contracts.labels import Audience
from infra.disclosure.labelled import UNLABELLED
from infra.disclosure.opener import Opener
from infra.read_database.reader.conditions import one_of
from infra.read_database.reader.pages import PageRequest
from infra.read_database.reader.queries import Reader
from services.reporting.config import MAX_PEOPLE_IN_REPORT
from services.reporting.projections import PEOPLE
from services.reporting.servicer.plain_words import end_of

_NAMING = frozenset({"actor_id", "recipient_id", "principal_id"})


def people_in(value: Any) -> Iterator[str]:
    """Every principal that a model names; rules and timers of Tenet are none."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name in _NAMING and isinstance(item, str) and ":" not in item:
                yield item
            else:
                yield from people_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from people_in(item)


class Namer:
    """`ancestors` are the entities above a tenant in its customer tree: their people are the tenant's own."""

    def __init__(self, reader: Reader, opener: Opener, ancestors: Callable[[TenantId], Iterable[TenantId]]) -> None:
        self._reader = reader
        self._opener = opener
        self._ancestors = ancestors

    async def names(self, call: Call, principal_ids: Iterable[str], audience: Audience) -> Mapping[str, str]:
        """What to show of these principals. One whose name may not be shown, or was erased, is left out."""
        wanted = sorted(set(principal_ids))[:MAX_PEOPLE_IN_REPORT]
        page = await PEOPLE.list(
            self._reader, [PROVIDER], [one_of("key", wanted)], page=PageRequest(size=MAX_PEOPLE_IN_REPORT)
        )
        known = {item.key: item.document for item in page.items}
        own = frozenset((call.tenant_id, *self._ancestors(call.tenant_id)))
        named = {key: row.display_name for key, row in known.items() if row.home_tenant_id in own}
        opened = await self._opener.open(
            call,
            [(sealed, UNLABELLED) for sealed in named.values()],
            purpose="name people in report",
            audience=audience,
            held_by=PROVIDER,
        )
        shown = {key: words for key, sealed in named.items() if isinstance(words := opened.of(sealed), str)}
        for key, row in known.items():
            if row.home_tenant_id == PROVIDER:
                what = "a person" if row.kind is PrincipalKind.PERSON else "a machine"
                shown[key] = f"{what} of ours (…{end_of(key)})"
        return shown
