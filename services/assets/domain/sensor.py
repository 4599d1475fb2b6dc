"""A sensor: it promises a sign of life every interval, and counts as silent once two in a row are missing.

Signs of life are no events; only the beginning and the end of a silence are. When a sensor was last heard comes in as
an argument, so the decision itself stays pure.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.assets import SensorRegistered, SensorSilenceEnded, SensorSilenceStarted
from contracts.events.base import Recorded
from services.assets.domain.commands import RegisterSensor
from services.assets.domain.errors import SensorNotYours, SensorUnknown

CATEGORY = "sensor"
MISSED_INTERVALS = 2
"""Missed signs of life after which a sensor counts as silent."""

SensorEvent = SensorRegistered | SensorSilenceStarted | SensorSilenceEnded


@dataclass(frozen=True, slots=True)
class Sensor:
    """What decisions need to know of a sensor. `sensor_id` is empty before the registration."""

    sensor_id: str = ""
    interval_seconds: int = 0
    principal_id: str | None = None
    registered_at: datetime | None = None
    silent_from: datetime | None = None


def evolve(state: Sensor, recorded: Recorded[SensorEvent]) -> Sensor:
    match recorded.event:
        case SensorRegistered() as event:
            return Sensor(event.sensor_id, event.interval_seconds, event.principal_id, recorded.recorded_at)
        case SensorSilenceStarted() as event:
            return replace(state, silent_from=event.last_heard_at)
        case SensorSilenceEnded():
            return replace(state, silent_from=None)
        case event:
            assert_never(event)


def register(command: RegisterSensor, sensor_id: str) -> list[SensorEvent]:
    return [
        SensorRegistered(
            sensor_id=sensor_id,
            system_type=command.system_type,
            asset_id=command.asset_id,
            interval_seconds=command.interval_seconds,
            principal_id=command.principal_id,
        )
    ]


def require_speaker(state: Sensor, sensor_id: str, actor: Actor) -> None:
    """Raises SensorUnknown, and SensorNotYours when another machine speaks for it. Tenet's own processes may."""
    if not state.sensor_id:
        raise SensorUnknown(sensor_id)
    if actor.authenticated_by is AuthenticatedBy.SERVICE or state.principal_id is None:
        return
    if actor.id != state.principal_id:
        raise SensorNotYours(sensor_id)


def silence_due_at(last_heard_at: datetime, interval_seconds: int) -> datetime:
    """The instant after which a sensor that was last heard then counts as silent."""
    return last_heard_at + timedelta(seconds=MISSED_INTERVALS * interval_seconds)


def start_silence(state: Sensor, last_heard_at: datetime | None, now: datetime) -> list[SensorEvent]:
    """Nothing while the silence is not due, or is on record. A sensor that was never heard counts from its
    registration.
    """
    if state.registered_at is None or state.silent_from is not None:
        return []
    heard = max(state.registered_at, last_heard_at) if last_heard_at else state.registered_at
    if now <= silence_due_at(heard, state.interval_seconds):
        return []
    return [SensorSilenceStarted(sensor_id=state.sensor_id, last_heard_at=heard)]


def end_silence(state: Sensor, heard_at: datetime) -> list[SensorEvent]:
    """Nothing unless a silence is on record and the sensor was heard after it began."""
    if state.silent_from is None or heard_at <= state.silent_from:
        return []
    return [SensorSilenceEnded(sensor_id=state.sensor_id, silent_from=state.silent_from, silent_until=heard_at)]
