"""One build's step: fold a batch of entries in memory, write the row versions, the timers and the position together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import sql

from contracts.errors import TenetError
from contracts.events.base import Recorded
from infra.read_database import timer_rows, tracking
from infra.read_database.database import Connection
from infra.read_database.reader.conditions import Condition, where_clause
from infra.read_database.sources import FeedEntry
from infra.read_database.tracking import Build
from infra.read_database.views import DocumentView, Due

D = TypeVar("D")

MAX_KEYS_PER_EVENT = 1_000
"""Most documents that one event may touch in one view."""
MAX_TIMERS_PER_DOCUMENT = 100
REWRITTEN_AT_ONCE = 500
"""Row versions that are held in memory while an erasure is carried out."""


class TooManyDocuments(TenetError):
    """One event touches more documents than the limit; the view's design is wrong."""

    reason = "TOO_MANY_DOCUMENTS"


class PoisonedEvent(Exception):  # It names the event, not a kind of error.
    """An event that the view cannot take. The cause is the exception that it met."""

    def __init__(self, position: int, topic: str) -> None:
        super().__init__(f"{topic} at {position}")
        self.position = position
        self.topic = topic


@dataclass(slots=True)
class _Version(Generic[D]):
    """One row to be written: the document from a position on. `document` is None where it was deleted."""

    from_position: int
    document: D | None
    data: bytes | None
    cause: Recorded[Any] | None = None


@dataclass(slots=True)
class _History(Generic[D]):
    """What a batch makes of one document: what is stored, and the versions that come after it."""

    stored: _Version[D] | None
    later: list[_Version[D]] = field(default_factory=list)

    @property
    def last(self) -> _Version[D] | None:
        return self.later[-1] if self.later else self.stored


