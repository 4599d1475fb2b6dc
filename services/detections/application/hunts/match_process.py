"""`python -m services.detections.application.hunts.match_process`: asks a matcher about every record of some files.

Rules may come from outside with their regular expressions. So this process is ended by its parent when its time is over
or nobody waits any more; the service itself is not held up.

Standard input: a pickled mapping of `files`, `matcher`, `memory_limit`, `address_space`, `max_hits`, `max_bytes`; it
comes from the parent only. Standard output, as JSON lines: for whatever fires, once, `fired`; for each record that
matches `hit` (its row) with `matches` (numbers of what fired, in their order, and what was observed); now and then
`files`, `records` and `found` so far; at the end the same with `truncated`.
"""

import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import orjson

from services.detections.application.archive.rows import record_of, source_of
from services.detections.application.hunts.confinement import confine, database
from services.detections.domain.grouping import Fired
from services.detections.domain.matching import Match

ROWS_AT_ONCE = 1_000


def look(question: Mapping[str, Any]) -> Iterator[bytes]:
    """The lines of the output."""
    ask = question["matcher"].opened()
    numbers: dict[Fired, int] = {}
    records = found = size = 0
    with database(question["memory_limit"]) as connection:
        for looked, path in enumerate(question["files"]):
            for rows in rows_of(connection, path):
                for row in rows:
                    records += 1
                    matches = ask(record_of(row))
                    if not matches:
                        continue
                    yield from _named(matches, numbers)
                    line = orjson.dumps(
                        {"hit": row, "matches": [[numbers[each.fired], each.observed] for each in matches]}
                    )
                    found, size = found + 1, size + len(line)
                    if found > question["max_hits"] or size > question["max_bytes"]:
                        yield orjson.dumps({"files": looked, "records": records, "found": found - 1, "truncated": True})
                        return
                    yield line
                yield orjson.dumps({"files": looked, "records": records, "found": found})
    files = len(question["files"])
    yield orjson.dumps({"files": files, "records": records, "found": found, "truncated": False})


def rows_of(connection: duckdb.DuckDBPyConnection, path: str) -> Iterator[list[dict[str, Any]]]:
    """All rows of a file of the archive, some at once."""
    result = connection.execute(f"FROM {source_of([path])}")
    names = [column[0] for column in result.description or ()]
    while rows := result.fetchmany(ROWS_AT_ONCE):
        yield [dict(zip(names, values, strict=True)) for values in rows]


def _named(matches: Sequence[Match], numbers: dict[Fired, int]) -> Iterator[bytes]:
    for each in matches:
        if each.fired not in numbers:
            numbers[each.fired] = len(numbers)
            fired = each.fired
            yield orjson.dumps(
                {
                    "fired": {
                        "rule": fired.rule.model_dump(),
                        "severity_id": fired.severity_id,
                        "techniques": fired.techniques,
                        "kind": fired.kind.value,
                        "indicator": fired.indicator.model_dump() if fired.indicator else None,
                    }
                }
            )


def main() -> None:
    question = pickle.load(sys.stdin.buffer)  # noqa: S301  # The parent wrote it; nobody else can write to this pipe.
    confine(question["address_space"])
    for line in look(question):
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
