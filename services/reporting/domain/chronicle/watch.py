"""What is there and how it is watched, as known so far: assets, sensors with their silences, telemetry volume."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from contracts.events.assets import (
    AssetClass,
    AssetKind,
    AssetReclassified,
    AssetRegistered,
    AssetRetired,
    SensorRegistered,
    SensorSilenceEnded,
    SensorSilenceStarted,
)
from contracts.events.base import Event, Recorded, Sealed
from contracts.events.detections import TelemetryReceived
from services.reporting.domain.chronicle.marks import Mark

MISSED_INTERVALS = 2
"""The promise that a silence is measured by: it begins to count after two missed signs of life."""


@dataclass(slots=True)
class Asset:
    id: str
    kind: AssetKind
    asset_class: AssetClass
    value: int
    registered: Mark
    name: Sealed
    owner: Sealed | None
    retired: Mark | None = None


@dataclass(slots=True)
class Silence:
    """`since` is the last sign of life, `until` the next one; both by the service's clock. None: it goes on."""

    since: datetime
    until: datetime | None
    positions: list[int]


@dataclass(slots=True)
class Sensor:
    id: str
    system_type: str
    asset_id: str | None
    interval_seconds: int
    registered: Mark
    silences: list[Silence] = field(default_factory=list)

    @property
    def grace(self) -> timedelta:
        return timedelta(seconds=MISSED_INTERVALS * self.interval_seconds)


@dataclass(slots=True)
class Volume:
    """Telemetry of one sensor and format within the period, in records and bytes."""

    batches: int = 0
    records: int = 0
    accepted: int = 0
    repeated: int = 0
    skewed: int = 0
    bytes: int = 0
    put_aside: Counter[str] = field(default_factory=Counter)
    positions: list[int] = field(default_factory=list)
    put_aside_positions: list[int] = field(default_factory=list)
    skewed_positions: list[int] = field(default_factory=list)

    def add(self, position: int, event: TelemetryReceived) -> None:
        self.batches += 1
        self.records += event.records
        self.accepted += event.accepted
        self.repeated += event.repeated
        self.skewed += event.skewed
        self.bytes += event.bytes
        self.positions.append(position)
        for item in event.put_aside:
            self.put_aside[item.reason] += item.records
        if event.put_aside:
            self.put_aside_positions.append(position)
        if event.skewed:
            self.skewed_positions.append(position)


@dataclass(slots=True)
class Watch:
    """`in_period` tells whether an entry recorded then belongs to the report's period."""

    in_period: Callable[[datetime], bool]
    assets: dict[str, Asset] = field(default_factory=dict)
    sensors: dict[str, Sensor] = field(default_factory=dict)
    volumes: dict[tuple[str, str], Volume] = field(default_factory=dict)

    def observe(self, recorded: Recorded[Event]) -> None:
        match recorded.event:
            case AssetRegistered() as event:
                self.assets[event.asset_id] = Asset(
                    event.asset_id,
                    event.kind,
                    event.asset_class,
                    event.value,
                    Mark.of(recorded),
                    event.name,
                    event.owner,
                )
            case AssetReclassified() as event:
                if asset := self.assets.get(event.asset_id):
                    asset.asset_class, asset.value = event.asset_class, event.value
            case AssetRetired() as event:
                if asset := self.assets.get(event.asset_id):
                    asset.retired = Mark.of(recorded)
            case SensorRegistered() as event:
                self.sensors[event.sensor_id] = Sensor(
                    event.sensor_id, event.system_type, event.asset_id, event.interval_seconds, Mark.of(recorded)
                )
            case SensorSilenceStarted() as event:
                if sensor := self.sensors.get(event.sensor_id):
                    sensor.silences.append(Silence(event.last_heard_at, None, [recorded.position]))
            case SensorSilenceEnded() as event:
                self._heard_again(recorded.position, event)
            case TelemetryReceived() as event:
                if self.in_period(recorded.recorded_at):
                    self.volumes.setdefault((event.sensor_id, event.format), Volume()).add(recorded.position, event)
            case _:
                return

    def _heard_again(self, position: int, event: SensorSilenceEnded) -> None:
        sensor = self.sensors.get(event.sensor_id)
        if sensor is None or not sensor.silences:
            return
        silence = sensor.silences[-1]
        silence.until = event.silent_until
        silence.positions.append(position)
