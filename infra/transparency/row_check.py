"""Whether a row of `events` agrees with itself: every column repeats a field of the entry, or follows from it. Pure."""

from hashlib import sha256
from typing import Any

from contracts.canonical import decode, encode
from contracts.errors import InvalidArgument
from contracts.ids import TenantId
from infra.event_store.rows import EventRow
from infra.transparency.findings import Findings, Kind

SealedFields = dict[tuple[str, str], tuple[int, str, str]]
"""By event and path: the position, the subject and the commitment of a field that an entry sealed."""

_SEALED_KEYS = frozenset({"subject", "commitment"})
_SEALED_MARK = b'"commitment":"'
_FIELDS = (("version", "version"), ("stream", "stream"), ("topic", "type"), ("event_id", "id"))
"""Columns with the fields of the entry that they repeat."""
_DIGESTS = (("request_key", "request"), ("request_digest", "request_digest"))
"""The same in hexadecimal; both may be without a value."""


def leaf_of(row: EventRow) -> bytes:
    """The leaf hash of the row's bytes, whatever its column says."""
    return sha256(b"\x00" + row.recorded_at_us.to_bytes(8, "big", signed=True) + row.entry).digest()


def check_row(tenant_id: TenantId, row: EventRow, leaf: bytes, findings: Findings) -> dict[str, Any] | None:
    """The entry, or None where it cannot be read; whatever does not agree is among the findings."""
    place = f"events {row.position}"
    if row.leaf_hash != leaf:
        findings.add(Kind.COLUMN_ALTERED, place, "leaf_hash is not that of time and entry", row.position)
    try:
        entry = decode(row.entry)
        if type(entry) is not dict or type(entry.get("data")) is not dict or encode(entry) != row.entry:
            raise ValueError("it is not an entry in canonical JSON")
    except (ValueError, InvalidArgument) as error:
        findings.add(Kind.ENTRY_ALTERED, place, f"the entry cannot be read: {str(error)[:100]}", row.position)
        return None
    for column, name in _FIELDS:
        if getattr(row, column) != entry.get(name):
            findings.add(Kind.COLUMN_ALTERED, place, f"{column} is not the entry's {name}", row.position)
    for column, name in _DIGESTS:
        value: bytes | None = getattr(row, column)
        if (None if value is None else value.hex()) != entry.get(name):
            findings.add(Kind.COLUMN_ALTERED, place, f"{column} is not the entry's {name}", row.position)
    if entry.get("tenant") != tenant_id:
        findings.add(Kind.ENTRY_ALTERED, place, "the entry belongs to another tenant's ledger", row.position)
    return entry


def sealed_fields(position: int, row: EventRow, entry: dict[str, Any]) -> SealedFields:
    """What this entry sealed itself; references to what an earlier one sealed are not among it."""
    found: SealedFields = {}
    if _SEALED_MARK in row.entry:
        _collect(entry["data"], "", position, str(entry.get("id")), found)
    return found


def _collect(node: Any, path: str, position: int, event_id: str, found: SealedFields) -> None:
    if isinstance(node, dict) and node.keys() == _SEALED_KEYS:
        found[event_id, path] = (position, str(node["subject"]), str(node["commitment"]))
    elif isinstance(node, dict | list):
        for key, each in node.items() if isinstance(node, dict) else enumerate(node):
            _collect(each, f"{path}/{key}", position, event_id, found)
