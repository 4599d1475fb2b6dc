"""The three credentials of the reference actuator, each for one path, kept beside the other local secrets."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from infra.runtime.secret_files import secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """`webhook` signs commands (Standard Webhooks, `whsec_…`), `reading` reads state back, `control` steers it."""

    webhook: str
    reading: str
    control: str

    @classmethod
    def of(cls, directory: Path) -> Self:
        webhook = base64.b64encode(secret(directory, "actuator-webhook").encode()).decode()
        return cls(f"whsec_{webhook}", secret(directory, "actuator-reading"), secret(directory, "actuator-control"))
