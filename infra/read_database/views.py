"""What a projection is: one read model, kept as row-versioned documents in one table.

A subclass declares its table, its topics and its pure functions: which documents an event touches, what becomes of
each, which columns a document is found by, and which timers it wants. README.md beside this file is the guide.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import orjson
from pydantic import TypeAdapter

from contracts.errors import DataLoss
from contracts.events.base import Event, Recorded
from contracts.ids import TenantId
from infra.read_database.reader.conditions import BUILT_IN_COLUMNS, Condition, Order
from infra.read_database.reader.pages import Document, Page, PageRequest

if TYPE_CHECKING:
    from infra.read_database.reader.queries import Reader

D = TypeVar("D")

COLUMN_TYPES = frozenset(
    {"text", "integer", "bigint", "boolean", "date", "timestamptz", "text[]", "integer[]", "bigint[]"}
)
"""SQL types that a view's columns may have. No floats and no numerics: events hold neither."""
FIRST_PAGE = PageRequest()
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,47}$")
_FIXED_COLUMNS = frozenset({*BUILT_IN_COLUMNS, "build", "to_position", "doc"})


class DocumentUnreadable(DataLoss):
    """A stored document does not have the shape that its view declares: raise the view's VERSION to rebuild it."""

    reason = "DOCUMENT_UNREADABLE"


@dataclass(frozen=True, slots=True)
class Due:
    """A timer that a document wants: at `at` (aware, UTC) the handler of `kind` is called with `payload`.

    A document's timers are told apart by kind, name and time. One that the document no longer wants is cancelled; one
    that has fired does not fire again, even when the document goes on wanting it.
    """

    kind: str
    at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


class DocumentView(Generic[D]):
    """One read model. Give every subclass the class variables below; `DOCUMENT` is the type that D stands for.

    All functions are pure: no clock, no I/O, no mutation of what they are given. Documents hold references of sealed
    fields, never plaintext.
    """

    NAME: ClassVar[str]
    """Fixed for ever, lower case: the identity of the projection's positions."""
    VERSION: ClassVar[int]
    """Raise it whenever the same events give other documents; the view is then rebuilt beside the old one."""
    TABLE: ClassVar[str]
    TOPICS: ClassVar[frozenset[type[Event]]]
    ERASURES: ClassVar[frozenset[type[Event]]] = frozenset()
    """Events that leave no trace of something: they are folded into what `rewritten` finds, and into nothing else."""
    COLUMNS: ClassVar[Mapping[str, str]] = {}
    """Extra columns to filter and order by: name to SQL type, one of COLUMN_TYPES, as in the migration."""
    DOCUMENT: ClassVar[Any]
    READABLE_VERSIONS: ClassVar[frozenset[int]] = frozenset()
    """Older versions whose documents today's DOCUMENT still reads; queries use them until the rebuild has caught up."""

    topic_names: ClassVar[frozenset[str]]
    _adapter: ClassVar[TypeAdapter[Any]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not all(_NAME.match(name) for name in (cls.NAME, cls.TABLE, *cls.COLUMNS)):
            raise TypeError(f"{cls.__name__}: NAME, TABLE and COLUMNS are lower case words joined by underscores")
        if unknown := set(cls.COLUMNS.values()) - COLUMN_TYPES:
            raise TypeError(f"{cls.__name__}: no view column can have the type {', '.join(sorted(unknown))}")
        if taken := _FIXED_COLUMNS & set(cls.COLUMNS):
            raise TypeError(f"{cls.__name__}: every view has the columns {', '.join(sorted(taken))} already")
        if cls.VERSION < 1:
            raise TypeError(f"{cls.__name__}: versions start at 1")
        cls.topic_names = frozenset(event.TOPIC for event in cls.TOPICS | cls.ERASURES)
        cls._adapter = TypeAdapter(cls.DOCUMENT)

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        """The documents that this event touches, as far as the event itself tells."""
        raise NotImplementedError

    def lookups(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """Further documents that this event touches: the current ones of the tenant that meet any of these conditions.

        For events that do not name the document (a sensor's, a principal's). It costs a query each; prefer `keys`.
        """
        return ()

    def rewritten(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """The documents that one of ERASURES has to leave no trace in: those of which a version, also a past one, meets
        any of these conditions. Such versions are folded in place, so that what is asked for as it was known before
        shows nothing either. Nothing else may rewrite the past, and a view with timers has nothing to erase.
        """
        return ()

    def fold(self, key: str, document: D | None, recorded: Recorded[Any]) -> D | None:
        """The document after the event: a new value, or the same one for no change, or None to delete it."""
        raise NotImplementedError

    def columns(self, document: D) -> Mapping[str, object]:
        """The values of COLUMNS for this document; all of them, None for null."""
        return {}

    def timers(self, key: str, document: D) -> Sequence[Due]:
        """Every timer that the document wants in this state."""
        return ()

    def encode(self, document: D) -> bytes:
        """The document as JSON for PostgreSQL, which cannot store U+0000: it is shown as U+FFFD."""
        data = self._adapter.dump_json(document)
        if b"\\u0000" in data:
            return orjson.dumps(_without_nul(orjson.loads(data)))
        return data

    def decode(self, data: bytes | str) -> D:
        """Raises DocumentUnreadable."""
        try:
            document: D = self._adapter.validate_json(data)
        except ValueError as error:
            raise DocumentUnreadable(
                f"A document of {self.NAME} version {self.VERSION} is unreadable.", metadata={"view": self.NAME}
            ) from error
        return document

    def row_values(self, document: D) -> list[object]:
        """The values of COLUMNS in their declared order. Raises KeyError for a column that `columns` leaves out."""
        values = self.columns(document)
        return [_without_nul(values[name]) for name in self.COLUMNS]

    async def get(
        self, reader: "Reader", tenant_id: TenantId, key: str, at: int | None = None, *, deadline: float | None = None
    ) -> Document[D] | None:
        """The document now, or as it was known at a position. None when there is, or was, no such document.

        Raises NotYetApplied when the view has not reached `at` by the deadline (an instant of the event loop's clock,
        as in a servicer's context).
        """
        return await reader.get(self, tenant_id, key, at=at, deadline=deadline)

    async def list(
        self,
        reader: "Reader",
        tenant_ids: Sequence[TenantId],
        where: Sequence[Condition] = (),
        order: Sequence[Order] = (),
        page: PageRequest = FIRST_PAGE,
        *,
        at: int | Mapping[TenantId, int] | None = None,
        deadline: float | None = None,
    ) -> Page[D]:
        """One page of the documents of these tenants that meet all conditions, over one snapshot of the view.

        `at` is a position for a single tenant, or one position per tenant. Raises NotYetApplied, UnknownColumn,
        PageTokenRefused, TenantListRefused.
        """
        return await reader.list(self, tenant_ids, where, order, page, at=at, deadline=deadline)

    async def count(self, reader: "Reader", tenant_ids: Sequence[TenantId], where: Sequence[Condition] = ()) -> int:
        """How many current documents of these tenants meet all conditions."""
        return await reader.count(self, tenant_ids, where)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list | tuple):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(item) for name, item in value.items()}
    return value
