"""The local issuer as a process of its own: loud, private, and good enough to log in with."""

import asyncio
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from infra.auth.issuer_keys import IssuerFiles
from infra.auth.local_tokens import LocalIssuerUnavailable, LocalTokens
from tests.fixtures.provider_ledger import ProviderLedger

READY_SECONDS = 20


class IssuerProcess:
    def __init__(self, process: asyncio.subprocess.Process, url: str, directory: Path, log: list[str]) -> None:
        self.process, self.url, self.directory, self.log = process, url, directory, log


@pytest.fixture
async def issuer_process(tmp_path: Path, unused_port: int) -> AsyncIterator[IssuerProcess]:
    url = f"http://127.0.0.1:{unused_port}"
    environment = os.environ | {
        "TENET_STATE": str(tmp_path),
        "TENET_ISSUER_PORT": str(unused_port),
        "TENET_ISSUER_URL": url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.auth.local_issuer", env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            first = (await process.stderr.readline()).decode()
        yield IssuerProcess(process, url, tmp_path / "issuer", [first])
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), READY_SECONDS)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def test_it_says_loudly_that_it_is_insecure(issuer_process: IssuerProcess) -> None:
    assert '"level":"warning"' in issuer_process.log[0]
    assert "INSECURE" in issuer_process.log[0]
    issuer_process.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(issuer_process.process.wait(), READY_SECONDS) == 0


async def test_its_files_are_for_its_owner_alone(issuer_process: IssuerProcess) -> None:
    for name in ("keys.json", "secret"):
        assert stat.S_IMODE((issuer_process.directory / name).stat().st_mode) == 0o600


async def test_a_token_is_for_whoever_can_read_the_secret(
    issuer_process: IssuerProcess, ledger: ProviderLedger, verifier: Any
) -> None:
    ledger.issuer(issuer_process.url, "provider")
    tokens = LocalTokens(issuer_process.url, issuer_process.directory)
    header = await tokens.authorization("ana")
    assert (await verifier.verify(header.removeprefix("Bearer "))).subject == "ana"
    assert await tokens.authorization("ana") == header


@pytest.mark.parametrize(
    ("secret", "body", "status"),
    [
        ("wrong", '{"name": "ana"}', 401),
        (None, "not json", 400),
        (None, "[]", 400),
        (None, '{"name": "Robert\'); DROP"}', 400),
        (None, '{"name": "ana", "seconds": 999999}', 400),
        (None, '{"name": "ana", "amr": "pwd"}', 400),
        (None, '{"name": "' + "a" * 8_000 + '"}', 413),
    ],
)
async def test_what_it_does_not_understand_is_refused(
    issuer_process: IssuerProcess, secret: str | None, body: str, status: int
) -> None:
    shown = secret or (issuer_process.directory / "secret").read_text()
    async with (
        aiohttp.ClientSession(headers={"authorization": f"Bearer {shown}"}) as session,
        session.post(f"{issuer_process.url}/token", data=body) as response,
    ):
        assert response.status == status


async def test_an_issuer_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LocalIssuerUnavailable):
        await LocalTokens("http://127.0.0.1:1", tmp_path).authorization("ana")


def test_a_rotated_key_signs_and_the_older_ones_stay_published_for_a_while(tmp_path: Path) -> None:
    files = IssuerFiles(tmp_path / "issuer")
    first = files.signing_keys()[0].kid
    assert [key.kid for key in files.signing_keys()] == [first]
    second = files.rotate()[0].kid
    assert [key.kid for key in files.signing_keys()] == [second, first]
    for _ in range(3):
        files.rotate()
    assert len(files.signing_keys()) == 3
    assert first not in [key.kid for key in files.signing_keys()]
