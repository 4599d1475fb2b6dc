"""Recorded events for tests of pure folds and decisions."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.base import Envelope, Event, Recorded
from contracts.ids import PROVIDER, StreamName

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def recorded(events: Iterable[Event]) -> list[Recorded[Any]]:
    """The events at positions 0, 1, 2 … of the provider's ledger, a second apart."""
    return [
        Recorded(position, NOW + timedelta(seconds=position), _envelope(position, event), event)
        for position, event in enumerate(events)
    ]


def _envelope(position: int, event: Event) -> Envelope:
    return Envelope(
        id=f"event-{position}",
        tenant_id=PROVIDER,
        stream=StreamName(f"{event.CATEGORY}-x"),
        version=position + 1,
        topic=event.TOPIC,
        schema_version=event.VERSION,
        occurred_at=NOW + timedelta(seconds=position),
        actor=Actor("principal-root", AuthenticatedBy.OIDC, PROVIDER),
        grant_id=None,
        correlation_id="",
        causation=None,
        trace_parent="",
        facts=(),
        request_key=None,
        request_digest=None,
    )
