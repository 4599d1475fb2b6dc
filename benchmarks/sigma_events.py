"""Events for the rule engine's benchmark: recorded ones as they are, and such as are made of them."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import orjson

from services.detections.domain.sigma.logsources import Route

ATTACKS = 20_000
LOG_LINES = 50_000
_SYSMON = "Microsoft-Windows-Sysmon/Operational"
_KEPT = frozenset({"Channel", "EventID", "SourceName", "EventType", "Hostname", "SourceModuleType", "@timestamp"})
"""What tells the kind of a record, which stays as it is where all other texts are made unique."""


@cache
def recorded(shared: Path) -> list[bytes]:
    """The recorded attacks on a Windows lab, one event a line."""
    lines: list[bytes] = []
    for path in sorted((shared / "security-datasets").glob("*.zip")):
        with ZipFile(path) as archive:
            for name in archive.namelist():
                lines += [line for line in archive.read(name).splitlines() if line.strip()]
    return lines


def unique(shared: Path) -> list[bytes]:
    """The same events, each text with a number at its start and its end that no other has; short texts stay longer."""
    return [orjson.dumps(_renumbered(orjson.loads(line), place)) for place, line in enumerate(recorded(shared))]


def _renumbered(event: dict[str, Any], place: int) -> dict[str, Any]:
    return {
        name: f"{value} {place:x}" if isinstance(value, str) and name not in _KEPT else value
        for name, value in event.items()
    }


def attacks(shared: Path) -> list[bytes]:
    """Process creations that rules were published for, flat as NXLog sends them, again and again."""
    found = [orjson.dumps(event) for event in _process_creations(shared)]
    return [found[place % len(found)] for place in range(ATTACKS)]


def _process_creations(shared: Path) -> Iterator[dict[str, Any]]:
    with ZipFile(shared / "sigma" / "regression.zip") as archive:
        for name in archive.namelist():
            if not name.endswith(".json") or "process_creation" not in name:
                continue
            for value in _values(archive.read(name).decode("utf-8-sig")):
                system = value["Event"]["System"]
                if system["Channel"] == _SYSMON and system["EventID"] == 1:
                    data = value["Event"]["EventData"]
                    source = "Microsoft-Windows-Sysmon"
                    host = system["Computer"]
                    yield data | {"Channel": _SYSMON, "EventID": 1, "SourceName": source, "Hostname": host}


def _values(text: str) -> Iterator[dict[str, Any]]:
    decoder, at = json.JSONDecoder(), 0
    while (at := len(text) - len(text[at:].lstrip())) < len(text):
        value, at = decoder.raw_decode(text, at)
        yield from value if isinstance(value, list) else [value]


def keywords() -> tuple[Route, list[dict[str, str]]]:
    """Lines of a Linux log as its parser gives them, no two alike, one in a thousand with something to find."""
    route = Route("linux", frozenset(), frozenset({"syslog", "auth", "sshd"}))
    text = "Accepted publickey for deploy from 192.0.2.{} port {} ssh2: ED25519 SHA256:{:043x}"
    records = [
        {
            "message": text.format(place % 250, 30_000 + place % 20_000, place * 7_919)
            if place % 1_000
            else "fatal: buffer_get_string: bad string length 1",
            "program": "sshd",
            "host": f"node-{place % 40}",
        }
        for place in range(LOG_LINES)
    ]
    return route, records
