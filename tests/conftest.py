"""Fixtures that every test may use. What only some need lives in a conftest beside them."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.runtime.postgres import EmbeddedPostgres
from infra.runtime.settings import Settings


def pytest_addoption(parser: pytest.Parser) -> None:
    """Here, because pytest takes options only from what it loads before it looks for tests."""
    parser.addoption(
        "--vectors",
        metavar="DIR",
        help="JSON files of transparency-dev/merkle (testdata) for tests/infra/transparency to run as well",
    )


@pytest.fixture(scope="session")
def start_postgres() -> Iterator[Callable[[], EmbeddedPostgres]]:
    """Starts one more PostgreSQL of this test session at each call: empty at first, gone at the end of the session."""
    with contextlib.ExitStack() as stack:

        def start() -> EmbeddedPostgres:
            # Not pytest's tmp_path: as root its parents are closed to the account that PostgreSQL runs under.
            state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenet-tests-")))
            state.chmod(0o711)
            # A new cluster may be lost in a power cut; commits are as durable as they are for everyone.
            server = EmbeddedPostgres(state, sync_initdb=False)
            stack.callback(server.destroy)
            server.start()
            return server

        yield start


@pytest.fixture(scope="session")
def embedded_server(start_postgres: Callable[[], EmbeddedPostgres]) -> EmbeddedPostgres:
    """The PostgreSQL that tests share. They make databases of their own in it, and do not kill it."""
    return start_postgres()


@pytest.fixture(scope="session")
def postgres_server(embedded_server: EmbeddedPostgres) -> str:
    """The superuser's connection URI to database `postgres` of the shared server."""
    return embedded_server.dsn()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recorded data by others; absent on most machines."""
    path = Settings.from_env().shared_data
    if not path.is_dir():
        pytest.skip(f"recorded data is absent: {path} (set TENET_SHARED_DATA)")
    return path
