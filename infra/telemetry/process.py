"""Sets up logs, traces and metrics for one process."""

from typing import Protocol

import structlog

from infra.telemetry import tracing
from infra.telemetry.exposition import LOOPBACK, MetricsServer
from infra.telemetry.logs import configure_logs


class TelemetrySettings(Protocol):
    """What `configure` needs to know; `infra.runtime.settings.Settings` has it."""

    @property
    def log_level(self) -> str:
        """`debug`, `info`, `warning` or `error`."""

    @property
    def otlp_endpoint(self) -> str | None:
        """Base address of an OTLP/HTTP collector; None exports no traces."""


class Telemetry:
    """The process's exporters. `close` sends what is queued and frees the port."""

    def __init__(self, traces: tracing.Tracing, metrics: MetricsServer | None) -> None:
        self._traces, self._metrics = traces, metrics

    @property
    def metrics_port(self) -> int | None:
        return self._metrics.port if self._metrics else None

    def close(self) -> None:
        self._traces.close()
        if self._metrics is not None:
            self._metrics.close()


def configure(
    service: str, settings: TelemetrySettings, *, metrics_port: int | None = None, metrics_host: str = LOOPBACK
) -> Telemetry:
    """Starts this process's logs, traces and, on a port of `metrics_host` (0: any free one, None: none), `/metrics`."""
    configure_logs(service, settings.log_level)
    exporter = tracing.otlp_exporter(settings.otlp_endpoint) if settings.otlp_endpoint else None
    traces = tracing.Tracing(exporter, {"service.name": f"tenet.{service}"})
    tracing.install(traces)
    metrics = MetricsServer(metrics_port, host=metrics_host) if metrics_port is not None else None
    structlog.get_logger().info(
        "telemetry_started", traces=settings.otlp_endpoint or "off", metrics_port=metrics.port if metrics else None
    )
    return Telemetry(traces, metrics)
