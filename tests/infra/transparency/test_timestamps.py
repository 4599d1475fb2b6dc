"""Stamps of an RFC 3161 authority made with openssl are kept only when they verify."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509

from infra.transparency.outreach import stamp
from infra.transparency.timestamps import (
    TimestampAuthority,
    TimestampInvalid,
    TimestampUnavailable,
    read_roots,
    verify_stamp,
)
from tests.infra.transparency.test_proofs import a_log

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl, which plays the authority, is not installed")

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = Test authority
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[stamping]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = authority
[authority]
serial = serial
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256
accuracy = secs:1
crypto_device = builtin
"""


@dataclass(frozen=True)
class Authority:
    directory: Path

    def openssl(self, *arguments: str) -> None:
        subprocess.run(
            [OPENSSL or "openssl", *arguments], cwd=self.directory, check=True, capture_output=True, timeout=60
        )

    def make(self) -> None:
        (self.directory / "conf").write_text(CONFIG)
        (self.directory / "serial").write_text("01")
        key = ("-newkey", "rsa:2048", "-nodes", "-config", "conf")
        self.openssl("req", "-x509", *key, "-keyout", "root.key", "-out", "root.pem", "-extensions", "root")
        self.openssl("req", "-new", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Stamping")
        signing = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-extfile", "conf")
        self.openssl("x509", "-req", "-in", "tsa.csr", *signing, "-extensions", "stamping", "-out", "tsa.pem")

    async def reply(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/timestamp-query"
        (self.directory / "query").write_bytes(await request.read())
        # Without `-chain`: openssl does not put several certificates in the order of DER, which the client insists on.
        signer = ("-signer", "tsa.pem", "-inkey", "tsa.key")
        query = ("-config", "conf", "-queryfile", "query", "-out", "reply")
        await asyncio.to_thread(self.openssl, "ts", "-reply", *query, *signer)
        return web.Response(body=(self.directory / "reply").read_bytes(), content_type="application/timestamp-reply")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.make()
    return made


@pytest.fixture
def roots(authority: Authority) -> list[x509.Certificate]:
    return read_roots(authority.directory / "root.pem")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def serving(reply: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> TestServer:
    application = web.Application()
    application.router.add_post("/", reply)
    return TestServer(application)


async def test_a_checkpoint_is_stamped_and_the_stamp_is_kept_beside_it(
    tmp_path: Path, authority: Authority, roots: list[x509.Certificate], session: aiohttp.ClientSession
) -> None:
    directory = a_log(tmp_path, 300)
    async with serving(authority.reply) as server:
        signed = await stamp(directory, TimestampAuthority(str(server.make_url("/")), roots, session))
    kept = directory.newest_stamp()
    assert kept is not None
    assert kept[1] == signed.note.encode() == directory.checkpoint()
    at = verify_stamp(kept[0], signed.note.text.encode(), roots)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    text = authority.directory / "text"
    text.write_bytes(signed.note.text.encode())
    (authority.directory / "kept").write_bytes(kept[0])
    authority.openssl("ts", "-verify", "-in", "kept", "-data", "text", "-CAfile", "root.pem", "-untrusted", "tsa.pem")


async def test_a_stamp_over_another_text_or_of_another_authority_is_refused(
    tmp_path: Path, authority: Authority, roots: list[x509.Certificate], session: aiohttp.ClientSession
) -> None:
    async with serving(authority.reply) as server:
        stamped = await TimestampAuthority(str(server.make_url("/")), roots, session).stamp(b"text")
        other = Authority(tmp_path)
        other.make()
        with pytest.raises(TimestampInvalid):
            await TimestampAuthority(str(server.make_url("/")), read_roots(tmp_path / "root.pem"), session).stamp(b"x")
    verify_stamp(stamped, b"text", roots)
    for refused in ((stamped, b"other text", roots), (stamped[:-1], b"text", roots), (stamped, b"text", [])):
        with pytest.raises(TimestampInvalid):
            verify_stamp(*refused)


async def test_an_authority_that_fails_or_answers_nonsense_leaves_no_stamp(
    tmp_path: Path, roots: list[x509.Certificate], session: aiohttp.ClientSession
) -> None:
    async def fails(_request: web.Request) -> web.Response:
        return web.Response(status=500)

    async def nonsense(_request: web.Request) -> web.Response:
        return web.Response(body=b"nonsense")

    directory = a_log(tmp_path, 3)
    for reply, error in ((fails, TimestampUnavailable), (nonsense, TimestampInvalid)):
        async with serving(reply) as server:
            with pytest.raises(error):
                await stamp(directory, TimestampAuthority(str(server.make_url("/")), roots, session))
    with pytest.raises(TimestampUnavailable):
        await stamp(directory, TimestampAuthority("http://127.0.0.1:9/", roots, session))
    assert directory.newest_stamp() is None
