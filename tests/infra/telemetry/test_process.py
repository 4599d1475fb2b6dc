"""A process's telemetry as a whole: metrics over HTTP on loopback, and a clean end."""

import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest

from infra.runtime.settings import Settings
from infra.telemetry import TelemetrySettings, configure
from infra.telemetry.metrics import RPC_SECONDS


@dataclass
class Quiet:
    log_level: str = "error"
    otlp_endpoint: str | None = None


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Any:
    import logging

    import structlog

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_metrics_are_served_on_loopback_until_closed() -> None:
    telemetry = configure("cases", Quiet(), metrics_port=0)
    RPC_SECONDS.labels("/tenet.cases.v1.CasesReadService/GetCase", "OK").observe(0.002)
    url = f"http://127.0.0.1:{telemetry.metrics_port}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
    finally:
        telemetry.close()
    assert 'tenet_rpc_seconds_count{code="OK",rpc="/tenet.cases.v1.CasesReadService/GetCase"}' in text
    with pytest.raises(OSError):
        urllib.request.urlopen(url, timeout=1)


def test_a_process_may_have_no_metrics() -> None:
    telemetry = configure("cases", Quiet())
    assert telemetry.metrics_port is None
    telemetry.close()


def test_the_settings_of_the_runtime_are_what_telemetry_asks_for() -> None:
    settings: TelemetrySettings = Settings()
    assert settings.otlp_endpoint is None
