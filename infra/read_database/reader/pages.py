"""Pages of a list: keyset pagination with opaque tokens, so that a page costs the same wherever it lies."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import orjson
from psycopg import sql

from contracts.errors import FieldViolation, InvalidArgument
from contracts.ids import TenantId
from infra.read_database.reader.conditions import MAX_ORDERS, Condition, Order, TooManyConditions, column_type

D = TypeVar("D")

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1_000
MAX_TOKEN_LENGTH = 16_384


class PageTokenRefused(InvalidArgument):
    """The page token is not one of ours, or belongs to a list with other filters, order, tenants or position."""

    reason = "PAGE_TOKEN_REFUSED"

    def __init__(self) -> None:
        super().__init__(
            "The page token does not belong to this list.",
            violations=(FieldViolation("page_token", "the token that the previous page of the same list gave"),),
        )


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`size` 0 means the default; sizes above the limit are cut to it. `token` is empty for the first page."""

    size: int = 0
    token: str = ""

    @property
    def limit(self) -> int:
        if self.size < 0:
            raise InvalidArgument(
                "A page size is negative.", violations=(FieldViolation("page_size", "0 or a positive number"),)
            )
        return min(self.size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


@dataclass(frozen=True, slots=True)
class Document(Generic[D]):
    """A document as it stood. `from_position` is the entry that gave it this shape, `position` what it stands on: what
    was applied, or the position that was asked for.
    """

    tenant_id: TenantId
    key: str
    document: D
    from_position: int
    position: int


@dataclass(frozen=True, slots=True)
class Page(Generic[D]):
    """`next_token` is empty on the last page. `positions` holds what the answer stands on, for every tenant asked.

    A tenant whose view is being built for the first time, or again after its ledger was found changed, has no rows here
    and is named in `not_ready`: its absence is no statement that it has nothing.
    """

    items: Sequence[Document[D]]
    next_token: str
    positions: Mapping[TenantId, int]
    not_ready: tuple[TenantId, ...] = ()
    view: str = ""
    version: int = 0
    """The view and its version, so that a decision can record what its maker saw."""


@dataclass(frozen=True, slots=True)
class Keyset:
    """The order of a list with its tie-breakers, and how to continue after a row."""

    columns: Mapping[str, str]
    orders: tuple[Order, ...]
    fingerprint: str = field(compare=False, default="")

    @classmethod
    def of(cls, columns: Mapping[str, str], order: Sequence[Order], *identity: Any) -> "Keyset":
        """`identity` is whatever else makes the list this list: view, filters, tenants, position."""
        if len(order) > MAX_ORDERS:
            raise TooManyConditions(f"{len(order)} orders; the limit is {MAX_ORDERS}.")
        named = {term.column for term in order}
        for term in order:
            if column_type(columns, term.column).endswith("[]"):
                raise InvalidArgument(f"The column {term.column!r} is an array and gives no order.")
        ties = tuple(Order(name) for name in ("tenant_id", "key") if name not in named)
        orders = (*order, *ties)
        text = repr(([(term.column, term.descending) for term in orders], identity))
        return cls(columns, orders, hashlib.sha256(text.encode()).hexdigest()[:16])

    def order_by(self) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL("v.{} {} NULLS LAST").format(
                sql.Identifier(term.column), sql.SQL("DESC" if term.descending else "ASC")
            )
            for term in self.orders
        )

    def after(self, values: Sequence[Any]) -> tuple[sql.Composable, list[Any]]:
        """Rows that come later than the row with these values, in the sense of `order_by`."""
        alternatives: list[sql.Composable] = []
        parameters: list[Any] = []
        for index, term in enumerate(self.orders):
            if values[index] is None:
                continue  # Nulls come last, so nothing lies behind a null in this term.
            equal = [self._same(earlier) for earlier in self.orders[:index]]
            later = sql.SQL("({column} {sign} {value} OR {column} IS NULL)").format(
                column=self._column(term), sign=sql.SQL("<" if term.descending else ">"), value=self._value(term)
            )
            alternatives.append(sql.SQL("({})").format(sql.SQL(" AND ").join([*equal, later])))
            parameters += [*values[:index], values[index]]
        if not alternatives:
            return sql.SQL("FALSE"), []
        return sql.SQL("({})").format(sql.SQL(" OR ").join(alternatives)), parameters

    def token(self, values: Sequence[Any]) -> str:
        plain = [value.isoformat() if isinstance(value, datetime | date) else value for value in values]
        return base64.urlsafe_b64encode(orjson.dumps([self.fingerprint, *plain])).decode().rstrip("=")

    def values(self, token: str) -> list[Any]:
        """The values that a token continues after. Raises PageTokenRefused."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise PageTokenRefused
        try:
            content = orjson.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        except (binascii.Error, ValueError) as error:
            raise PageTokenRefused from error
        if not isinstance(content, list) or len(content) != len(self.orders) + 1 or content[0] != self.fingerprint:
            raise PageTokenRefused
        if any(isinstance(value, list | dict) for value in content):
            raise PageTokenRefused
        return content[1:]

    def _same(self, term: Order) -> sql.Composable:
        return sql.SQL("{} IS NOT DISTINCT FROM {}").format(self._column(term), self._value(term))

    def _column(self, term: Order) -> sql.Composable:
        return sql.SQL("v.{}").format(sql.Identifier(term.column))

    def _value(self, term: Order) -> sql.Composable:
        return sql.SQL("%s::{}").format(sql.SQL(column_type(self.columns, term.column)))


def identity_of(
    name: str, version: int, tenant_ids: Sequence[TenantId], conditions: Sequence[Condition], at: Mapping[TenantId, int]
) -> tuple[Any, ...]:
    """What must be equal from page to page for a token to be good. A time that is compared with may move on, as that of
    a filter for what is not over yet does between two calls.
    """
    filters = [
        (each.column, each.comparison.name, "" if isinstance(each.value, datetime) else str(each.value))
        for each in conditions
    ]
    return name, version, sorted(tenant_ids), filters, sorted(at.items())
