"""The archive's files are written by a process apart, which may fail or end without harm to the next job."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from services.detections.application.archive.parquet import Scratch
from services.detections.application.archive.rows import BatchOrigin
from services.detections.application.archive.writer import ArchiveNotWritten, ArchiveWriter
from services.detections.application.archive.writer_process import NICENESS
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from tests.services.detections.records import harmless, lines, shadow_copies_deleted

ORIGIN = BatchOrigin(7, "ab" * 32, "sensor", datetime(2026, 11, 24, tzinfo=UTC))


@pytest_asyncio.fixture
async def writer(tmp_path: Path) -> AsyncIterator[ArchiveWriter]:
    writer = ArchiveWriter(Scratch.open(tmp_path / "scratch"))
    yield writer
    await writer.close()


def reading() -> BatchReading:
    content = lines(
        harmless("A", 1), shadow_copies_deleted("A", 2), shadow_copies_deleted("A", 3, "2026-11-20T03:12:00Z")
    )
    return BatchReading(content, Format.AUTOMATIC)


def pid_of(writer: ArchiveWriter) -> int:
    process = writer._process  # The test hurts what nobody else should reach.
    assert process is not None
    return process.pid


async def test_a_batch_becomes_a_file_for_each_hour_and_files_of_an_hour_one(writer: ArchiveWriter) -> None:
    files = (await writer.batch(reading(), ORIGIN)).files
    assert sum(file.records for file in files.values()) == 3
    assert datetime(2026, 11, 20, 3, tzinfo=UTC) in files
    merged = await writer.merged([file.content for file in files.values()])
    assert merged.records == 3


async def test_whoever_waits_for_an_answer_goes_before_the_archive(writer: ArchiveWriter) -> None:
    await writer.batch(reading(), ORIGIN)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, pid_of(writer)) == min(19, own + NICENESS)


async def test_a_job_that_fails_says_so_and_the_next_one_is_done(writer: ArchiveWriter) -> None:
    with pytest.raises(ArchiveNotWritten) as failed:
        await writer.merged([b"this is no parquet"])
    assert failed.value.metadata["error"]
    assert await writer.batch(reading(), ORIGIN)


async def test_a_process_that_was_killed_is_started_anew(writer: ArchiveWriter) -> None:
    await writer.batch(reading(), ORIGIN)
    os.kill(pid_of(writer), 9)
    # The first job may find the pipe broken or the process gone already; then it is refused, and may be given again.
    try:
        assert await writer.batch(reading(), ORIGIN)
    except ArchiveNotWritten:
        assert await writer.batch(reading(), ORIGIN)


async def test_a_job_that_is_given_up_leaves_no_answer_to_the_next_one(writer: ArchiveWriter) -> None:
    given_up = asyncio.create_task(writer.batch(reading(), ORIGIN))
    await asyncio.sleep(0.01)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    files = (await writer.batch(reading(), ORIGIN)).files
    merged = await writer.merged([file.content for file in files.values()])
    assert merged.records == 3
