"""Logs, traces and metrics of a process: `configure` once at its start, then `span`, structlog and `metrics`.

No personal data gets here: log with opaque identifiers only; an unexpected exception is logged by its type and its
frames, never by its message (`logs.py` says why).
"""

from infra.telemetry.process import Telemetry, TelemetrySettings, configure
from infra.telemetry.tracing import current_traceparent, is_traceparent, span

__all__ = [
    "Telemetry",
    "TelemetrySettings",
    "configure",
    "current_traceparent",
    "is_traceparent",
    "span",
]
