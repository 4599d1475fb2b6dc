"""Calls, commands and events that these tests record. Tests define no events: the registry of topics is closed."""

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.commands import Command, Private
from contracts.events.base import Event, Recorded, Sealed
from contracts.events.tenancy import TenantActivated, TenantOnboarded
from contracts.ids import PROVIDER, StreamName, TenantId
from infra.event_store.commands import PreparedCommand, PreparedEvent
from infra.event_store.repository import Aggregate

ACTOR = Actor("principal-1", AuthenticatedBy.OIDC, PROVIDER)


class Rename(Command):
    """A command like any other: a public field and one that will be sealed."""

    subject_id: str
    name: Private


def _collect(state: tuple[Event, ...], recorded: Recorded[Event]) -> tuple[Event, ...]:
    return (*state, recorded.event)


THINGS: Aggregate[tuple[Event, ...]] = Aggregate("tenant", tuple, _collect)
"""Folds to the tuple of its events."""


def a_call(tenant_id: TenantId, request_id: str | None = None) -> Call:
    return Call(tenant_id, ACTOR, "Test/Rename", request_id or secrets.token_hex(8), datetime.now(UTC))


def a_command(call: Call, name: str = "somebody", subject_id: str = "subject-1") -> Rename:
    return Rename(tenant_id=call.tenant_id, request_id=call.request_id, subject_id=subject_id, name=name)


def activated(tenant_id: TenantId) -> TenantActivated:
    return TenantActivated(tenant_id=tenant_id)


def onboarded(tenant_id: TenantId, name: str = "Klinik am See", subject: str = "subject-1") -> TenantOnboarded:
    return TenantOnboarded(
        tenant_id=tenant_id,
        parent_tenant_id=None,
        display_name=Sealed.of(name, subject=subject),
        region="eu",
        retention_days=365,
        time_zone="Europe/Berlin",
    )


def a_stream() -> StreamName:
    return StreamName(f"tenant-{secrets.token_hex(8)}")


def prepared(
    stream: StreamName,
    versions: Sequence[int] = (1,),
    key: bytes | None = None,
    digest: bytes | None = None,
    preconditions: Sequence[tuple[StreamName, int]] = (),
    entry: bytes = b'{"data":{}}',
) -> PreparedCommand:
    """A command of bare entries; without a key it takes a new one."""
    key = os.urandom(32) if key is None else key
    events = tuple(PreparedEvent(stream, version, "tenet.test", secrets.token_hex(8), entry) for version in versions)
    return PreparedCommand(events, key, key if digest is None else digest, tuple(preconditions))
