"""How many detections the alerts of recorded organisations become, and whether any mixes attack with noise.

The alerts are read and grouped as the service does it, batch by batch. The recording's labels are looked at only
afterwards. Reads every `*_alerts.csv.gz` in `ait-alerts` of the shared data (TENET_SHARED_DATA); says why and nothing
else where there is none.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import Figure, run
from infra.runtime.settings import Settings
from services.detections.application.tenant_index import TenantIndex
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from services.detections.domain.grouping import Grouping
from services.detections.domain.signatures import fired_by_alert

SUFFIX = "_alerts.csv.gz"
RECORDS_PER_BATCH = 10_000
NO_ATTACK = "-"


@dataclass
class Counted:
    """`detections` has for each group's key the labels of the alerts in it."""

    alerts: int = 0
    phases: set[str] = field(default_factory=set)
    detections: dict[str, set[str]] = field(default_factory=dict)

    @property
    def mixed(self) -> int:
        return sum(len(labels) > 1 and NO_ATTACK in labels for labels in self.detections.values())

    @property
    def ratio(self) -> float:
        return self.alerts / len(self.detections)

    @property
    def mixed_percent(self) -> float:
        return 100 * self.mixed / len(self.detections)

    @property
    def unseen(self) -> set[str]:
        return self.phases - {label for labels in self.detections.values() for label in labels}


def batches(path: Path) -> Iterator[tuple[bytes, list[str]]]:
    """Rows with their header, and the label of each."""
    with gzip.open(path, "rt", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        label = header.index("event_label")
        part: list[list[str]] = []
        for row in rows:
            part.append(row)
            if len(part) == RECORDS_PER_BATCH:
                yield _written(header, part), [each[label] for each in part]
                part = []
        if part:
            yield _written(header, part), [each[label] for each in part]


def _written(header: list[str], rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode()


def counted(path: Path) -> Counted:
    result, index = Counted(), TenantIndex(b"k" * 32)
    for content, labels in batches(path):
        grouping = Grouping(index)
        for record in BatchReading(content, Format.ALERT_CSV).records():
            if record.alert is None or record.occurred_at is None:
                raise ValueError("every line of these files is an alert with a time")
            key = grouping.add(record, fired_by_alert(record.alert), record.occurred_at)
            result.alerts += 1
            result.phases.add(labels[record.offset])
            result.detections.setdefault(key, set()).add(labels[record.offset])
    return result


async def figures() -> list[Figure]:
    directory = Settings.from_env().shared_data / "ait-alerts"
    paths = sorted(directory.glob(f"*{SUFFIX}"))
    if not paths:
        print(f"recorded alerts are absent: {directory} (set TENET_SHARED_DATA)")
        return []
    each = {path.name.removesuffix(SUFFIX): counted(path) for path in paths}
    detections = sum(len(one.detections) for one in each.values())
    told = "; ".join(
        f"{name} {one.alerts:,} alerts, {len(one.detections):,} detections, {one.mixed} mixed"
        for name, one in each.items()
    )
    ratio = sum(one.alerts for one in each.values()) / detections
    mixed = 100 * sum(one.mixed for one in each.values()) / detections
    unseen = sum(len(one.unseen) for one in each.values())
    return [
        Figure("alerts per detection, all organisations", ratio, 200, told),
        Figure("detections that mix attack and noise, %", mixed, 0.5, told, at_most=True),
        Figure("attack phases without a detection", unseen, 0, at_most=True),
        *(Figure(f"alerts per detection, {name}", one.ratio, 200) for name, one in each.items()),
        *(Figure(f"that mix, %, {name}", one.mixed_percent, 0.5, at_most=True) for name, one in each.items()),
    ]


if __name__ == "__main__":
    run(figures())
