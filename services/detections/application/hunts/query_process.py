"""`python -m services.detections.application.hunts.query_process`: answers one question in SQL, apart from the service.

The question comes from outside. So the process can reach the given files and nothing else, changes nothing, has a limit
of memory, and is ended by its parent when its time is over; what it does to itself hurts nobody else.

Standard input: JSON of `files`, `sql`, `memory_limit`, `address_space`, `max_rows`, `max_bytes`. Standard output, as
JSON lines: the columns' names; then each row as an array of texts, numbers, booleans and null; then an object with
`rows` and `truncated`. Instead of all that an object with `refused` and a message. Numbers that JSON cannot say, or not
all readers of it (beyond 64 bits, not finite), are texts.
"""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from services.detections.application.archive.rows import source_of
from services.detections.application.hunts.confinement import confine, database

ROWS_AT_ONCE = 1_000
CONFINEMENT = ("enable_external_access = false", "allow_community_extensions = false", "lock_configuration = true")
WIDEST_INTEGER = 64
READ_ONLY = frozenset({duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN})


class Refused(Exception):
    """The question is none, more than one, or would change something."""


def answer(question: Mapping[str, Any]) -> Iterator[Any]:
    """The values of the output's lines. Raises Refused and duckdb.Error."""
    with database(question["memory_limit"]) as connection:
        _open_only(connection, question)
        statement = _statement(connection, question["sql"])
        result = connection.execute(statement)
        yield [column[0] for column in result.description or ()]
        rows = size = 0
        while chunk := result.fetchmany(ROWS_AT_ONCE):
            for row in chunk:
                line = [_plain(value) for value in row]
                size += len(json.dumps(line))
                if rows >= question["max_rows"] or size > question["max_bytes"]:
                    yield {"rows": rows, "truncated": True}
                    return
                rows += 1
                yield line
        yield {"rows": rows, "truncated": False}


def _open_only(connection: duckdb.DuckDBPyConnection, question: Mapping[str, Any]) -> None:
    """Makes the view `telemetry`, and takes every other way to files, the network and settings."""
    files = question["files"]
    if files:
        connection.execute("SET allowed_paths = $1", [files])
    connection.execute(f"CREATE VIEW telemetry AS FROM {source_of(files)}")
    for setting in CONFINEMENT:
        connection.execute(f"SET {setting}")


def _statement(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise Refused("A hunt is one statement.")
    if statements[0].type not in READ_ONLY:
        raise Refused("A hunt only reads: SELECT, WITH … SELECT, or EXPLAIN.")
    return statements[0]


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if value.bit_length() < WIDEST_INTEGER else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return str(value)
        case bytes():
            return value.hex()
        case dict() | list() | tuple():
            return json.dumps(value, default=str)
        case _:
            return str(value)


def main() -> None:
    question = json.load(sys.stdin)
    confine(question["address_space"])
    try:
        for value in answer(question):
            sys.stdout.write(json.dumps(value) + "\n")
    except (duckdb.Error, Refused) as error:
        sys.stdout.write(json.dumps({"refused": " ".join(str(error).split())[:500]}) + "\n")
    except MemoryError:
        sys.stdout.write(json.dumps({"refused": "The question wants more memory than a hunt has."}) + "\n")


if __name__ == "__main__":
    main()
