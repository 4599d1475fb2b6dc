"""The cases service in a process of its own, by a clock that lies in a file: `python -m tests.faults.timer_worker`.

The file holds by how many seconds the process's clock is ahead of the machine's. The test moves it, and kills
the process. `with-the-stores` behind it: the ledger compares that clock with its own, as it does in earnest.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.hosting import Foundation
from infra.hosting.foundation import system_clock
from infra.runtime.settings import Settings
from services.cases import wiring
from services.cases.config import CasesSettings, connectors_of
from services.cases.connectors.registry import Connectors


async def work(settings: Settings, ahead: Path, *, compared: bool) -> None:
    def clock() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(ahead.read_text()))

    connectors = Connectors.of(connectors_of(settings, CasesSettings()))
    async with Foundation.open("cases", settings, clock=clock) as foundation:
        if not compared:
            # The store refuses a process whose clock differs from its own, and no test moves the store's.
            foundation.ledger.recorder._clock = system_clock
        async with wiring.running(foundation, connectors):
            await asyncio.Event().wait()


if __name__ == "__main__":
    chosen = Settings.model_validate_json(Path(sys.argv[1]).read_text())
    asyncio.run(work(chosen, Path(sys.argv[2]), compared="with-the-stores" in sys.argv[3:]))
