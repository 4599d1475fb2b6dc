"""`python -m services.detections.application.hunts.correlation_process`: correlates what some files hold.

A process of its own for the reasons that `match_process` has.

Standard input: a pickled mapping of `files`, `matcher`, `standing`, `start`, `now` (microseconds), `memory_limit`,
`address_space`, `max_held`, `max_hits`, `max_bytes`; it comes from the parent only. Standard output, as JSON lines: now
and then `files`, `records` and `found` (hits that are held) so far; then for whatever fires `firing` (the correlation,
the group's values, the end of the window, whether it begins), `hits` as they are written for windows, and `sensor`; at
the end the first again, `found` being the hits of what fired, with `truncated` and
`hidden` (matches that somebody holds back).
"""

import pickle
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from services.detections.application.archive.rows import record_of
from services.detections.application.hunts.confinement import confine, database
from services.detections.application.hunts.match_process import rows_of
from services.detections.domain.correlation.batches import written
from services.detections.domain.correlation.hunted import Gathering


def look(question: Mapping[str, Any]) -> Iterator[bytes]:
    """The lines of the output."""
    gathering = Gathering(question["matcher"], question["standing"])
    records, full = 0, False
    files = question["files"]
    with database(question["memory_limit"]) as connection:
        for looked, path in enumerate(files):
            for rows in rows_of(connection, path):
                for row in rows:
                    gathering.take(record_of(row), row["sensor_id"], row["batch_sha256"])
                records += len(rows)
                yield orjson.dumps({"files": looked, "records": records, "found": len(gathering)})
                full = len(gathering) >= question["max_held"]
                if full:
                    break
            if full:
                break
    found = size = 0
    for each in gathering.correlated(question["start"], question["now"]):
        firing = each.firing
        line = orjson.dumps(
            {
                "firing": [firing.correlation.rule_id, firing.group, firing.at, firing.begins],
                "hits": written(firing.hits).decode(),
                "sensor": each.sensor_id,
            }
        )
        if found + len(firing.hits) > question["max_hits"] or size + len(line) > question["max_bytes"]:
            full = True
            break
        found, size = found + len(firing.hits), size + len(line)
        yield line
    yield orjson.dumps(
        {"files": len(files), "records": records, "found": found, "truncated": full, "hidden": gathering.hidden}
    )


def main() -> None:
    question = pickle.load(sys.stdin.buffer)  # noqa: S301  # The parent wrote it; nobody else can write to this pipe.
    confine(question["address_space"])
    for line in look(question):
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
