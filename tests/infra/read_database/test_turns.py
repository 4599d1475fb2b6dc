"""Work in the background: it ends with its owner, and is not missed in silence when it ends before."""

import asyncio

import pytest
from structlog.testing import capture_logs

from infra.read_database.turns import in_background


async def test_work_that_ends_by_an_error_is_an_alarm_at_once_and_its_error_comes_at_the_end() -> None:
    async def fails() -> None:
        raise RuntimeError("a row of another shape")

    with capture_logs() as said, pytest.raises(RuntimeError):
        async with in_background("sweep", fails()):
            await asyncio.sleep(0.01)
            (alarm,) = said
    assert (alarm["event"], alarm["work"], alarm["alarm"]) == ("background_work_ended", "sweep", True)


async def test_work_that_its_owner_ends_is_no_alarm() -> None:
    ended = asyncio.Event()

    async def goes_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with capture_logs() as said:
        async with in_background("sweep", goes_on()):
            await asyncio.sleep(0.01)
    assert ended.is_set()
    assert said == []
