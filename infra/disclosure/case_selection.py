"""Which entries belong to a case: what speaks of it, what it grew out of, and what it cites. Pure.

A first pass over the ledger (`look`) finds the streams, and the entries that sealed what the case's entries refer to,
such as the asset that an action was aimed at; a second one (`takes`) takes them. What these cite by position is then
taken too, and what caused it, until nothing is missing.
"""

from collections.abc import Iterator
from typing import Any

from contracts.ids import StreamName, category_of, stream_name

WHOLE_STREAMS = frozenset({"case", "action", "notice", "enquiry", "detection", "finding", "customer_report"})
"""Categories whose streams tell one story, so that all of it belongs to the case. Of others only the entry itself."""


class CaseSelection:
    """Entries are given as stored, with their decoded JSON."""

    def __init__(self, case_id: str) -> None:
        self._mark = f'"{case_id}"'.encode()
        self._streams: set[StreamName] = {StreamName(case_id)}
        self._sealed_by: set[str] = set()
        self.positions: set[int] = set()

    def mentions(self, data: bytes) -> bool:
        """Identifiers are opaque and unique, so an entry that holds the case's as a string speaks of this case."""
        return self._mark in data

    def look(self, position: int, data: bytes, entry: dict[str, Any]) -> None:
        if not self.mentions(data):
            return
        self.positions.add(position)
        if category_of(entry["stream"]) in WHOLE_STREAMS:
            self._streams.add(entry["stream"])
        self._sealed_by.update(_referred_to(entry["data"]))
        for kind, identifier in _subjects(entry["data"]):
            self._streams.add(stream_name(kind, identifier))

    def takes(self, position: int, entry: dict[str, Any]) -> bool:
        known = position in self.positions or entry["stream"] in self._streams
        return known or entry["id"] in self._sealed_by


def cited_positions(entry: dict[str, Any]) -> set[int]:
    """Positions of the same ledger that an entry names: its cause, its facts, and those in its payload.

    What its maker had been shown (`seen`) is a state of a view, not an entry.
    """
    found = set(_positions(entry["data"]))
    found.update(fact["position"] for fact in entry.get("facts", ()) if fact["tenant"] == entry["tenant"])
    if "causation" in entry:
        found.add(entry["causation"])
    return found


def _positions(node: Any) -> Iterator[int]:
    if isinstance(node, list):
        for each in node:
            yield from _positions(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "seen":
                continue
            if key.endswith("position") and isinstance(value, int):
                yield value
            elif key.endswith("positions") and isinstance(value, list):
                yield from (each for each in value if isinstance(each, int))
            else:
                yield from _positions(value)


def _subjects(node: Any) -> Iterator[tuple[str, str]]:
    """The validated things that the payload names as what it rests on."""
    if isinstance(node, list):
        for each in node:
            yield from _subjects(each)
    elif isinstance(node, dict):
        if "validation_position" in node:
            yield node["kind"], node["id"]
        for value in node.values():
            yield from _subjects(value)


def _referred_to(node: Any) -> Iterator[str]:
    """The events that sealed what the payload holds a reference to."""
    if isinstance(node, list):
        for each in node:
            yield from _referred_to(each)
    elif isinstance(node, dict):
        if "commitment" in node and "event_id" in node:
            yield node["event_id"]
        for value in node.values():
            yield from _referred_to(value)
