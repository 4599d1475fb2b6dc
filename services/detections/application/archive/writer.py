"""Writes the archive's files in a process of its own, at a low priority.

To read a batch once more and pack it costs as much as judging it. Done by a thread of the service it held up whoever
waited for a batch to be taken: they share the interpreter, and the processor with equal rights (ADR 22).
"""

import asyncio
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts.errors import TenetError
from services.detections.application.archive.jobs import Failed, Job, MergeFiles, WriteBatch, WrittenBatch
from services.detections.application.archive.parquet import ParquetFile, Scratch
from services.detections.application.archive.rows import BatchOrigin
from services.detections.application.archive.taking_out import FindNames, TakeOut
from services.detections.application.archive.writer_process import LENGTH
from services.detections.domain.formats.reading import BatchReading

PROGRAM = "services.detections.application.archive.writer_process"
ROOT = Path(__file__).parents[4]


class ArchiveNotWritten(TenetError):
    """The process that writes the archive failed at a job, or ended; nothing of the job was kept."""

    reason = "ARCHIVE_NOT_WRITTEN"


class ArchiveWriter:
    """One job at a time, whoever asks. The process is started when it is needed, and anew after it has ended.

    Methods raise ArchiveNotWritten.
    """

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def batch(self, reading: BatchReading, origin: BatchOrigin) -> WrittenBatch:
        written: WrittenBatch = await self._done(WriteBatch(reading, origin))
        return written

    async def merged(self, contents: Sequence[bytes]) -> ParquetFile:
        file: ParquetFile = await self._done(MergeFiles(contents))
        return file

    async def names(self, job: FindNames) -> set[str]:
        """What a subject is called in a file of the archive."""
        found: set[str] = await self._done(job)
        return found

    async def without(self, job: TakeOut) -> ParquetFile | None:
        """The file without what has to go; None where it has nothing of it."""
        rest: ParquetFile | None = await self._done(job)
        return rest

    async def close(self) -> None:
        """Ends the process; what it was doing is lost, and done again by whoever asks again."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()

    async def _done(self, job: Job) -> Any:
        packed = pickle.dumps(job)
        async with self._turn:
            try:
                answer = await self._ask(packed)
            except BaseException as error:
                # An answer that still comes would be taken for that of the next job.
                await self.close()
                if isinstance(error, EOFError | OSError):
                    raise ArchiveNotWritten("The process that writes the archive has ended.") from error
                raise
        if isinstance(answer, Failed):
            raise ArchiveNotWritten(answer.message, metadata={"error": answer.error})
        return answer

    async def _ask(self, packed: bytes) -> Any:
        if self._process is None or self._process.returncode is not None:
            self._process = await self._started()
        source, answers = self._process.stdin, self._process.stdout
        if source is None or answers is None:
            raise AssertionError("the process was started with pipes")
        source.write(LENGTH.pack(len(packed)) + packed)
        await source.drain()
        (size,) = LENGTH.unpack(await answers.readexactly(LENGTH.size))
        return pickle.loads(await answers.readexactly(size))  # noqa: S301  # It comes from our own child.

    async def _started(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            PROGRAM,
            str(self._scratch.directory),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            cwd=ROOT,
        )
