"""The actuator as the supervisor starts it: a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_process_serves_says_what_it_is_and_stops_when_told(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "TENET_STATE": str(tmp_path), "TENET_ACTUATOR_PORT": str(port)}
    environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'contracts' / 'gen'}"
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen([sys.executable, "-m", "infra.actuator"], env=environment, stdout=log, stderr=log)
    try:
        answer = _health(port)
        assert "stand-in" in answer["is"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait(timeout=20)
        log.close()
    assert "actuator_is_a_stand_in" in (tmp_path / "log").read_text()
    assert (tmp_path / "actuator" / "state.sqlite").exists()


def _health(port: int) -> dict[str, str]:
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                return dict(json.load(answer))
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the actuator did not come up in 20 s")
