"""Ledgers to tamper with, made anew for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.tampering.ledgers import Ledgers, made_ledgers


@pytest.fixture
async def ledgers(postgres_server: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Ledgers]:
    """Of some 130 entries; of some 300, more than a tile each, where a test asks for it by an indirect parameter."""
    async with made_ledgers(postgres_server, tmp_path, getattr(request, "param", 80)) as made:
        yield made
