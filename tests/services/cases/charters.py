"""The demonstration's charters with their words replaced, as the tests use them."""

import re
from pathlib import Path

from contracts.ids import derive_id
from services.cases.domain.charter import Charter, charter_digest, read_charter
from services.cases.domain.ruling import CharterInForce

DIRECTORY = Path(__file__).resolve().parents[3] / "infra" / "cli" / "demo" / "charters"
TIMES = {
    "freeze-start": "2026-11-20T00:00:00",
    "freeze-end": "2027-01-07T00:00:00",
    "service-start": "2026-11-29T02:00:00",
    "service-end": "2026-11-29T06:00:00",
}


def principal(name: str) -> str:
    return derive_id("principal", name)


def text_of(name: str, **times: str) -> str:
    known = TIMES | {key.replace("_", "-"): value for key, value in times.items()}

    def word(match: re.Match[str]) -> str:
        return known.get(match[1]) or principal(match[1])

    return re.sub(r"@([a-z][a-z0-9-]*)", word, (DIRECTORY / f"{name}.yaml").read_text())


def in_force(charter: Charter) -> CharterInForce:
    return CharterInForce(charter, derive_id("charter", "test"), 1, charter_digest(charter))


def demo_charter(name: str, **times: str) -> CharterInForce:
    return in_force(read_charter(text_of(name, **times)))
