"""Processes of their own for what hunts run: they end with their hunt, and hurt nobody but themselves."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.runtime.leash import leashed

ROOT = Path(__file__).parents[4]


@asynccontextmanager
async def child(program: str, max_line_bytes: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python module as a process, ended with the block, and with this process however that ends; it is given nothing
    of this one's environment."""
    process = await asyncio.create_subprocess_exec(
        *leashed([sys.executable, "-m", program], signal_number=signal.SIGKILL),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        cwd=ROOT,
        limit=max_line_bytes,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        # What it still says is read to the end, so that its pipe is closed when the block is left.
        await process.communicate()


async def lines(process: asyncio.subprocess.Process, seconds: float) -> AsyncIterator[bytes]:
    """What the process says, line by line, for so long in all. Raises TimeoutError."""
    assert process.stdout is not None  # It is a pipe.
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        # The time is taken around each line alone: what is done with the lines meanwhile must not be cut off by it.
        async with asyncio.timeout_at(deadline):
            line = await process.stdout.readline()
        if not line:
            return
        yield line
