"""Where a rota cannot be followed: what its shape allows but nobody could be called by."""

import re
from collections.abc import Iterator, Sequence

from contracts.errors import FieldViolation
from contracts.events.people import Desk, Layer, RotaDefinition
from contracts.ids import is_opaque_id, is_tenant_id
from contracts.zones import TimeZoneUnknown, zone_of
from services.cases.domain.shifts import check_shift

MAX_TENANTS, MAX_LAYERS, MAX_SHIFTS, MAX_LEADS, MAX_DESKS, MAX_EXCEPTIONS = 200, 5, 60, 10, 50, 366
MAX_ANSWER_MINUTES, MIN_PROBE_MINUTES, MAX_PROBE_MINUTES, MAX_HORIZON_DAYS = 1_440, 5, 10_080, 90
MAX_QUESTION_MINUTES = 525_600
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,62}$")


def violations_of(rota: RotaDefinition) -> Iterator[FieldViolation]:
    """Every place that is wrong, by path."""
    yield from _name("name", rota.name)
    yield from _count("tenant_ids", rota.tenant_ids, MAX_TENANTS, at_least=0)
    yield from _distinct("tenant_ids", rota.tenant_ids)
    for index, tenant_id in enumerate(rota.tenant_ids):
        if not is_tenant_id(tenant_id):
            yield FieldViolation(f"tenant_ids[{index}]", f"{tenant_id!r} is no tenant's identifier")
    yield from _count("layers", rota.layers, MAX_LAYERS)
    yield from _distinct("layers", [layer.name for layer in rota.layers])
    for index, layer in enumerate(rota.layers):
        yield from _layer(f"layers[{index}]", layer)
    yield from _count("leads", rota.leads, MAX_LEADS)
    yield from _people("leads", rota.leads)
    yield from _range("answer_minutes", rota.answer_minutes, 1, MAX_ANSWER_MINUTES)
    if rota.probe_minutes is not None:
        yield from _range("probe_minutes", rota.probe_minutes, MIN_PROBE_MINUTES, MAX_PROBE_MINUTES)
    yield from _range("horizon_days", rota.horizon_days, 1, MAX_HORIZON_DAYS)
    yield from _count("desks", rota.desks, MAX_DESKS, at_least=0)
    yield from _distinct("desks", [desk.topic for desk in rota.desks])
    for index, desk in enumerate(rota.desks):
        yield from _desk(f"desks[{index}]", desk)


def _layer(path: str, layer: Layer) -> Iterator[FieldViolation]:
    yield from _name(f"{path}.name", layer.name)
    try:
        zone_of(layer.time_zone)
    except TimeZoneUnknown:
        yield FieldViolation(f"{path}.time_zone", f"{layer.time_zone!r} is no IANA time zone")
    yield from _count(f"{path}.shifts", layer.shifts, MAX_SHIFTS)
    for index, shift in enumerate(layer.shifts):
        place = f"{path}.shifts[{index}]"
        yield from _people(f"{place}.principal_id", [shift.principal_id])
        yield from _count(f"{place}.exceptions", shift.exceptions, MAX_EXCEPTIONS, at_least=0)
        yield from (FieldViolation(field, expected) for field, expected in check_shift(shift, place))


def _desk(path: str, desk: Desk) -> Iterator[FieldViolation]:
    yield from _name(f"{path}.topic", desk.topic)
    if desk.certification:
        yield from _name(f"{path}.certification", desk.certification)
    if desk.calendar:
        yield from _name(f"{path}.calendar", desk.calendar)
    yield from _count(f"{path}.principal_ids", desk.principal_ids, MAX_LEADS)
    yield from _people(f"{path}.principal_ids", desk.principal_ids)
    yield from _range(f"{path}.answer_minutes", desk.answer_minutes, 1, MAX_QUESTION_MINUTES)


def _name(path: str, text: str) -> Iterator[FieldViolation]:
    if not _NAME.match(text):
        yield FieldViolation(path, "a name is lower case words joined by hyphens")


def _people(path: str, principals: Sequence[str]) -> Iterator[FieldViolation]:
    for principal in principals:
        if not is_opaque_id(principal, "principal"):
            yield FieldViolation(path, f"{principal!r} is no principal's identifier")


def _count(path: str, items: Sequence[object], most: int, *, at_least: int = 1) -> Iterator[FieldViolation]:
    if not at_least <= len(items) <= most:
        yield FieldViolation(path, f"needs {at_least} to {most}, and has {len(items)}")


def _distinct(path: str, items: Sequence[str]) -> Iterator[FieldViolation]:
    if len(set(items)) != len(items):
        yield FieldViolation(path, "names something twice")


def _range(path: str, value: int, least: int, most: int) -> Iterator[FieldViolation]:
    if not least <= value <= most:
        yield FieldViolation(path, f"lies between {least} and {most}")
