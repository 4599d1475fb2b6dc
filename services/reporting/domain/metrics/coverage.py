"""Whether the watch stood: sensor uptime and silence, assets that nothing watches, telemetry volume and what was put
aside.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.events.base import instant
from services.reporting.domain.chronicle import Chronicle
from services.reporting.domain.chronicle.watch import Asset, Sensor, Volume
from services.reporting.domain.figures import FigureMaker, Json

MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    start: datetime
    end: datetime

    def overlap(self, since: datetime, until: datetime | None) -> timedelta:
        return max(timedelta(0), min(self.end, until or self.end) - max(self.start, since))

    @property
    def length(self) -> timedelta:
        return max(timedelta(0), self.end - self.start)


def sensor_rows(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """One row a sensor that was registered before the period's end, with its figures and the periods without sight."""
    rows = []
    for sensor in chronicle.watch.sensors.values():
        window = _expected(chronicle, sensor, make)
        if window.length > timedelta(0):
            rows.append(_sensor_row(sensor, window, make))
    return rows


def figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    expected, silent, blind, positions = timedelta(0), timedelta(0), timedelta(0), []
    for sensor in chronicle.watch.sensors.values():
        window = _expected(chronicle, sensor, make)
        if window.length > timedelta(0):
            lost = _lost(sensor, window)
            expected, silent, blind = expected + window.length, silent + lost[0], blind + lost[1]
            positions += _positions(sensor)
    in_service = assets_in_service(chronicle)
    watched = [asset for asset in in_service if asset.id in _watched(chronicle)]
    return [
        _uptime("sensors.uptime", expected, silent, positions, make),
        _time("sensors.silent", "Silence of all sensors together", silent if positions else None, positions, make),
        _time("sensors.blind", "Blind time of all sensors together", blind if positions else None, positions, make),
        make.share(
            "coverage.watched", "coverage", "Assets with a sensor of their own",
            [asset.registered.position for asset in watched], [asset.registered.position for asset in in_service],
        ),
        *_telemetry(chronicle, make),
    ]  # fmt: skip


def assets_in_service(chronicle: Chronicle) -> list[Asset]:
    """Registered before the period's end and not retired by then."""
    end = chronicle.scope.period_to
    return [
        asset
        for asset in chronicle.watch.assets.values()
        if asset.registered.at < end and (asset.retired is None or asset.retired.at >= end)
    ]


def unwatched(chronicle: Chronicle) -> list[Asset]:
    watched = _watched(chronicle)
    return [asset for asset in assets_in_service(chronicle) if asset.id not in watched]


def blind_periods(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """When a sensor was not heard within the period: nothing is claimed to have been seen by it then."""
    found = []
    for sensor in chronicle.watch.sensors.values():
        window = _expected(chronicle, sensor, make)
        for silence in sensor.silences:
            if window.overlap(silence.since, silence.until) > timedelta(0):
                ended = silence.until if silence.until and silence.until <= window.end else None
                found.append(
                    {
                        "sensor_id": sensor.id,
                        "system_type": sensor.system_type,
                        "from": instant(max(silence.since, window.start)),
                        "to": instant(ended) if ended else None,
                        "source": make.sources.add(silence.positions),
                    }
                )
    return found


def volume_rows(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    rows = []
    for (sensor_id, form), volume in sorted(chronicle.watch.volumes.items()):
        prefix = f"telemetry.{sensor_id}.{form}"
        sensor = chronicle.watch.sensors.get(sensor_id)
        rows.append(
            {
                "sensor_id": sensor_id,
                "system_type": sensor.system_type if sensor else None,
                "format": form,
                "figures": _volume_figures(prefix, [volume], make),
                "put_aside": [list(pair) for pair in sorted(volume.put_aside.items())],
            }
        )
    return rows


def _telemetry(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    return _volume_figures("telemetry.all", list(chronicle.watch.volumes.values()), make)


def _volume_figures(prefix: str, volumes: list[Volume], make: FigureMaker) -> list[Json]:
    positions = [position for volume in volumes for position in volume.positions]
    set_aside = [position for volume in volumes for position in volume.put_aside_positions]
    skewed = [position for volume in volumes for position in volume.skewed_positions]
    values = {
        "batches": ("Batches", "count", sum(volume.batches for volume in volumes), positions),
        "records": ("Records", "count", sum(volume.records for volume in volumes), positions),
        "accepted": ("Read", "count", sum(volume.accepted for volume in volumes), positions),
        "repeated": ("Repeated", "count", sum(volume.repeated for volume in volumes), positions),
        "put_aside": ("Put aside", "count", sum(volume.put_aside.total() for volume in volumes), set_aside),
        "skewed": ("With a clock that cannot be right", "count", sum(volume.skewed for volume in volumes), skewed),
        "bytes": ("Volume", "bytes", sum(volume.bytes for volume in volumes), positions),
    }
    return [
        make.quantity(f"{prefix}.{name}", "telemetry", label, unit, value if volumes else None, where)
        for name, (label, unit, value, where) in values.items()
    ]


def _sensor_row(sensor: Sensor, window: Window, make: FigureMaker) -> Json:
    silent, blind = _lost(sensor, window)
    positions, prefix = _positions(sensor), f"sensors.{sensor.id}"
    return {
        "sensor_id": sensor.id,
        "system_type": sensor.system_type,
        "asset_id": sensor.asset_id,
        "interval_seconds": sensor.interval_seconds,
        "figures": [
            _uptime(f"{prefix}.uptime", window.length, silent, positions, make),
            _time(f"{prefix}.silent", "Silence", silent, positions, make),
            _time(f"{prefix}.blind", "Blind time", blind, positions, make),
        ],
    }


def _expected(chronicle: Chronicle, sensor: Sensor, make: FigureMaker) -> Window:
    """The part of the period in which the sensor had promised to be heard, as far as the report can know."""
    scope = chronicle.scope
    return Window(max(scope.period_from, sensor.registered.at), min(scope.period_to, make.as_of.at))


def _lost(sensor: Sensor, window: Window) -> tuple[timedelta, timedelta]:
    silent = sum((window.overlap(s.since + sensor.grace, s.until) for s in sensor.silences), timedelta(0))
    blind = sum((window.overlap(s.since, s.until) for s in sensor.silences), timedelta(0))
    return silent, blind


def _uptime(figure: str, expected: timedelta, silent: timedelta, positions: list[int], make: FigureMaker) -> Json:
    value = 1_000 * (expected - silent) // expected if expected else None
    made = make.quantity(figure, "sensor_uptime", "Sensor uptime", "permille", value, positions)
    return made | {"numerator": (expected - silent) // MILLISECOND, "denominator": expected // MILLISECOND}


def _time(figure: str, label: str, value: timedelta | None, positions: list[int], make: FigureMaker) -> Json:
    length = None if value is None else value // MILLISECOND
    return make.quantity(figure, "sensor_uptime", label, "milliseconds", length, positions)


def _positions(sensor: Sensor) -> list[int]:
    return [sensor.registered.position, *(p for silence in sensor.silences for p in silence.positions)]


def _watched(chronicle: Chronicle) -> set[str | None]:
    return {sensor.asset_id for sensor in chronicle.watch.sensors.values()}
