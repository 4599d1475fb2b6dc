"""The four credentials of the reference actuator, each for one path, kept beside the other local secrets."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from infra.runtime.secret_files import secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """`webhook` signs commands and `room` messages (Standard Webhooks, `whsec_…`), `reading` reads state back,
    `control` steers it."""

    webhook: str
    reading: str
    control: str
    room: str

    @classmethod
    def of(cls, directory: Path) -> Self:
        return cls(
            _signing(directory, "actuator-webhook"),
            secret(directory, "actuator-reading"),
            secret(directory, "actuator-control"),
            _signing(directory, "actuator-room"),
        )


def _signing(directory: Path, name: str) -> str:
    return f"whsec_{base64.b64encode(secret(directory, name).encode()).decode()}"
