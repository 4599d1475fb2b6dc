"""Typed filters and orders over a view's declared columns. Values are always parameters, names always identifiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from psycopg import sql

from contracts.errors import InvalidArgument

MAX_CONDITIONS = 20
MAX_ORDERS = 4
MAX_VALUES_IN_CONDITION = 1_000
"""Most values of one `one_of`."""

BUILT_IN_COLUMNS: Mapping[str, str] = {"key": "text", "tenant_id": "text", "from_position": "bigint"}
"""Columns of every view that a filter or an order may name besides the view's own."""


class UnknownColumn(InvalidArgument):
    """A filter or an order names a column that the view does not declare."""

    reason = "UNKNOWN_COLUMN"


class TooManyConditions(InvalidArgument):
    reason = "TOO_MANY_CONDITIONS"


class Comparison(Enum):
    EQUAL = "{column} = {value}"
    NOT_EQUAL = "{column} IS DISTINCT FROM {value}"
    ONE_OF = "{column} = ANY ({value})"
    AT_LEAST = "{column} >= {value}"
    AT_MOST = "{column} <= {value}"
    MORE_THAN = "{column} > {value}"
    LESS_THAN = "{column} < {value}"
    HAS = "{column} @> ARRAY[{value}]"
    STARTS_WITH = "starts_with({column}, {value})"
    IS_NULL = "({column} IS NULL) = {value}"


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter; a list of them must all hold. Make it with `equal`, `one_of`, `at_least`, `has` and so on."""

    column: str
    comparison: Comparison
    value: Any


def equal(column: str, value: Any) -> Condition:
    return Condition(column, Comparison.EQUAL, value)


def not_equal(column: str, value: Any) -> Condition:
    """Also true where the column is null."""
    return Condition(column, Comparison.NOT_EQUAL, value)


def one_of(column: str, values: Sequence[Any]) -> Condition:
    if len(values) > MAX_VALUES_IN_CONDITION:
        raise TooManyConditions(f"{len(values)} values in one filter; the limit is {MAX_VALUES_IN_CONDITION}.")
    return Condition(column, Comparison.ONE_OF, list(values))


def at_least(column: str, value: Any) -> Condition:
    return Condition(column, Comparison.AT_LEAST, value)


def at_most(column: str, value: Any) -> Condition:
    return Condition(column, Comparison.AT_MOST, value)


def more_than(column: str, value: Any) -> Condition:
    return Condition(column, Comparison.MORE_THAN, value)


def less_than(column: str, value: Any) -> Condition:
    return Condition(column, Comparison.LESS_THAN, value)


def has(column: str, value: Any) -> Condition:
    """The array column holds the value."""
    return Condition(column, Comparison.HAS, value)


def starts_with(column: str, prefix: str) -> Condition:
    return Condition(column, Comparison.STARTS_WITH, prefix)


def is_null(column: str, null: bool = True) -> Condition:
    return Condition(column, Comparison.IS_NULL, null)


@dataclass(frozen=True, slots=True)
class Order:
    """One term of an order. Nulls come last in both directions; tenant and key always break ties."""

    column: str
    descending: bool = False


def ascending(column: str) -> Order:
    return Order(column)


def descending(column: str) -> Order:
    return Order(column, descending=True)


def where_clause(columns: Mapping[str, str], conditions: Sequence[Condition]) -> tuple[sql.Composable, list[Any]]:
    """The conjunction and its parameters. Raises UnknownColumn, TooManyConditions."""
    if len(conditions) > MAX_CONDITIONS:
        raise TooManyConditions(f"{len(conditions)} filters; the limit is {MAX_CONDITIONS}.")
    parts: list[sql.Composable] = [sql.SQL("TRUE")]
    values: list[Any] = []
    for condition in conditions:
        sql_type = column_type(columns, condition.column)
        parts.append(
            sql.SQL(condition.comparison.value).format(
                column=sql.SQL("v.{}").format(sql.Identifier(condition.column)),
                value=sql.SQL("%s::{}").format(sql.SQL(_value_type(condition.comparison, sql_type))),
            )
        )
        values.append(condition.value)
    return sql.SQL(" AND ").join(parts), values


def column_type(columns: Mapping[str, str], name: str) -> str:
    found = columns.get(name) or BUILT_IN_COLUMNS.get(name)
    if found is None:
        raise UnknownColumn(f"There is no column {name!r} to filter or order by.", metadata={"column": name})
    return found


def _value_type(comparison: Comparison, sql_type: str) -> str:
    if comparison is Comparison.ONE_OF:
        return sql_type + "[]"
    if comparison is Comparison.HAS:
        return sql_type.removesuffix("[]")
    if comparison is Comparison.IS_NULL:
        return "boolean"
    return sql_type
