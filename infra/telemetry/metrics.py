"""Figures that several parts of a process share. A part with figures of its own declares them beside its code.

Names begin with `tenet_`, units are base units (seconds, bytes). No label holds anything that a caller chose freely.
"""

from prometheus_client import Counter, Gauge, Histogram

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

RPC_SECONDS = Histogram(
    "tenet_rpc_seconds", "Time from a request's arrival to its answer.", ("rpc", "code"), buckets=LATENCY_BUCKETS
)
RPCS_IN_FLIGHT = Gauge("tenet_rpcs_in_flight", "Requests that are being answered.", ("rpc",))
RPC_UNEXPECTED_ERRORS = Counter("tenet_rpc_unexpected_errors_total", "Requests that met a bug.", ("rpc",))
