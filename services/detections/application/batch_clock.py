"""The clock of one batch: when it came, and how long after that each of its stages was through."""

import time
from datetime import datetime

from prometheus_client import Histogram

from contracts.events.detections import BatchTimes
from infra.telemetry.metrics import LATENCY_BUCKETS

STAGE_SECONDS = Histogram(
    "tenet_telemetry_stage_seconds",
    "Time from a batch's arrival to its last record being through a stage: normalised, matched.",
    ("stage",),
    buckets=LATENCY_BUCKETS,
)


class BatchClock:
    """Runs from when it is made. A batch that is judged again passes its stages again, and the last time counts."""

    def __init__(self, arrived_at: datetime) -> None:
        self._arrived_at, self._began = arrived_at, time.perf_counter()
        self._normalised = self._matched = 0.0

    def normalised(self) -> None:
        """The records that were read so far are in the form that rules are matched with."""
        self._normalised = time.perf_counter() - self._began

    def matched(self) -> None:
        """And every rule and indicator was matched with them."""
        self._matched = time.perf_counter() - self._began

    @property
    def times(self) -> BatchTimes:
        return BatchTimes(
            arrived_at=self._arrived_at,
            normalised_ms=round(self._normalised * 1000),
            matched_ms=round(self._matched * 1000),
        )

    def observe(self) -> None:
        """Puts both into the process's metrics, once the batch is on record."""
        STAGE_SECONDS.labels("normalised").observe(self._normalised)
        STAGE_SECONDS.labels("matched").observe(self._matched)
