"""Judges what the reference actuator did against what the ledgers say was dispatched. Its own SQLite file is read."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.faults.checker import Row

DISPATCHED = "tenet.cases.ActionDispatched"
VERIFIED = "tenet.cases.ActionVerified"
ENDS = {
    VERIFIED,
    "tenet.cases.ActionVerificationFailed",
    "tenet.cases.ActionRefused",
    "tenet.cases.ActionLost",
    "tenet.cases.ActionCancelled",
}


def check_effects(rows: Iterable[Row], actuator_state: Path) -> list[str]:
    """No effect without an intent, none twice, none missing where verified; one intent a step, target and attempt."""
    rows = list(rows)
    with sqlite3.connect(f"file:{actuator_state}?mode=ro", uri=True) as database:
        effects = database.execute("SELECT command_id, target, name, value FROM effects").fetchall()
    return [*_against_intents(rows, effects), *_twice(rows, effects)]


def unfinished(rows: Iterable[Row]) -> set[str]:
    """Actions that were dispatched and have come to no end yet."""
    stages: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.topic == DISPATCHED or row.topic in ENDS:
            stages[row.content["data"]["action_id"]].add(row.topic)
    return {action for action, topics in stages.items() if DISPATCHED in topics and not topics & ENDS}


def verified(rows: Iterable[Row]) -> set[str]:
    return {row.content["data"]["action_id"] for row in rows if row.topic == VERIFIED}


def _against_intents(rows: list[Row], effects: list[tuple[str, str, str, str]]) -> Iterator[str]:
    dispatched = {row.content["data"]["action_id"] for row in rows if row.topic == DISPATCHED}
    counted = Counter(command for command, _, _, _ in effects)
    for command in sorted(counted.keys() - dispatched):
        yield f"the receiver carried out {command}, which no ledger says was dispatched"
    for command, count in sorted(counted.items()):
        if count != 1:
            yield f"{command} took effect {count} times"
    for command in sorted(verified(rows) - counted.keys()):
        yield f"{command} is verified and never took effect"


def _twice(rows: list[Row], effects: list[tuple[str, str, str, str]]) -> Iterator[str]:
    intents = Counter(
        (data["basis"]["plan_id"], data["basis"]["step_id"], data["target_asset_id"], data["attempt"])
        for data in (row.content["data"] for row in rows if row.topic == DISPATCHED)
    )
    for intent, count in intents.items():
        if count > 1:
            yield f"{intent} was dispatched {count} times"
    # Every host is attacked once, so the same effect on it twice is one action done twice under two identifiers.
    for what, count in Counter((target, name, value) for _, target, name, value in effects).items():
        if count > 1:
            yield f"{what} took effect {count} times"
