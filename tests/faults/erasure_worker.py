"""The ledger service's policies in a process of its own: `python -m tests.faults.erasure_worker SETTINGS [STAGE MARK]`.

Where a stage is named, the process does it, says so by making the file MARK, and waits to be killed.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from infra.disclosure.copies import ServerCopies
from infra.event_store.openings import Openings
from infra.hosting import Foundation
from infra.keys import LocalKeyStore
from infra.runtime.settings import Settings
from services.ledger import wiring

STAGES: dict[str, tuple[type[Any], str]] = {
    "key": (LocalKeyStore, "destroy_subject"),
    "openings": (Openings, "erase"),
    "copies": (ServerCopies, "delete"),
}
"""What an erasure does in turn, before it is recorded as carried out."""


async def work(settings: Settings) -> None:
    async with Foundation.open("ledger", settings) as foundation, wiring.policies(foundation).running():
        await asyncio.Event().wait()


def stop_after(stage: str, mark: Path) -> None:
    owner, name = STAGES[stage]
    original = getattr(owner, name)

    async def stopping(*arguments: Any) -> None:
        await original(*arguments)
        mark.touch()
        await asyncio.Event().wait()

    setattr(owner, name, stopping)


if __name__ == "__main__":
    if sys.argv[2:]:
        stop_after(sys.argv[2], Path(sys.argv[3]))
    asyncio.run(work(Settings.model_validate_json(Path(sys.argv[1]).read_text())))
