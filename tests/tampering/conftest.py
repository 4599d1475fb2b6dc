"""Ledgers to tamper with, made anew for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.tampering.ledgers import Ledgers, made_ledgers


@pytest.fixture
async def ledgers(postgres_server: str, tmp_path: Path) -> AsyncIterator[Ledgers]:
    async with made_ledgers(postgres_server, tmp_path) as made:
        yield made
