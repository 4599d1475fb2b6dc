"""Random tampering with one tenant's tables and log, and where a check has to say that it was done.

Each mutation changes one thing (or a few that belong together); `Tampering.attempt` applies one or more, finds out by
comparing with the copies what is different now, and asks whether the check named the first of it.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from infra.transparency.findings import Finding
from infra.transparency.ledger_check import LedgerChecked
from tests.tampering.ledgers import Ledgers

EVENT_COLUMNS = (
    "position",
    "recorded_at",
    "version",
    "stream",
    "topic",
    "event_id",
    "leaf_hash",
    "request_key",
    "request_digest",
    "entry",
)
MANY = 50
"""Events; a check names a hundred openings without one and counts the others."""
OPENING_COLUMNS = ("event_id", "path", "subject", "key_id", "nonce", "ciphertext")


@dataclass(frozen=True)
class Attempt:
    """What was done, what differs because of it, and what the check said."""

    done: tuple[str, ...]
    positions: frozenset[int | None]
    openings: frozenset[tuple[str, str]]
    openings_to_name: frozenset[tuple[str, str]]
    """One of these has to be named."""
    files: frozenset[str]
    size: int
    checked: LedgerChecked

    @property
    def changed(self) -> bool:
        return bool(self.positions or self.openings or self.files)

    def missed(self) -> str:
        """What the check did not say of this; empty where it was detected and located."""
        findings = self.checked.findings
        if not findings.count:
            return "nothing was found"
        known = [position for position in self.positions if position is not None]
        # What comes behind the end of the ledger is told by the first position that is missing before it.
        first = min(*known, self.size) if known else 0
        if known and findings.first_position != first and not self._earlier_openings(first):
            return f"the first position is {first}, and {findings.first_position} was named"
        places = {each.place for each in findings.found}
        wanted = {f"openings {event_id} {path}" for event_id, path in self.openings_to_name}
        if wanted and wanted.isdisjoint(places):
            return f"no opening of {sorted(wanted)[:3]} was named"
        lost = {name for name in self.files if not any(_names(each, name) for each in findings.found)}
        return f"the files {sorted(lost)} were not named" if lost else ""

    def _earlier_openings(self, position: int) -> bool:
        """Whether an opening that was changed as well belongs to an earlier entry, which is then the first."""
        first = self.checked.findings.first_position
        return bool(self.openings) and first is not None and first < position


def _names(finding: Finding, name: str) -> bool:
    if name.startswith("keys/"):
        return finding.place == "keys"
    return finding.place == name


@dataclass
class Tampering:
    ledgers: Ledgers
    chance: random.Random
    size: int = 0

    async def attempt(self, count: int = 1) -> Attempt | None:
        """None where what was drawn changed nothing after all, such as two equal values swapped."""
        (row,) = await self.ledgers.sql("SELECT count(*) FROM public.copy_events")
        self.size = int(str(row[0]))
        async with self.ledgers.admin.transaction(force_rollback=True):
            done = []
            for _ in range(count):
                name, work = self.chance.choice(self._kinds())
                done.append(f"{name}: {await work()}")
            positions = frozenset(_position(row) for row in await self.ledgers.changed("events"))
            lost = {str(row[5]) for row in await self.ledgers.changed("events")}
            openings = frozenset((str(row[0]), str(row[1])) for row in await self.ledgers.changed("openings"))
            # Of an event that is gone itself its entry is named, and where many are gone not every opening is.
            named = frozenset(each for each in openings if each[0] not in lost and len(lost) < MANY)
            files = self._changed_files()
            if not (positions or openings or files):
                return None
            try:
                checked = await self.ledgers.check(uncommitted=True)
            finally:
                if files:
                    self.ledgers.restore_files()
        return Attempt(tuple(done), positions, openings, named, files, self.size, checked)

    def _kinds(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        """Named by what is done; those that change a byte of a column come up as often as all others together."""
        return [
            *[("a value of events", self._event_value)] * 6,
            *[("a value of openings", self._opening_value)] * 5,
            ("events deleted", self._delete_events),
            ("openings deleted", self._delete_openings),
            ("an event inserted", self._insert_event),
            ("an opening inserted", self._insert_opening),
            ("events swapped", self._swap_events),
            ("a column swapped", self._swap_column),
            ("openings swapped", self._swap_openings),
            ("events reordered", self._reorder),
            ("events truncated", self._truncate),
            ("rolled back and appended to", self._roll_back),
            ("rows of the other tenant", self._foreign_rows),
            ("openings of the other tenant", self._foreign_openings),
            *[("a file's byte", self._file_byte)] * 3,
            ("a file's length", self._file_length),
            ("a file exchanged", self._file_exchanged),
        ]

    async def _event_value(self) -> str:
        position, column = self.chance.randrange(self.size), self.chance.choice(EVENT_COLUMNS)
        rows = await self.ledgers.sql(f"SELECT {column} FROM {{t}}.events WHERE position = %s LIMIT 1", position)
        if not rows:
            return "nothing"
        await self.ledgers.sql(
            f"UPDATE {{t}}.events SET {column} = %s WHERE position = %s", self._other(rows[0][0]), position
        )
        return f"{column} of {position}"

    async def _opening_value(self) -> str:
        event_id, path = await self._opening()
        column = self.chance.choice(OPENING_COLUMNS)
        where = "WHERE event_id = %s AND path = %s"
        rows = await self.ledgers.sql(f"SELECT {column} FROM {{t}}.openings {where} LIMIT 1", event_id, path)
        if not rows:
            return "nothing"
        other = self._other(rows[0][0])
        await self.ledgers.sql(f"UPDATE {{t}}.openings SET {column} = %s {where}", other, event_id, path)
        return f"{column} of {event_id} {path}"

    def _other(self, value: object) -> object:
        """The value with one byte changed, or none, or one in the place of none."""
        chance = self.chance
        if value is None:
            return chance.randbytes(32)
        if chance.random() < 0.03:
            return None
        if isinstance(value, int):
            return value ^ (1 << chance.randrange(62)) if chance.random() < 0.8 else -value
        if isinstance(value, bytes):
            place = chance.randrange(len(value))
            return value[:place] + bytes([value[place] ^ chance.randrange(1, 256)]) + value[place + 1 :]
        text = str(value)
        place = chance.randrange(len(text))
        return text[:place] + chance.choice("abcxyz0189-/") + text[place + 1 :]

    async def _opening(self) -> tuple[str, str]:
        rows = await self.ledgers.sql("SELECT event_id, path FROM public.copy_openings ORDER BY 1, 2")
        event_id, path = self.chance.choice(rows)
        return str(event_id), str(path)

    async def _delete_events(self) -> str:
        chosen = self.chance.sample(range(self.size), self.chance.randint(1, 3))
        await self.ledgers.sql("DELETE FROM {t}.events WHERE position = ANY (%s)", chosen)
        return str(sorted(chosen))

    async def _delete_openings(self) -> str:
        event_id, path = await self._opening()
        await self.ledgers.sql("DELETE FROM {t}.openings WHERE event_id = %s AND path = %s", event_id, path)
        return f"{event_id} {path}"

    async def _insert_event(self) -> str:
        position = self.chance.randrange(self.size)
        place = self.chance.choice([self.size, self.size + 1, self.chance.randrange(self.size), -1, 2**40])
        columns = ", ".join(EVENT_COLUMNS[1:])
        await self.ledgers.sql(
            f"INSERT INTO {{t}}.events (position, {columns}) SELECT %s, {columns} FROM {{t}}.events"
            " WHERE position = %s LIMIT 1",
            place,
            position,
        )
        return f"{position} once more at {place}"

    async def _insert_opening(self) -> str:
        event_id, path = await self._opening()
        new_event, new_path = self.chance.choice([(event_id, "/other"), (f"{event_id[:-1]}x", path)])
        await self.ledgers.sql(
            "INSERT INTO {t}.openings SELECT %s, %s, subject, key_id, nonce, ciphertext FROM {t}.openings"
            " WHERE event_id = %s AND path = %s LIMIT 1",
            new_event,
            new_path,
            event_id,
            path,
        )
        return f"{new_event} {new_path}"

    async def _swap_events(self) -> str:
        one, two = self.chance.sample(range(self.size), 2)
        await self._move({one: two, two: one})
        return f"{one} and {two}"

    async def _swap_column(self) -> str:
        one, two = self.chance.sample(range(self.size), 2)
        column = self.chance.choice(EVENT_COLUMNS[1:])
        await self.ledgers.sql(
            f"UPDATE {{t}}.events AS a SET {column} = b.{column} FROM public.copy_events AS b"
            " WHERE (a.position, b.position) IN ((%s, %s), (%s, %s))",
            *(one, two, two, one),
        )
        return f"{column} of {one} and {two}"

    async def _swap_openings(self) -> str:
        one, two = await self._opening(), await self._opening()
        await self.ledgers.sql(
            "UPDATE {t}.openings AS a SET nonce = b.nonce, ciphertext = b.ciphertext, key_id = b.key_id,"
            " subject = b.subject FROM public.copy_openings AS b WHERE (a.event_id, a.path, b.event_id, b.path)"
            " IN ((%s, %s, %s, %s), (%s, %s, %s, %s))",
            *(*one, *two, *two, *one),
        )
        return f"{one} and {two}"

    async def _reorder(self) -> str:
        begin = self.chance.randrange(self.size - 3)
        end = min(begin + self.chance.randint(2, 12), self.size)
        order = list(range(begin, end))
        self.chance.shuffle(order)
        await self._move(dict(zip(range(begin, end), order, strict=True)))
        return f"{begin} to {end}"

    async def _move(self, places: dict[int, int]) -> None:
        await self.ledgers.sql(
            "UPDATE {t}.events AS e SET position = m.new FROM unnest(%s::bigint[], %s::bigint[]) AS m(old, new)"
            " WHERE e.position = m.old",
            list(places),
            list(places.values()),
        )

    async def _truncate(self) -> str:
        position = self.chance.choice([0, self.chance.randrange(self.size), self.size - 1])
        await self.ledgers.sql("DELETE FROM {t}.events WHERE position >= %s", position)
        return f"from {position} on"

    async def _roll_back(self) -> str:
        """To an older state, onto which the appends of another history then follow."""
        position = self.chance.randrange(1, self.size)
        await self.ledgers.sql("DELETE FROM {t}.events WHERE position >= %s", position)
        await self.ledgers.sql(
            "INSERT INTO {t}.events SELECT position, recorded_at + 1, version, stream, topic, event_id,"
            " sha256('\\x00'::bytea || int8send(recorded_at + 1) || entry), request_key, request_digest, entry"
            " FROM public.copy_events WHERE position >= %s",
            position,
        )
        return f"to {position}"

    async def _foreign_rows(self) -> str:
        begin = self.chance.randrange(self.size - 3)
        end = self.chance.choice([begin + 1, begin + 3, self.size])
        await self.ledgers.sql("DELETE FROM {t}.events WHERE position >= %s AND position < %s", begin, end)
        await self.ledgers.sql(
            "INSERT INTO {t}.events SELECT * FROM {o}.events WHERE position >= %s AND position < %s", begin, end
        )
        return f"{begin} to {end}"

    async def _foreign_openings(self) -> str:
        event_id, path = await self._opening()
        rows = await self.ledgers.sql("SELECT event_id, path FROM {o}.openings ORDER BY 1, 2")
        foreign = self.chance.choice(rows)
        await self.ledgers.sql(
            "UPDATE {t}.openings AS a SET nonce = b.nonce, ciphertext = b.ciphertext FROM {o}.openings AS b"
            " WHERE (a.event_id, a.path) = (%s, %s) AND (b.event_id, b.path) = (%s, %s)",
            event_id,
            path,
            *foreign,
        )
        return f"{event_id} {path}"

    def _files(self) -> list[Path]:
        root = self.ledgers.storage.of(self.ledgers.tenant).path
        return sorted(path for path in root.rglob("*") if path.is_file())

    async def _file_byte(self) -> str:
        path = self.chance.choice(self._files())
        data = bytearray(path.read_bytes())
        place = self.chance.randrange(len(data))
        data[place] ^= self.chance.randrange(1, 256)
        path.write_bytes(data)
        return f"{path.name}, byte {place}"

    async def _file_length(self) -> str:
        path = self.chance.choice(self._files())
        data = path.read_bytes()
        kind = self.chance.choice(["cut", "longer", "gone"])
        if kind == "gone":
            path.unlink()
        else:
            cut = self.chance.randrange(len(data))
            path.write_bytes(data[:cut] if kind == "cut" else data + self.chance.randbytes(self.chance.randint(1, 64)))
        return f"{path.name} {kind}"

    async def _file_exchanged(self) -> str:
        """For the neighbour's file of the same name, or for another one of its own."""
        path, root = self.chance.choice(self._files()), self.ledgers.storage.of(self.ledgers.tenant).path
        foreign = self.ledgers.storage.of(self.ledgers.other).path / path.relative_to(root)
        chosen = foreign if foreign.exists() and self.chance.random() < 0.5 else self.chance.choice(self._files())
        path.write_bytes(chosen.read_bytes())
        return f"{path.name} for {chosen}"

    def _changed_files(self) -> frozenset[str]:
        root = self.ledgers.storage.of(self.ledgers.tenant).path
        copy = self.ledgers.copies / self.ledgers.tenant
        names = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
        return frozenset(name for name in names if _bytes(root / name) != _bytes(copy / name))


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _position(row: tuple[object, ...]) -> int | None:
    return None if row[0] is None else int(str(row[0]))