class Batch(Generic[D]):
    """Applies entries to one build of one view, inside the caller's transaction."""

    def __init__(self, conn: Connection, view: DocumentView[D], build: Build) -> None:
        self._conn = conn
        self._view = view
        self._build = build
        self._table = sql.Identifier(view.TABLE)

    async def apply(self, entries: Sequence[FeedEntry]) -> None:
        """Applies the entries, which follow the build's position without a gap, and advances it.

        Raises PoisonedEvent before anything of that event is written; the caller's savepoint undoes the rest. A
        psycopg.Error says that the batch cannot be written, without naming the event.
        """
        waiting: list[Recorded[Any]] = []
        for entry in entries:
            if entry.topic not in self._view.topic_names:
                continue
            recorded, conditions = self._decode(entry)
            erasure = type(recorded.event) in self._view.ERASURES
            if conditions or erasure:
                # The lookup must see what the events before it did, so they are written first.
                await self._write(waiting)
                waiting = []
            if erasure:
                for condition in conditions:
                    await self._rewrite(recorded, condition)
            elif conditions:
                await self._write([recorded], await self._found(recorded, conditions))
            else:
                waiting.append(recorded)
        await self._write(waiting)
        await tracking.advance(self._conn, self._build, entries[-1].position, entries[-1].leaf_hash)

    def _decode(self, entry: FeedEntry) -> tuple[Recorded[Any], Sequence[Condition]]:
        """The event, and the conditions by which it finds documents, or for an erasure versions of them."""
        view = self._view
        try:
            recorded = entry.decode()
            find = view.rewritten if type(recorded.event) in view.ERASURES else view.lookups
            return recorded, find(recorded)
        except Exception as error:
            raise PoisonedEvent(entry.position, entry.topic) from error

    async def _rewrite(self, recorded: Recorded[Any], condition: Condition) -> None:
        """Folds an erasure into every stored version that meets the condition, where it stands."""
        view, place = self._view, (self._build.tenant_id, self._build.build)
        clause, values = where_clause(view.COLUMNS, [condition])
        select = sql.SQL(
            "SELECT v.key, v.from_position, v.doc::text FROM {} v WHERE v.tenant_id = %s AND v.build = %s AND {}"
            " AND (v.key, v.from_position) > (%s, %s) ORDER BY v.key, v.from_position LIMIT %s"
        ).format(self._table, clause)
        names = ["doc", *view.COLUMNS]
        update = sql.SQL(
            "UPDATE {} SET ({}) = ROW({}) WHERE tenant_id = %s AND build = %s AND key = %s AND from_position = %s"
        ).format(
            self._table,
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(sql.SQL("%s::" + name) for name in ("jsonb", *view.COLUMNS.values())),
        )
        delete = sql.SQL(
            "DELETE FROM {} WHERE tenant_id = %s AND build = %s AND key = %s AND from_position = %s"
        ).format(self._table)
        last = ("", -1)
        while rows := await self._fetched(select, [*place, *values, *last, REWRITTEN_AT_ONCE]):
            last = rows[-1][:2]
            for key, from_position, text in rows:
                after, data = self._folded(key, view.decode(text), recorded)
                if after is None or data is None:
                    await self._conn.execute(delete, [*place, key, from_position])
                else:
                    new = [data.decode(), *view.row_values(after)]
                    await self._conn.execute(update, [*new, *place, key, from_position])

    async def _fetched(self, query: sql.Composed, values: Sequence[Any]) -> list[Any]:
        return await (await self._conn.execute(query, values)).fetchall()

    async def _found(self, recorded: Recorded[Any], conditions: Sequence[Condition]) -> list[str]:
        keys: dict[str, None] = {}
        for condition in conditions:
            clause, values = where_clause(self._view.COLUMNS, [condition])
            cursor = await self._conn.execute(
                sql.SQL(
                    "SELECT v.key FROM {} v WHERE v.tenant_id = %s AND v.build = %s AND v.to_position IS NULL AND {}"
                    " ORDER BY v.key LIMIT %s"
                ).format(self._table, clause),
                [self._build.tenant_id, self._build.build, *values, MAX_KEYS_PER_EVENT + 1],
            )
            keys.update((key, None) for (key,) in await cursor.fetchall())
        return list(keys)

    async def _write(self, events: Sequence[Recorded[Any]], found: Sequence[str] = ()) -> None:
        if not events:
            return
        touched = [(recorded, self._keys(recorded, found)) for recorded in events]
        histories = await self._stored({key for _, keys in touched for key in keys})
        for recorded, keys in touched:
            for key in keys:
                self._fold(key, histories[key], recorded)
        changed = {key: history for key, history in histories.items() if history.later}
        if changed:
            await self._close(changed)
            await self._insert(changed)
            await self._set_timers(changed)

    def _keys(self, recorded: Recorded[Any], found: Sequence[str]) -> list[str]:
        try:
            keys = list(dict.fromkeys([*self._view.keys(recorded), *found]))
            if len(keys) > MAX_KEYS_PER_EVENT:
                raise TooManyDocuments(f"An event touches more than {MAX_KEYS_PER_EVENT} documents.")
            return keys
        except Exception as error:
            raise PoisonedEvent(recorded.position, recorded.envelope.topic) from error

    async def _stored(self, keys: set[str]) -> dict[str, _History[D]]:
        histories: dict[str, _History[D]] = {key: _History(None) for key in keys}
        cursor = await self._conn.execute(
            sql.SQL(
                "SELECT key, from_position, doc::text FROM {}"
                " WHERE tenant_id = %s AND build = %s AND key = ANY (%s) AND to_position IS NULL"
            ).format(self._table),
            (self._build.tenant_id, self._build.build, list(keys)),
        )
        for key, from_position, text in await cursor.fetchall():
            document = self._view.decode(text)
            histories[key] = _History(_Version(from_position, document, self._view.encode(document)))
        return histories

    def _fold(self, key: str, history: _History[D], recorded: Recorded[Any]) -> None:
        before = history.last
        after, data = self._folded(key, before.document if before else None, recorded)
        if data != (before.data if before else None):
            history.later.append(_Version(recorded.position, after, data, recorded))

    def _folded(self, key: str, document: D | None, recorded: Recorded[Any]) -> tuple[D | None, bytes | None]:
        """The document after the event, also as JSON. Raises PoisonedEvent when it could not be written."""
        try:
            after = self._view.fold(key, document, recorded)
            data = None if after is None else self._view.encode(after)
            if after is not None:
                self._view.row_values(after)
                self._timers(key, after)
        except Exception as error:
            raise PoisonedEvent(recorded.position, recorded.envelope.topic) from error
        return after, data

    async def _close(self, changed: dict[str, _History[D]]) -> None:
        ends = {key: history.later[0].from_position for key, history in changed.items() if history.stored}
        if ends:
            await self._conn.execute(
                sql.SQL(
                    "UPDATE {} v SET to_position = e.at FROM unnest(%s::text[], %s::bigint[]) AS e (key, at)"
                    " WHERE v.tenant_id = %s AND v.build = %s AND v.key = e.key AND v.to_position IS NULL"
                ).format(self._table),
                (list(ends), list(ends.values()), self._build.tenant_id, self._build.build),
            )

    async def _insert(self, changed: dict[str, _History[D]]) -> None:
        view, build = self._view, self._build
        rows: list[list[object]] = []
        for key, history in changed.items():
            for version, following in zip(history.later, [*history.later[1:], None], strict=True):
                if version.document is None or version.data is None:
                    continue
                end = following.from_position if following else None
                place = (build.tenant_id, build.build, key, version.from_position, end)
                rows.append([*place, version.data.decode(), *view.row_values(version.document)])
        names = ["tenant_id", "build", "key", "from_position", "to_position", "doc", *view.COLUMNS]
        types = ["text", "integer", "text", "bigint", "bigint", "jsonb", *view.COLUMNS.values()]
        async with self._conn.cursor() as cursor:
            await cursor.executemany(
                sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    self._table,
                    sql.SQL(", ").join(map(sql.Identifier, names)),
                    sql.SQL(", ").join(sql.SQL("%s::" + name) for name in types),
                ),
                rows,
            )

    def _timers(self, key: str, document: D) -> Sequence[Due]:
        wanted = self._view.timers(key, document)
        if len(wanted) > MAX_TIMERS_PER_DOCUMENT:
            raise TooManyDocuments(f"A document wants more than {MAX_TIMERS_PER_DOCUMENT} timers.")
        if any(due.at.tzinfo is None for due in wanted):
            raise ValueError("A timer's time has no time zone.")
        return wanted

    async def _set_timers(self, changed: dict[str, _History[D]]) -> None:
        """Makes the pending timers of the changed documents those that their last versions want."""
        if type(self._view).timers is DocumentView.timers:
            return
        wanted = [
            (key, due, history.later[-1].cause)
            for key, history in changed.items()
            if (document := history.later[-1].document) is not None
            for due in self._timers(key, document)
        ]
        await timer_rows.cancel_others(self._conn, self._build, list(changed), [(key, due) for key, due, _ in wanted])
        await timer_rows.set_pending(self._conn, self._build, wanted)


def is_of_the_data(error: psycopg.Error) -> bool:
    """Whether a failed write is the event's fault, so that trying again is useless, and not the database's.

    A ProgrammingError without a state comes from the driver: a value that has no form in SQL.
    """
    if isinstance(error, psycopg.ProgrammingError):
        return error.sqlstate is None
    return isinstance(error, psycopg.DataError | psycopg.IntegrityError)
