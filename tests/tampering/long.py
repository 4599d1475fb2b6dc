"""The tampering suite at length: `python -m tests.tampering.long [attempts] [seed]`, 10,000 unless told otherwise.

Starts an embedded PostgreSQL of its own, tampers with a ledger as its superuser and with the log's files, and tells how
many attempts were detected and located. Exit code 1 where one was not; each such one is printed with what was done.
"""

import asyncio
import contextlib
import io
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from infra.runtime.postgres import EmbeddedPostgres
from tests.tampering.ledgers import made_ledgers
from tests.tampering.mutations import Tampering

ATTEMPTS = 10_000
EVERY = 1_000


async def run(server: str, directory: Path, attempts: int, seed: int) -> int:
    """How many attempts were not both detected and located."""
    chance, kinds, missed, made = random.Random(seed), Counter[str](), 0, 0
    async with made_ledgers(server, directory) as ledgers:
        tampering, began = Tampering(ledgers, chance), time.perf_counter()
        while made < attempts:
            attempt = await tampering.attempt(chance.choice([1, 1, 1, 1, 2]))
            if attempt is None:
                continue
            made += 1
            kinds.update(each.partition(":")[0] for each in attempt.done)
            if why := attempt.missed():
                missed += 1
                print(f"MISSED: {why}; done: {attempt.done}; found: {attempt.checked.findings.found[:3]}", flush=True)
            if made % EVERY == 0:
                print(f"{made:>7,} attempts, {missed} missed, {time.perf_counter() - began:.0f} s", flush=True)
    for kind, count in sorted(kinds.items()):
        print(f"{count:>7,}  {kind}")
    print(f"{made:,} attempts with seed {seed}: {made - missed:,} detected and located, {missed} not")
    return missed


def main() -> int:
    attempts = int(sys.argv[1].replace("_", "")) if sys.argv[1:] else ATTEMPTS
    seed = int(sys.argv[2]) if sys.argv[2:] else random.SystemRandom().randrange(2**32)
    with tempfile.TemporaryDirectory(prefix="tenet-tampering-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        server = EmbeddedPostgres(directory, sync_initdb=False)
        with contextlib.redirect_stdout(io.StringIO()):
            server.start()
        try:
            return 1 if asyncio.run(run(server.dsn(), directory, attempts, seed)) else 0
        finally:
            server.destroy()


if __name__ == "__main__":
    sys.exit(main())
