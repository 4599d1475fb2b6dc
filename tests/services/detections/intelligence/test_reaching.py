"""Where a fetch may go: public addresses and those that the deployment names, checked again when a name is resolved."""

import asyncio
import socket
from contextlib import closing, suppress
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from infra.outbound import sessions
from infra.outbound.reach import Reach
from infra.outbound.refusals import FetchRefused
from infra.outbound.sessions import Credential, Door
from services.detections.application.intelligence import misp, taxii
from services.detections.domain.intelligence.misp_polls import Seen
from tests.services.detections.intelligence.bundles import attribute, misp_event
from tests.services.detections.intelligence.loopback import LOOPBACK_ALLOWED
from tests.services.detections.intelligence.misp_server import serving_misp

PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # An address that is refused, not one to listen on.
    "224.0.0.1",
    "255.255.255.255",
    "192.0.0.192",
    "192.88.99.1",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:7f00:1::",
    "3fff::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_out_of_reach_unless_it_is_named(address: str) -> None:
    assert not Reach().allows(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(FetchRefused) as caught:
        Reach().check_url(f"https://{host}/collections/c/")
    assert caught.value.reason == "FETCH_ADDRESS_REFUSED"


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"])
def test_a_public_address_is_within_reach(address: str) -> None:
    assert Reach().allows(ip_address(address))


def test_a_named_network_is_within_reach_and_no_other() -> None:
    reach = Reach((ip_network("10.1.2.0/24"), ip_network("fd00:1::/64")))
    assert all(reach.allows(ip_address(each)) for each in ("10.1.2.3", "fd00:1::7", "::ffff:10.1.2.3"))
    assert not any(reach.allows(ip_address(each)) for each in ("10.1.3.3", "fd00:2::7", "127.0.0.1"))


@pytest.mark.parametrize("url", ["http://localhost:1/collections/c/", "http://127.0.0.1:1/collections/c/"])
def test_this_machine_is_out_of_reach_unless_it_is_named(url: str) -> None:
    with pytest.raises(FetchRefused) as caught:
        taxii.fetch(Door(url, None, Reach()), None)
    assert caught.value.reason == "FETCH_ADDRESS_REFUSED"
    with pytest.raises(FetchRefused) as caught:
        taxii.fetch(Door(url, None, LOOPBACK_ALLOWED), None)
    assert caught.value.reason == "FETCH_UNREACHABLE", "nobody listens there"


@pytest.mark.parametrize("url", ["https://[::1", "https://host:99999/", "https://user@host.example/", "gopher://x/"])
def test_what_is_no_url_of_ours_is_refused(url: str) -> None:
    with pytest.raises(FetchRefused) as caught:
        LOOPBACK_ALLOWED.check_url(url)
    assert caught.value.reason == "FETCH_URL_REFUSED"


class Names:
    """A resolver whose answers change from question to question, as those of an attacker's server do."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        try:
            addresses = [str(ip_address(host))]
        except ValueError:
            self.asked += 1
            addresses = self.answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]


def test_a_name_that_resolves_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names(["127.0.0.1", "10.0.0.1"]))
    door = Door("https://innocent.example/feed/", None, Reach())
    with pytest.raises(FetchRefused) as caught:
        misp.fetch_feed(door, Seen())
    assert caught.value.reason == "FETCH_ADDRESS_REFUSED"


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[str] = []

    def connect(_self: socket.socket, place: tuple[str, int]) -> None:
        connected.append(place[0])
        raise ConnectionRefusedError

    # Asked a second time, the name would mean this machine.
    names = Names(["10.0.0.1", "1.1.1.1"], ["127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", names)
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(FetchRefused) as caught:
        misp.fetch_feed(Door("https://rebinding.example/feed/", None, Reach()), Seen())
    assert (caught.value.reason, connected, names.asked) == ("FETCH_UNREACHABLE", ["1.1.1.1"], 1)


async def test_no_proxy_and_no_password_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving_misp() as server:
        server.publish(misp_event(attribute("ip-dst", "198.51.100.1")), 1)
        found = await asyncio.to_thread(misp.fetch_feed, server.door(), Seen())
    assert found.is_news


@pytest.mark.parametrize("text", ["", "user:pw", "@host", "user:@host", "host"])
def test_a_credential_names_its_host(text: str) -> None:
    with pytest.raises(ValueError, match="credential"):
        Credential.of(text)


DRIPS = {
    "head": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"{"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"),
    "until the end": (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
}
PAUSE_SECONDS = 0.2


@pytest.mark.parametrize("where", DRIPS)
async def test_a_server_that_says_a_byte_now_and_then_holds_nobody_beyond_the_time_of_a_look(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "FETCH_SECONDS", 1)
    first, drop = DRIPS[where]
    done = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        with closing(writer), suppress(ConnectionError):
            while not done.is_set() and not reader.at_eof():
                writer.write(drop)
                await writer.drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(done.wait(), PAUSE_SECONDS)

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        door = Door(f"http://127.0.0.1:{port}/feed/", None, LOOPBACK_ALLOWED)
        with pytest.raises(FetchRefused) as caught:
            async with asyncio.timeout(60):
                await asyncio.to_thread(misp.fetch_feed, door, Seen())
        done.set()
    assert caught.value.reason == "FETCH_TOO_SLOW"
