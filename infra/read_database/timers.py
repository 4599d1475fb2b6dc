"""The timer runner: calls the handler of every due row of an active view, once a row and however late."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from prometheus_client import Counter, Gauge

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.read_database.database import Connection, ReadDatabase
from infra.read_database.policies import Clock
from infra.read_database.turns import Backoff
from infra.read_database.verdicts import Verdict, describe, detail_of, judge, pause_after, reason_of
from infra.telemetry import current_traceparent, span

TimerHandler = Callable[[Call, Mapping[str, Any]], Awaitable[None]]
"""Issues the command of a timer: called with the call to make and the payload that the view gave the timer."""

LOOK_SECONDS = 0.5
"""How often due rows are looked for. Nothing sleeps until a timer is due, so a clock that jumps delays nothing."""
CONCURRENT_TIMERS = 2
HANDLER_SECONDS = 60.0
"""Longest run of a handler; after it the attempt counts as failed, and its request id keeps a retry harmless."""
MAX_TIMERS_IN_ROUND = 1_000

TIMERS = Counter("tenet_timers_total", "Timers that came due.", ("kind", "outcome"))
LATENESS = Gauge("tenet_timer_lateness_seconds", "How late the last timer of the kind was.", ("kind",))

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Timer:
    """A claimed row of timers."""

    tenant_id: TenantId
    projection: str
    build: int
    key: str
    kind: str
    name: str
    due_at: datetime
    payload: Mapping[str, Any]
    correlation_id: str
    trace_parent: str
    attempts: int
    first_failed_at: datetime | None
    claimed_at: datetime
    """By the database's clock, as `first_failed_at` is."""

    @property
    def identity(self) -> tuple[object, ...]:
        return self.tenant_id, self.projection, self.build, self.key, self.kind, self.name, self.due_at


