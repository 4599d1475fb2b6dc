"""Sensors and whether they are silent. When each was last heard is in the table `heartbeats`, which is no view."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.assets import SensorRegistered, SensorSilenceEnded, SensorSilenceStarted
from contracts.events.base import Instant, Recorded, Value
from infra.read_database.views import DocumentView


class SensorRow(Value):
    sensor_id: str
    system_type: str
    asset_id: str | None
    interval_seconds: int
    registered_at: Instant
    silent_from: Instant | None


class Sensors(DocumentView[SensorRow]):
    NAME = "sensors"
    VERSION = 1
    TABLE = "sensors"
    TOPICS = frozenset({SensorRegistered, SensorSilenceStarted, SensorSilenceEnded})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "silent": "boolean",
        "interval_seconds": "integer",
        "registered_at": "timestamptz",
    }
    DOCUMENT = SensorRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.sensor_id]

    def fold(self, key: str, document: SensorRow | None, recorded: Recorded[Any]) -> SensorRow | None:
        match recorded.event:
            case SensorRegistered() as event:
                return SensorRow(
                    sensor_id=key,
                    system_type=event.system_type,
                    asset_id=event.asset_id,
                    interval_seconds=event.interval_seconds,
                    registered_at=recorded.recorded_at,
                    silent_from=None,
                )
            case SensorSilenceStarted(last_heard_at=last_heard_at) if document:
                return document.model_copy(update={"silent_from": last_heard_at})
            case SensorSilenceEnded() if document:
                return document.model_copy(update={"silent_from": None})
            case _:
                return document

    def columns(self, document: SensorRow) -> Mapping[str, object]:
        return {
            "silent": document.silent_from is not None,
            "interval_seconds": document.interval_seconds,
            "registered_at": document.registered_at,
        }
