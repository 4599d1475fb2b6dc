"""What to do about a reaction or a timer that failed: the domain refused it, the system was away, or it is broken."""

from datetime import datetime, timedelta
from enum import Enum
from typing import assert_never

from contracts.errors import Kind, TenetError

MAX_ATTEMPTS = 6
"""Attempts at something that fails for no known reason, before it is parked with an alarm."""
MAX_OUTAGE = timedelta(hours=24)
"""How long an outage (a store that is away or overloaded, a clock that is refused) is waited out before it parks."""
FIRST_PAUSE = timedelta(seconds=0.5)
LONGEST_PAUSE = timedelta(seconds=30)
MAX_DETAIL_LENGTH = 500

_REFUSALS = frozenset({Kind.INVALID_ARGUMENT, Kind.NOT_FOUND, Kind.ALREADY_EXISTS, Kind.FAILED_PRECONDITION})
_OUTAGES = frozenset({Kind.UNAVAILABLE, Kind.RESOURCE_EXHAUSTED, Kind.ABORTED, Kind.DEADLINE_EXCEEDED})


class Verdict(Enum):
    REFUSED = "refused"
    """A domain error: trying again gives the same answer. It is recorded, and the next event has its turn."""
    AGAIN = "again"
    PARKED = "parked"


def judge(error: Exception, attempts: int, first_failed_at: datetime | None, now: datetime) -> Verdict:
    """`attempts` counts this one. Missing permission is no domain error: something is set up wrongly, and it parks."""
    kind = error.kind if isinstance(error, TenetError) else None
    if kind in _REFUSALS:
        return Verdict.REFUSED
    if kind in _OUTAGES:
        lasted = now - first_failed_at if first_failed_at else timedelta()
        return Verdict.PARKED if lasted > MAX_OUTAGE else Verdict.AGAIN
    return Verdict.PARKED if attempts >= MAX_ATTEMPTS else Verdict.AGAIN


def pause_after(attempts: int) -> timedelta:
    """The pause before the next attempt, doubling from FIRST_PAUSE up to LONGEST_PAUSE."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 16)), LONGEST_PAUSE)


def reason_of(error: Exception) -> str:
    return error.reason if isinstance(error, TenetError) else type(error).__name__


def detail_of(error: Exception) -> str:
    """The message of one of our own errors; of any other only its type, for its message may hold anything."""
    text = error.message if isinstance(error, TenetError) else type(error).__name__
    return text.replace("\x00", "\ufffd")[:MAX_DETAIL_LENGTH]


def describe(verdict: Verdict) -> str:
    """How a log line speaks of the verdict."""
    match verdict:
        case Verdict.REFUSED:
            return "was refused by the domain"
        case Verdict.AGAIN:
            return "failed and is tried again"
        case Verdict.PARKED:
            return "is parked"
        case _:
            assert_never(verdict)
