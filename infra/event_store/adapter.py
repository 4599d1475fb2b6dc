"""The recorder interfaces of the `eventsourcing` library (9.5) over one tenant's ledger, synchronous and thin.

A notification id is the position + 1. What the library stores are opaque bytes; they are wrapped in an entry, so that
the ledger stays one kind of thing. The library counts versions within an aggregate from any number; the ledger counts
from 1, and the entry keeps the library's number. Tenet's own events go through `handler.CommandHandler` instead.
"""

import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    InternalError,
    Notification,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)
from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier
from psycopg_pool import ConnectionPool, PoolTimeout
from typing_extensions import override

from contracts.canonical import canonical, decode
from contracts.ids import StreamName, TenantId, derive_id, role_of, schema_of, stream_name
from infra.event_store.arrays import register_arrays
from infra.event_store.commands import Accepted, PreparedCommand, PreparedEvent
from infra.event_store.recorder import append_statement, verdicts_of
from infra.read_database.scope import WRITER_ROLE

POLL_SECONDS = 0.05
SUBSCRIPTION_BATCH = 500

Pool = ConnectionPool[Connection[Any]]


def open_pool(dsn: str, max_connections: int = 8) -> Pool:
    """A pool for the recorders below, as the login that owns their category. Close it when they are done with."""
    return ConnectionPool(
        dsn,
        min_size=1,
        max_size=max_connections,
        kwargs={"autocommit": True, "options": "-c enable_seqscan=off -c jit=off"},
        configure=register_arrays,
        open=True,
    )


class LedgerAggregateRecorder(AggregateRecorder):
    """Aggregates of one category in one tenant's ledger."""

    def __init__(self, pool: Pool, tenant_id: TenantId, category: str) -> None:
        self._pool = pool
        self._tenant_id = tenant_id
        self._category = category
        self._events = Identifier(schema_of(tenant_id), "events")

    @override
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Records all or none. Raises IntegrityError when an aggregate is not at the version before its first event."""
        self._record(stored_events, kwargs)
        return None

    @override
    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        stream = self._stream(originator_id)
        with self._reading() as connection:
            first = connection.execute(self._query("entry", "stream = %s AND version = 1"), (stream,)).fetchone()
            if first is None:
                return []
            offset = decode(first[0])["data"]["version"] - 1
            query = self._query("entry", "stream = %s AND version > %s AND version <= %s") + SQL(
                " ORDER BY version DESC LIMIT %s" if desc else " ORDER BY version LIMIT %s"
            )
            after = 0 if gt is None else gt - offset
            upto = 2**63 - 1 if lte is None else lte - offset
            return [_unwrap(row[0]) for row in connection.execute(query, (stream, after, upto, limit))]

    def _record(self, stored_events: Sequence[StoredEvent], options: dict[str, Any]) -> list[int]:
        if options:
            raise ProgrammingError(f"insert_events takes no {', '.join(options)} here")
        if not stored_events:
            return []
        command = PreparedCommand(tuple(self._prepare(stored_events)))
        statement, parameters = append_statement(role_of(self._tenant_id), time.time_ns() // 1000, [command])
        with self._connection() as connection:
            row = connection.execute(statement, parameters).fetchone()
        if row is None:
            raise InternalError("the ledger's function answered nothing")
        (verdict,) = verdicts_of(row, [command])
        if not isinstance(verdict, Accepted):
            raise IntegrityError(f"the events do not follow on what is recorded: {verdict}")
        return list(range(verdict.first_position + 1, verdict.first_position + 1 + len(stored_events)))

    def _prepare(self, stored_events: Sequence[StoredEvent]) -> Iterator[PreparedEvent]:
        """Numbers the events as the ledger does, and refuses what does not follow on the library's numbers."""
        last: dict[StreamName, tuple[int, int]] = {}
        for event in stored_events:
            stream = self._stream(event.originator_id)
            if stream not in last:
                last[stream] = self._last(stream, event.originator_version)
            version, library_version = last[stream]
            if event.originator_version != library_version + 1:
                raise IntegrityError(f"{stream} is at version {library_version}, not before {event.originator_version}")
            last[stream] = (version + 1, event.originator_version)
            event_id = derive_id("event", self._tenant_id, stream, version + 1)
            entry = _wrap(event, stream, version + 1, self._tenant_id, event_id)
            yield PreparedEvent(stream, version + 1, event.topic, event_id, entry)

    def _last(self, stream: StreamName, wanted: int) -> tuple[int, int]:
        """The last version of the stream as the ledger and as the library counts; a new one may begin anywhere."""
        query = self._query("version, entry", "stream = %s") + SQL(" ORDER BY version DESC LIMIT 1")
        with self._reading() as connection:
            row = connection.execute(query, (stream,)).fetchone()
        return (0, wanted - 1) if row is None else (row[0], decode(row[1])["data"]["version"])

    def _stream(self, originator_id: UUID | str) -> StreamName:
        return stream_name(self._category, str(originator_id))

    def _query(self, columns: str, condition: str) -> Composed:
        return SQL("SELECT {} FROM {} WHERE {}").format(SQL(columns), self._events, SQL(condition))

    @contextmanager
    def _reading(self) -> Iterator[Connection[Any]]:
        with self._connection() as connection, connection.transaction():
            connection.execute("SELECT set_config('role', %s, true)", (role_of(self._tenant_id),))
            yield connection

    @contextmanager
    def _connection(self) -> Iterator[Connection[Any]]:
        with _library_errors(), self._pool.connection() as connection:
            yield connection


