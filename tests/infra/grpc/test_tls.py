"""Real handshakes with certificates made here: who is heard, who is not, and what files are refused."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.grpc import Client, Hosted, RemoteError, serve
from infra.grpc.tls import TlsIncomplete, TlsUnusable, channel_credentials, server_credentials
from infra.runtime import health
from infra.runtime.settings import Settings
from tests.infra.grpc.test_pipeline import REQUEST, KitServicer

DEADLINE_SECONDS = 20.0
"""A handshake that fails is tried again until then by the client, so only what must fail is given less."""
REFUSED_SECONDS = 2.0


@dataclass(frozen=True)
class Authority:
    """A root, with which certificates are issued into a directory."""

    directory: Path
    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls, directory: Path, name: str) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        made = cls(directory, name, key, builder.sign(key, SHA256()))
        made.root.write_bytes(made.certificate.public_bytes(Encoding.PEM))
        return made

    @property
    def root(self) -> Path:
        return self.directory / f"{self.name}.pem"

    def issue(self, name: str) -> tuple[Path, Path]:
        """The files of a certificate for both ends of a connection on this machine, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = _builder(name, self.name, key)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        shown, secret = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        write_anew(shown, builder.sign(self.key, SHA256()).public_bytes(Encoding.PEM))
        write_anew(secret, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return shown, secret


def write_anew(path: Path, content: bytes) -> None:
    """Puts a new file in the place of the old one, as whoever renews certificates does."""
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)


def _builder(name: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(hours=1),
        not_valid_after=now + timedelta(hours=1),
    )


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path, "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path, "theirs")


@asynccontextmanager
async def serving(kit: Any, gate: Any, settings: Settings) -> AsyncIterator[int]:
    hosted = Hosted.of(kit, "KitService", KitServicer(kit))
    async with serve([hosted], gate, credentials=server_credentials(settings)) as server:
        yield server.port


async def heard(kit: Any, stubs: Any, port: int, settings: Settings, seconds: float = DEADLINE_SECONDS) -> bool:
    """Whether Ana's call over a new connection is answered. False: the server did not take the connection."""

    async def authorize() -> str:
        return "Bearer ana"

    async with Client(f"127.0.0.1:{port}", authorize, credentials=channel_credentials(settings)) as client:
        request = kit.SayRequest(tenant_id="clinic", request_id=REQUEST, text="hello")
        try:
            answer = await client.call(client.stub(stubs.KitServiceStub).Say, request, deadline=seconds)
        except RemoteError as error:
            if error.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                return False
            raise
    return bool(answer.actor == "principal-ana")


async def test_a_caller_who_trusts_the_servers_root_is_heard_and_others_do_not_talk_to_it(
    kit: Any, kit_stubs: Any, gate: Any, ours: Authority, theirs: Authority
) -> None:
    shown, secret = ours.issue("server")
    async with serving(kit, gate, Settings(tls_certificate=shown, tls_key=secret)) as port:
        assert await heard(kit, kit_stubs, port, Settings(tls_roots=ours.root))
        assert not await heard(kit, kit_stubs, port, Settings(tls_roots=theirs.root), REFUSED_SECONDS)
        assert not await heard(kit, kit_stubs, port, Settings(), REFUSED_SECONDS)


async def test_a_server_that_checks_its_callers_hears_only_those_with_a_certificate_of_its_roots(
    kit: Any, kit_stubs: Any, gate: Any, ours: Authority, theirs: Authority
) -> None:
    shown, secret = ours.issue("server")
    mutual = Settings(tls_certificate=shown, tls_key=secret, tls_client_roots=ours.root)

    def caller(authority: Authority) -> Settings:
        certificate, key = authority.issue(f"caller-of-{authority.name}")
        return Settings(tls_roots=ours.root, tls_client_certificate=certificate, tls_client_key=key)

    async with serving(kit, gate, mutual) as port:
        assert await heard(kit, kit_stubs, port, caller(ours))
        assert not await heard(kit, kit_stubs, port, caller(theirs), REFUSED_SECONDS)
        assert not await heard(kit, kit_stubs, port, Settings(tls_roots=ours.root), REFUSED_SECONDS)


async def test_a_certificate_that_was_renewed_is_shown_from_the_next_connection_on(
    kit: Any, kit_stubs: Any, gate: Any, ours: Authority, theirs: Authority
) -> None:
    shown, secret = ours.issue("server")
    async with serving(kit, gate, Settings(tls_certificate=shown, tls_key=secret)) as port:
        assert await heard(kit, kit_stubs, port, Settings(tls_roots=ours.root))
        write_anew(shown, b"half of a certi")
        assert await heard(kit, kit_stubs, port, Settings(tls_roots=ours.root)), "what is unusable changes nothing"
        theirs.issue("server")
        assert await heard(kit, kit_stubs, port, Settings(tls_roots=theirs.root))
        assert not await heard(kit, kit_stubs, port, Settings(tls_roots=ours.root), REFUSED_SECONDS)


@pytest.mark.parametrize("mutual", [False, True])
async def test_the_health_check_of_a_container_reaches_its_server(
    kit: Any, gate: Any, ours: Authority, monkeypatch: pytest.MonkeyPatch, mutual: bool
) -> None:
    shown, secret = ours.issue("server")
    roots = ours.root if mutual else None
    settings = Settings(tls_certificate=shown, tls_key=secret, tls_roots=ours.root, tls_client_roots=roots)
    async with serving(kit, gate, settings) as port:
        for name, value in settings.model_copy(update={"grpc_port": port}).environment().items():
            monkeypatch.setenv(name, value)
        assert await asyncio.to_thread(health.main) == 0


def test_half_a_pair_and_what_stands_alone_are_refused(ours: Authority) -> None:
    shown, secret = ours.issue("one")
    for settings in (
        Settings(tls_certificate=shown),
        Settings(tls_key=secret),
        Settings(tls_client_roots=ours.root),
    ):
        with pytest.raises(TlsIncomplete):
            server_credentials(settings)
    for settings in (
        Settings(tls_roots=ours.root, tls_client_key=secret),
        Settings(tls_roots=ours.root, tls_client_certificate=shown),
        Settings(tls_client_certificate=shown, tls_client_key=secret),
    ):
        with pytest.raises(TlsIncomplete):
            channel_credentials(settings)


def test_files_that_do_not_hold_what_they_should_are_named(ours: Authority, tmp_path: Path) -> None:
    shown, secret = ours.issue("one")
    _, another = ours.issue("two")
    nothing = tmp_path / "nothing.pem"
    nothing.write_bytes(os.urandom(64))
    for certificate, key, named in ((shown, another, another), (nothing, secret, nothing), (shown, nothing, nothing)):
        with pytest.raises(TlsUnusable, match=str(named)):
            server_credentials(Settings(tls_certificate=certificate, tls_key=key))
    with pytest.raises(TlsUnusable, match="nothing"):
        channel_credentials(Settings(tls_roots=nothing))
    with pytest.raises(FileNotFoundError):
        server_credentials(Settings(tls_certificate=tmp_path / "gone", tls_key=secret))
