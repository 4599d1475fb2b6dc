"""Judges stored ledgers against a run's journal. It shares no code with the store: only psycopg, hashlib, json.

Every function answers a list of problems in words, empty when there is none.
"""

import base64
import hashlib
import json
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

MAX_PROBLEMS = 20
LEDGER_DATABASE = "tenet_cell"


@dataclass(frozen=True, slots=True)
class Row:
    """One stored entry, its columns as PostgreSQL gives them."""

    position: int
    recorded_at: int
    version: int
    stream: str
    topic: str
    event_id: str
    leaf_hash: bytes
    request_key: bytes | None
    request_digest: bytes | None
    entry: bytes

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.entry)
        return content


def read_rows(connection: "psycopg.Connection[Any]", tenant_id: str) -> list[Row]:
    schema = "t_" + tenant_id.replace("-", "_")
    columns = ", ".join(Row.__slots__)
    cursor = connection.execute(f'SELECT {columns} FROM "{schema}".events ORDER BY position')
    return [Row(*values) for values in cursor.fetchall()]


def check_ledger(rows: list[Row], openings: Iterable[tuple[str, str]]) -> list[str]:
    """Order, hashes, streams, keys, and an opening for every sealed field."""
    problems = [*_order(rows), *_bytes(rows), *_streams(rows), *_once(rows), *_openings(rows, set(openings))]
    return problems[:MAX_PROBLEMS]


def check_acknowledged(rows: list[Row], journal: Iterable[Mapping[str, Any]], tenant_id: str) -> list[str]:
    """Everything that was acknowledged is there, once, not after the position that the acknowledgement named."""
    found: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    lines = [line for line in journal if line["kind"] == "acknowledged" and line["tenant"] == tenant_id]
    fields = {(line["topic"], line["field"]) for line in lines}
    for row in rows:
        for topic, field in fields:
            if row.topic == topic:
                found[topic, field, str(row.content["data"][field])].append(row.position)
    problems = []
    for line in lines:
        what = f"{line['topic']} {line['field']}={line['value']}"
        positions = found[line["topic"], line["field"], line["value"]]
        if len(positions) != 1:
            problems.append(f"{what} was acknowledged and stands at {positions or 'no position'}")
        elif positions[0] > line["position"]:
            problems.append(f"{what} was acknowledged at {line['position']} and stands at {positions[0]}")
    return problems[:MAX_PROBLEMS]


def check_tail(rows: list[Row], journal: Iterable[Mapping[str, Any]], tenant_id: str) -> list[str]:
    """What the tail reader saw, in its order, is what is stored, all of it."""
    seen = [
        (line["position"], line["leaf_hash"])
        for line in journal
        if line["kind"] == "seen" and line["tenant"] == tenant_id
    ]
    stored = [(row.position, row.leaf_hash.hex()) for row in rows]
    if seen == stored:
        return []
    differs = next((at for at, (one, two) in enumerate(zip(seen, stored, strict=False)) if one != two), None)
    return [f"the tail saw {len(seen)} of {len(stored)} entries, and differs from place {differs} on"]


def check_checkpoint(rows: list[Row], checkpoint: str) -> list[str]:
    """The head that was signed (C2SP tlog-checkpoint: origin, size, root) is that of all stored entries, RFC 6962."""
    _, size, root = checkpoint.splitlines()[:3]
    if int(size) != len(rows):
        return [f"the signed head covers {size} of {len(rows)} entries"]
    if base64.b64decode(root) != _root([row.leaf_hash for row in rows]):
        return [f"the signed root of {size} entries is not that of what is stored"]
    return []


def read_journal(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check(server: str, tenant_ids: Iterable[str], journal: list[dict[str, Any]]) -> list[str]:
    """Judges these tenants' ledgers on a server; `server` is its administrator's connection string."""
    problems = []
    with psycopg.connect(server, dbname=LEDGER_DATABASE) as connection:
        for tenant_id in tenant_ids:
            rows = read_rows(connection, tenant_id)
            schema = "t_" + tenant_id.replace("-", "_")
            openings = connection.execute(f'SELECT event_id, path FROM "{schema}".openings').fetchall()
            found = [
                *check_ledger(rows, openings),
                *check_acknowledged(rows, journal, tenant_id),
                *check_tail(rows, journal, tenant_id),
            ]
            problems += [f"{tenant_id}: {problem}" for problem in found]
    return problems


def _root(hashes: list[bytes]) -> bytes:
    """Merkle tree head by RFC 6962, section 2.1, built level by level: a node without a sibling moves up as it is."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        above = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
        hashes = above + hashes[len(above) * 2 :]
    return hashes[0]


def _order(rows: list[Row]) -> Iterator[str]:
    latest = 0
    for place, row in enumerate(rows):
        if row.position != place:
            yield f"position {row.position} stands where {place} is expected"
            return
        if row.recorded_at < latest:
            yield f"position {row.position} was recorded before the one ahead of it"
        latest = row.recorded_at


def _bytes(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        leaf = b"\x00" + struct.pack(">q", row.recorded_at) + row.entry
        if hashlib.sha256(leaf).digest() != row.leaf_hash:
            yield f"position {row.position} has another leaf hash than its bytes"
        content = row.content
        again = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        if again != row.entry:
            yield f"position {row.position} is not canonical JSON"
        columns = (row.stream, row.version, row.topic, row.event_id)
        if columns != (content["stream"], content["version"], content["type"], content["id"]):
            yield f"position {row.position} has columns that its entry does not repeat"


def _streams(rows: list[Row]) -> Iterator[str]:
    versions: Counter[str] = Counter()
    for row in rows:
        versions[row.stream] += 1
        if row.version != versions[row.stream]:
            yield f"position {row.position} is version {row.version} of {row.stream}, after {versions[row.stream] - 1}"


def _once(rows: list[Row]) -> Iterator[str]:
    for what, values in (
        ("event id", [row.event_id for row in rows]),
        ("request key", [row.request_key.hex() for row in rows if row.request_key is not None]),
    ):
        for value, count in Counter(values).items():
            if count > 1:
                yield f"the {what} {value} stands {count} times"
    for row in rows:
        if (row.request_key is None) != (row.request_digest is None):
            yield f"position {row.position} has a request key or its digest, not both"


def _openings(rows: list[Row], openings: set[tuple[str, str]]) -> Iterator[str]:
    sealed = {(row.event_id, path) for row in rows for path in _sealed_paths(row.content["data"], "")}
    for event_id, path in sorted(sealed - openings):
        yield f"nothing opens {path} of {event_id}"
    for event_id, path in sorted(openings - sealed):
        yield f"an opening of {path} of {event_id} belongs to nothing"


def _sealed_paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"commitment", "subject"}:
            yield path
            return
        for name, item in value.items():
            yield from _sealed_paths(item, f"{path}/{name}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _sealed_paths(item, f"{path}/{place}")