class LedgerApplicationRecorder(LedgerAggregateRecorder, ApplicationRecorder):
    """The same aggregates, and the tenant's whole ledger as the library's sequence of notifications."""

    @override
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        return self._record(stored_events, kwargs)

    @override
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = 0 if start is None else start - 1 if inclusive_of_start else start
        last = 2**63 - 1 if stop is None else stop - 1
        query = self._query("position, entry", "position >= %s AND position <= %s AND (%s OR topic = ANY (%s))") + SQL(
            " ORDER BY position LIMIT %s"
        )
        with self._reading() as connection:
            rows = connection.execute(query, (first, last, not topics, list(topics), limit)).fetchall()
        return [_notification(position, _unwrap(entry)) for position, entry in rows]

    @override
    def max_notification_id(self) -> int | None:
        with self._reading() as connection:
            row = connection.execute(SQL("SELECT max(position) + 1 FROM {}").format(self._events)).fetchone()
        return None if row is None else row[0]

    @override
    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "Subscription[LedgerApplicationRecorder]":
        return PollingSubscription(self, gt, topics)


class PollingSubscription(Subscription[LedgerApplicationRecorder]):
    """Yields notifications as they appear; `stop` from another thread ends it within POLL_SECONDS."""

    def __init__(self, recorder: LedgerApplicationRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._ready: list[Notification] = []

    @override
    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            if self._ready:
                notification = self._ready.pop(0)
                self._last_notification_id = notification.id
                return notification
            self._ready = list(
                self._recorder.select_notifications(
                    self._last_notification_id or 0,
                    SUBSCRIPTION_BATCH,
                    topics=self._topics,
                    inclusive_of_start=False,
                )
            )
            if not self._ready:
                time.sleep(POLL_SECONDS)
        raise StopIteration


class ReadDatabaseTrackingRecorder(TrackingRecorder):
    """How far each upstream application was processed: one row each in the service's read database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @override
    def insert_tracking(self, tracking: Tracking) -> None:
        """Raises IntegrityError when this notification, or a later one, was tracked before."""
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO library_tracking AS t (application_name, notification_id) VALUES (%s, %s)"
                " ON CONFLICT (application_name) DO UPDATE SET notification_id = excluded.notification_id"
                " WHERE t.notification_id < excluded.notification_id",
                (tracking.application_name, tracking.notification_id),
            )
            if cursor.rowcount == 0:
                raise IntegrityError(f"{tracking} was tracked before")

    @override
    def max_tracking_id(self, application_name: str) -> int | None:
        with self._writing() as connection:
            row = connection.execute(
                "SELECT notification_id FROM library_tracking WHERE application_name = %s", (application_name,)
            ).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _writing(self) -> Iterator[Connection[Any]]:
        with _library_errors(), self._pool.connection() as connection, connection.transaction():
            connection.execute("SELECT set_config('role', %s, true)", (WRITER_ROLE,))
            yield connection


@contextmanager
def _library_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, PoolTimeout) as error:
        raise OperationalError(str(error)) from error
    except psycopg.Error as error:
        raise InternalError(str(error)) from error


def _wrap(event: StoredEvent, stream: StreamName, version: int, tenant_id: TenantId, event_id: str) -> bytes:
    return canonical(
        {
            "data": {
                "is_uuid": isinstance(event.originator_id, UUID),
                "originator": str(event.originator_id),
                "state": b64encode(event.state).decode(),
                "version": event.originator_version,
            },
            "id": event_id,
            "stream": stream,
            "tenant": tenant_id,
            "type": event.topic,
            "version": version,
        }
    )


def _unwrap(entry: bytes) -> StoredEvent:
    fields = decode(entry)
    data = fields["data"]
    originator = UUID(data["originator"]) if data["is_uuid"] else data["originator"]
    return StoredEvent(originator, data["version"], fields["type"], b64decode(data["state"]))


def _notification(position: int, event: StoredEvent) -> Notification:
    return Notification(event.originator_id, event.originator_version, event.topic, event.state, id=position + 1)
