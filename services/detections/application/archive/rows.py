"""A record as a row of the archive, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from services.detections.domain.formats.records import Alert, LogSource, Record, Source

HOUR = timedelta(hours=1)
"""How much of a tenant's telemetry lies in one file, by when it happened."""

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
    "key": "VARCHAR",
}
"""What a hunt in SQL sees, with DuckDB's types. `fields` are the log source's own, named as Sigma rules name them.

`key`, in hexadecimal, is the same for a record that a sensor has sent twice. A file that was written before there was
such a column has null there.
"""


@dataclass(frozen=True, slots=True)
class BatchOrigin:
    """The batch that records came in: the position of its event, and the hash of its bytes."""

    position: int
    sha256: str
    sensor_id: str
    received_at: datetime


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


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
        "key": record.key.hex(),
    }


def source_of(paths: Sequence[str]) -> str:
    """A relation in SQL with all columns over these Parquet files, also over none. The paths are this program's own."""
    nothing = ", ".join(f"NULL::{kind} AS {name}" for name, kind in COLUMNS.items())
    if not paths:
        return f"(SELECT {nothing} WHERE false)"  # Own names.
    files = ", ".join(repr(path) for path in paths)
    chosen = ", ".join(COLUMNS)
    return (
        f"(SELECT {chosen} FROM (SELECT {nothing} WHERE false"  # noqa: S608  # Own names and paths.
        f" UNION ALL BY NAME SELECT * FROM read_parquet([{files}], union_by_name = true)))"
    )


def record_of(row: Mapping[str, Any]) -> Record:
    """The record of a row as DuckDB gives it back; its key is empty where the file was written without."""
    alert = orjson.loads(row["alert"]) if row["alert"] else None
    logsource = orjson.loads(row["logsource"]) if row["logsource"] else None
    return Record(
        offset=row["record"],
        source=Source(row["source"]),
        occurred_at=row["occurred_at"].astimezone(UTC),
        host=row["host"],
        address=row["address"],
        key=bytes.fromhex(row["key"] or ""),
        fields=orjson.loads(row["fields"]),
        alert=Alert(**{**alert, "techniques": tuple(alert["techniques"])}) if alert else None,
        text=row["text"],
        logsource=LogSource(**logsource) if logsource else None,
    )