class TimerRunner:
    """`run` until cancelled, or `fire_due` once. Late timers, also from a time when nothing ran, fire at the start."""

    def __init__(self, database: ReadDatabase, handlers: Mapping[str, TimerHandler], clock: Clock) -> None:
        self._database = database
        self._handlers = dict(handlers)
        self._clock = clock
        self._backoff = Backoff()

    async def run(self) -> None:
        """Fires timers until it is cancelled. Outages are waited out."""
        while self._handlers:
            try:
                await self.fire_due()
            except Exception as error:  # noqa: BLE001  # Nothing may end the firing of timers but its owner.
                log.warning("timers wait after a failure", service=self._database.service, error=type(error).__name__)
                await self._backoff.sit_out("round")
                continue
            self._backoff.succeeded("round")
            await asyncio.sleep(LOOK_SECONDS)

    async def fire_due(self) -> int:
        """Calls the handlers of all that is due now; answers how many rows were tried."""
        budget = iter(range(MAX_TIMERS_IN_ROUND))

        async def worker() -> int:
            tried = 0
            while next(budget, None) is not None and await self._fire_one():
                tried += 1
            return tried

        # Every worker ends before an error goes on, so that nothing fires behind the caller's back.
        outcomes = await asyncio.gather(*(worker() for _ in range(CONCURRENT_TIMERS)), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(outcome for outcome in outcomes if isinstance(outcome, int))

    async def _fire_one(self) -> bool:
        """Claims the timer that is most overdue, calls its handler and records the outcome; False when none is due.

        Only the active build's timers count. A crash between the handler's command and the outcome fires the timer
        again, with the same request id: the ledger answers with the first effect.
        """
        async with self._database.writing() as conn:
            timer = await self._claim(conn)
            if timer is None:
                return False
            try:
                await self._call(timer)
            except Exception as error:  # noqa: BLE001  # Every failure has its verdict: refused, again, or parked.
                await self._failed(conn, timer, error)
            else:
                TIMERS.labels(timer.kind, "fired").inc()
                await self._finish(conn, timer, "fired", "")
        return True

    async def _claim(self, conn: Connection) -> _Timer | None:
        cursor = await conn.execute(
            "SELECT t.tenant_id, t.projection, t.build, t.key, t.kind, t.name, t.due_at, t.payload, t.correlation_id,"
            " t.trace_parent, t.attempts, t.first_failed_at, now()"
            " FROM timers t JOIN projection_builds b USING (tenant_id, projection, build)"
            " WHERE t.state = 'pending' AND b.active AND t.due_at <= %(now)s AND t.kind = ANY (%(kinds)s)"
            " AND (t.next_attempt_at IS NULL OR t.next_attempt_at <= now())"
            # While a newer version of the code is read, the older build beside it fires nothing.
            " AND NOT EXISTS (SELECT FROM projection_builds n WHERE n.tenant_id = t.tenant_id"
            "   AND n.projection = t.projection AND n.active AND n.code_version > b.code_version)"
            " ORDER BY t.due_at LIMIT 1 FOR UPDATE OF t SKIP LOCKED",
            {"now": self._clock(), "kinds": list(self._handlers)},
        )
        row = await cursor.fetchone()
        return _Timer(*row) if row is not None else None

    async def _call(self, timer: _Timer) -> None:
        LATENESS.labels(timer.kind).set((self._clock() - timer.due_at).total_seconds())
        with span(f"timer {timer.kind}", parent=timer.trace_parent or None, tenant=timer.tenant_id):
            async with asyncio.timeout(HANDLER_SECONDS):
                await self._handlers[timer.kind](self._call_of(timer), timer.payload)

    def _call_of(self, timer: _Timer) -> Call:
        due = timer.due_at.astimezone(UTC).isoformat()
        return Call(
            tenant_id=timer.tenant_id,
            actor=Actor(f"timer:{timer.kind}", AuthenticatedBy.SERVICE, PROVIDER),
            rpc=f"timer:{timer.kind}",
            request_id=derive_id(
                "request", "timer", timer.projection, timer.tenant_id, timer.key, timer.kind, timer.name, due
            ),
            # It was due when it was claimed. A clock that goes back at that moment must not get it refused, and lost.
            now=max(self._clock(), timer.due_at),
            roles=frozenset({Role.SERVICE}),
            correlation_id=timer.correlation_id,
            trace_parent=current_traceparent() or timer.trace_parent,
        )

    async def _failed(self, conn: Connection, timer: _Timer, error: Exception) -> None:
        attempts = timer.attempts + 1
        verdict = judge(error, attempts, timer.first_failed_at, timer.claimed_at)
        TIMERS.labels(timer.kind, verdict.value).inc()
        write = log.error if verdict is Verdict.PARKED else log.info
        write(
            f"a timer's command {describe(verdict)}",
            alarm=verdict is Verdict.PARKED,
            kind=timer.kind,
            tenant=timer.tenant_id,
            key=timer.key,
            reason=reason_of(error),
        )
        if verdict is not Verdict.AGAIN:
            await self._finish(conn, timer, verdict.value, f"{reason_of(error)}: {detail_of(error)}")
            return
        await conn.execute(
            _POSTPONE,
            (attempts, pause_after(attempts).total_seconds(), *timer.identity),
        )

    async def _finish(self, conn: Connection, timer: _Timer, state: str, reason: str) -> None:
        await conn.execute(
            _FINISH,
            (state, reason, *timer.identity),
        )


_POSTPONE = (
    "UPDATE timers SET attempts = %s, first_failed_at = coalesce(first_failed_at, now()),"
    " next_attempt_at = now() + make_interval(secs => %s)"
    " WHERE tenant_id = %s AND projection = %s AND build = %s AND key = %s AND kind = %s AND name = %s AND due_at = %s"
)
_FINISH = (
    "UPDATE timers SET state = %s, reason = %s, attempts = attempts + 1, finished_at = now()"
    " WHERE tenant_id = %s AND projection = %s AND build = %s AND key = %s AND kind = %s AND name = %s AND due_at = %s"
)
