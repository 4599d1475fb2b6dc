"""A record as a row of the archive, and back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from services.detections.domain.formats.records import Alert, LogSource, Record, Source

COLUMNS: Mapping[str, str] = {
    "occurred_at": "TIMESTAMPTZ",
    "received_at": "TIMESTAMPTZ",
    "sensor_id": "VARCHAR",
    "batch_position": "BIGINT",
    "batch_sha256": "VARCHAR",
    "record": "BIGINT",
    "source": "VARCHAR",
    "host": "VARCHAR",
    "address": "VARCHAR",
    "fields": "JSON",
    "text": "VARCHAR",
    "alert": "JSON",
    "logsource": "JSON",
}
"""What a hunt in SQL sees, with DuckDB's types. `fields` are the log source's own, named as Sigma rules name them."""


@dataclass(frozen=True, slots=True)
class BatchOrigin:
    """The batch that records came in: the position of its event, and the hash of its bytes."""

    position: int
    sha256: str
    sensor_id: str
    received_at: datetime


def row_of(record: Record, origin: BatchOrigin, occurred_at: datetime) -> dict[str, Any]:
    """Values by column that JSON can say. Back from the archive, the columns of type JSON are texts."""
    return {
        "occurred_at": occurred_at.isoformat(),
        "received_at": origin.received_at.isoformat(),
        "sensor_id": origin.sensor_id,
        "batch_position": origin.position,
        "batch_sha256": origin.sha256,
        "record": record.offset,
        "source": record.source.value,
        "host": record.host,
        "address": record.address,
        "fields": dict(record.fields),
        "text": record.text,
        "alert": asdict(record.alert) if record.alert else None,
        "logsource": asdict(record.logsource) if record.logsource else None,
    }


def record_of(row: Mapping[str, Any]) -> Record:
    """The record of a row as DuckDB gives it back. Its dedupe key is not kept."""
    alert = orjson.loads(row["alert"]) if row["alert"] else None
    logsource = orjson.loads(row["logsource"]) if row["logsource"] else None
    return Record(
        offset=row["record"],
        source=Source(row["source"]),
        occurred_at=row["occurred_at"].astimezone(UTC),
        host=row["host"],
        address=row["address"],
        key=b"",
        fields=orjson.loads(row["fields"]),
        alert=Alert(**{**alert, "techniques": tuple(alert["techniques"])}) if alert else None,
        text=row["text"],
        logsource=LogSource(**logsource) if logsource else None,
    )
