"""What the actuator keeps: commands and messages by identifier, the state of targets, how to behave; in SQLite."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS commands (
    command_id TEXT PRIMARY KEY, status INTEGER NOT NULL, text TEXT NOT NULL, receipt TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS effects (
    number INTEGER PRIMARY KEY, command_id TEXT NOT NULL, target TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS targets (
    target TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (target, name)
) STRICT;
CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS behaviours (target TEXT PRIMARY KEY, behaviour TEXT NOT NULL) STRICT;
"""
EVERY_TARGET = "*"
MAX_MESSAGES = 1_000
"""Messages that the room keeps; earlier ones go."""


class Behaviour(StrEnum):
    """How it treats commands, for all targets or for one."""

    OBEY = "obey"
    REFUSE = "refuse"
    """Says no; nothing takes effect."""
    FAIL = "fail"
    """HTTP 500 before any effect, and nothing is remembered."""
    FAIL_AFTER = "fail_after"
    """The effect takes place, then HTTP 500: the sender cannot know."""
    HANG = "hang"
    """No answer, and no effect."""
    HANG_AFTER = "hang_after"
    """The effect takes place, then no answer."""
    LIE = "lie"
    """Says yes, and does nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command: a status of OpenC2 (Language Specification v1.0, 3.3.2.2), its text, and a receipt."""

    status: int
    text: str
    receipt: str


class ActuatorState:
    """Every change is durable before the call returns. Safe for one process; calls are short."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def find(self, command_id: str) -> Outcome | None:
        row = self._database.execute(
            "SELECT status, text, receipt FROM commands WHERE command_id = ?", (command_id,)
        ).fetchone()
        return Outcome(*row) if row else None

    def carry_out(self, command_id: str, target: str, effect: tuple[str, str] | None, outcome: Outcome) -> Outcome:
        """Takes effect and remembers the outcome, in one transaction; a command that is known has its first outcome."""
        with self._transaction():
            known = self.find(command_id)
            if known is not None:
                return known
            if effect is not None:
                name, value = effect
                self._database.execute(
                    "INSERT INTO effects (command_id, target, name, value) VALUES (?, ?, ?, ?)",
                    (command_id, target, name, value),
                )
                self._database.execute(
                    "INSERT INTO targets (target, name, value) VALUES (?, ?, ?)"
                    " ON CONFLICT (target, name) DO UPDATE SET value = excluded.value",
                    (target, name, value),
                )
            self._database.execute(
                "INSERT INTO commands (command_id, status, text, receipt) VALUES (?, ?, ?, ?)",
                (command_id, outcome.status, outcome.text, outcome.receipt),
            )
        return outcome

    def state_of(self, target: str) -> dict[str, str]:
        rows = self._database.execute("SELECT name, value FROM targets WHERE target = ? ORDER BY name", (target,))
        return dict(rows.fetchall())

    def effects_of(self, command_id: str) -> int:
        """How many effects a command had: never more than one, which fault tests check."""
        row = self._database.execute("SELECT count(*) FROM effects WHERE command_id = ?", (command_id,)).fetchone()
        return int(row[0])

    def post(self, message_id: str, text: str) -> None:
        """Keeps a message of the room; one that is known stays as it is."""
        with self._transaction():
            self._database.execute("INSERT OR IGNORE INTO messages (id, text) VALUES (?, ?)", (message_id, text))
            self._database.execute(
                "DELETE FROM messages WHERE number <= (SELECT max(number) FROM messages) - ?", (MAX_MESSAGES,)
            )

    def posted(self) -> list[dict[str, str]]:
        """Messages of the room, the earliest first."""
        rows = self._database.execute("SELECT id, text FROM messages ORDER BY number")
        return [{"id": message_id, "text": text} for message_id, text in rows]

    def behave(self, target: str, behaviour: Behaviour) -> None:
        self._database.execute(
            "INSERT INTO behaviours (target, behaviour) VALUES (?, ?)"
            " ON CONFLICT (target) DO UPDATE SET behaviour = excluded.behaviour",
            (target, behaviour.value),
        )

    def behaviour_for(self, target: str) -> Behaviour:
        for name in (target, EVERY_TARGET):
            row = self._database.execute("SELECT behaviour FROM behaviours WHERE target = ?", (name,)).fetchone()
            if row:
                return Behaviour(row[0])
        return Behaviour.OBEY

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
