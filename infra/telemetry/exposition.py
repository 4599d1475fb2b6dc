"""`/metrics` in Prometheus's text format, on loopback unless told otherwise: its figures are the operator's alone."""

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server

LOOPBACK = "127.0.0.1"


class MetricsServer:
    """Serves a registry's figures from a thread of its own, so that a busy event loop can still be looked at."""

    def __init__(self, port: int, registry: CollectorRegistry = REGISTRY, host: str = LOOPBACK) -> None:
        self._server, self._thread = start_http_server(port, addr=host, registry=registry)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
