"""Rotas as the tests write them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.base import Envelope, Event, Recorded
from contracts.events.people import Layer, RotaDefinition, RotaOverridden, RotaPublished, Shift
from contracts.ids import PROVIDER, StreamName, TenantId, derive_id
from services.cases.domain.people_commands import OverrideRota, PublishRota
from services.cases.domain.rota import Rota, evolve_rota, override_rota, publish_rota


def person(name: str) -> str:
    return derive_id("principal", name)


ANA, BEN, CLEO, LEAD = person("ana"), person("ben"), person("cleo"), person("lead")


def shift(principal: str, starts: str, ends: str, recurrence: str = "", exceptions: tuple[str, ...] = ()) -> Shift:
    return Shift(principal_id=principal, starts=starts, ends=ends, recurrence=recurrence, exceptions=exceptions)


def definition(*layers: Layer, **more: Any) -> RotaDefinition:
    fields: dict[str, Any] = {
        "name": "group-one",
        "tenant_ids": (TenantId("clinic"),),
        "layers": layers,
        "leads": (LEAD,),
        "answer_minutes": 10,
        "probe_minutes": None,
        "horizon_days": 28,
        "desks": (),
    }
    return RotaDefinition(**{**fields, **more})


def weekly(zone: str, *people: str, name: str = "first", starts: str = "2026-01-05T08:00:00") -> Layer:
    """Each has a week in turn, from that time of that day on."""
    begin = datetime.fromisoformat(starts)
    shifts = []
    for index, principal in enumerate(people):
        first = begin + timedelta(weeks=index)
        rule = f"FREQ=WEEKLY;INTERVAL={len(people)}"
        shifts.append(shift(principal, first.isoformat(), (first + timedelta(weeks=1)).isoformat(), rule))
    return Layer(name=name, time_zone=zone, shifts=tuple(shifts))


def recorded(event: Event, position: int, at: datetime) -> Recorded[Any]:
    envelope = Envelope(
        f"event-{position}",
        PROVIDER,
        StreamName("rota-x"),
        position + 1,
        event.TOPIC,
        1,
        at,
        Actor("principal-x", AuthenticatedBy.OIDC, PROVIDER),
        None,
        "",
        None,
        "",
        (),
        None,
        None,
    )
    return Recorded(position, at, envelope, event)


def apply(rota: Rota, *events: Event, at: datetime) -> Rota:
    for event in events:
        rota = evolve_rota(rota, recorded(event, rota.position + 1, at))
    return rota


def published(rules: RotaDefinition, at: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> Rota:
    command = PublishRota(tenant_id=PROVIDER, request_id="request-1", definition=rules)
    events: list[RotaPublished] = publish_rota(Rota(), command)
    return apply(Rota(), *events, at=at)


def overridden(rota: Rota, principal: str, starts_at: datetime, ends_at: datetime) -> Rota:
    command = OverrideRota(
        tenant_id=PROVIDER,
        request_id="request-1",
        rota_id=rota.rota_id,
        principal_id=principal,
        starts_at=starts_at,
        ends_at=ends_at,
        reason="ill",
    )
    event: RotaOverridden = override_rota(rota, command, starts_at - timedelta(days=1), derive_id("o", str(starts_at)))
    return apply(rota, event, at=starts_at - timedelta(days=1))
