"""The checker is only worth something if it finds what it is there to find."""

import base64
import hashlib
import json
import sqlite3
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checker import Row, check_acknowledged, check_checkpoint, check_ledger, check_tail
from tests.faults.effects import DISPATCHED, VERIFIED, check_effects, unfinished


def row(position: int, *, stream: str = "case-1", version: int | None = None, topic: str = "t", **data: Any) -> Row:
    """A sound row; its version is its position + 1 unless another one is given."""
    number = position + 1 if version is None else version
    content = {"data": data, "id": f"event-{position}", "stream": stream, "type": topic, "version": number}
    entry = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    leaf = hashlib.sha256(b"\x00" + struct.pack(">q", 1000 + position) + entry).digest()
    return Row(position, 1000 + position, number, stream, topic, f"event-{position}", leaf, None, None, entry)


SOUND = [row(0), row(1), row(2)]


def test_a_sound_ledger_has_no_problems() -> None:
    assert check_ledger(SOUND, []) == []


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([SOUND[0], SOUND[2]], "position 2 stands where 1"),
        ([SOUND[0], replace(SOUND[1], leaf_hash=bytes(32)), SOUND[2]], "another leaf hash"),
        ([SOUND[0], replace(SOUND[1], recorded_at=1), SOUND[2]], "before the one ahead"),
        ([row(0), row(1, version=3)], "version 3 of case-1"),
        ([row(0), replace(row(1), stream="case-2")], "columns that its entry does not repeat"),
        ([row(0), replace(row(1), event_id="event-0")], "the event id event-0 stands 2 times"),
        (
            [replace(each, request_key=b"k", request_digest=b"d") for each in SOUND[:2]],
            "the request key 6b stands 2 times",
        ),
        ([replace(SOUND[0], request_key=b"k")], "not both"),
        ([row(0, text={"commitment": "c", "subject": "s"})], "nothing opens /text"),
    ],
)
def test_what_is_wrong_with_a_ledger_is_found(rows: list[Row], found: str) -> None:
    assert any(found in problem for problem in check_ledger(rows, [])), check_ledger(rows, [])


def test_an_opening_without_a_field_is_found() -> None:
    assert check_ledger(SOUND, [("event-0", "/text")]) == ["an opening of /text of event-0 belongs to nothing"]


def acknowledged(value: str, position: int) -> dict[str, Any]:
    line = {"kind": "acknowledged", "tenant": "north", "topic": "t", "field": "note_id"}
    return {**line, "value": value, "position": position}


def test_an_acknowledgement_without_its_event_or_with_two_is_found() -> None:
    rows = [row(0, note_id="a"), row(1, note_id="b"), row(2, note_id="b")]
    assert check_acknowledged(rows, [acknowledged("a", 0)], "north") == []
    assert check_acknowledged(rows, [acknowledged("c", 5)], "south") == []
    for line in (acknowledged("b", 2), acknowledged("c", 5)):
        assert len(check_acknowledged(rows, [line], "north")) == 1
    assert "stands at 2" in check_acknowledged([row(2, note_id="a")], [acknowledged("a", 1)], "north")[0]


def test_a_tail_that_missed_or_swapped_an_entry_is_found() -> None:
    seen = [
        {"kind": "seen", "tenant": "north", "position": each.position, "leaf_hash": each.leaf_hash.hex()}
        for each in SOUND
    ]
    assert check_tail(SOUND, seen, "north") == []
    assert check_tail(SOUND, seen[:-1], "north")
    assert check_tail(SOUND, [seen[1], seen[0], seen[2]], "north")


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8, 11])
def test_a_signed_head_of_other_entries_is_found(count: int) -> None:
    rows = [row(position) for position in range(count)]
    root = base64.b64encode(root_hash([each.leaf_hash for each in rows])).decode()
    assert check_checkpoint(rows, f"log/north\n{count}\n{root}\n") == []
    assert check_checkpoint([*rows, row(count)], f"log/north\n{count}\n{root}\n")
    assert check_checkpoint([*rows[:-1], replace(rows[-1], leaf_hash=bytes(32))], f"log/north\n{count}\n{root}\n")


def root_hash(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_hash(leaves[:split]) + root_hash(leaves[split:])).digest()


def dispatched(position: int, action_id: str, step_id: str = "isolate") -> Row:
    basis = {"plan_id": "plan", "step_id": step_id}
    return row(position, topic=DISPATCHED, action_id=action_id, attempt=1, basis=basis, target_asset_id="asset")


@pytest.mark.parametrize(
    ("rows", "effects", "found"),
    [
        ([dispatched(0, "a")], [("a", "h", "network", "isolated")], None),
        ([], [("a", "h", "network", "isolated")], "no ledger says was dispatched"),
        ([dispatched(0, "a")], [("a", "h", "network", "isolated")] * 2, "took effect 2 times"),
        ([dispatched(0, "a"), row(1, topic=VERIFIED, action_id="a")], [], "verified and never took effect"),
        ([dispatched(0, "a"), dispatched(1, "b")], [], "was dispatched 2 times"),
        (
            [dispatched(0, "a"), dispatched(1, "b", "again")],
            [("a", "h", "network", "isolated"), ("b", "h", "network", "isolated")],
            "took effect 2 times",
        ),
    ],
)
def test_effects_without_intents_and_double_ones_are_found(
    tmp_path: Path, rows: list[Row], effects: list[tuple[str, str, str, str]], found: str | None
) -> None:
    state = tmp_path / "state.sqlite"
    with sqlite3.connect(state) as database:
        database.execute("CREATE TABLE effects (command_id TEXT, target TEXT, name TEXT, value TEXT)")
        database.executemany("INSERT INTO effects VALUES (?, ?, ?, ?)", effects)
    database.close()
    problems = check_effects(rows, state)
    assert (not problems) if found is None else any(found in problem for problem in problems), problems


def test_an_action_without_an_end_is_unfinished() -> None:
    rows = [dispatched(0, "a"), dispatched(1, "b"), row(2, topic=VERIFIED, action_id="a")]
    assert unfinished(rows) == {"b"}
