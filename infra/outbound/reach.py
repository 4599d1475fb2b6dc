"""Where a fetch may go: to public addresses, and to those others that the deployment's settings name.

A schedule is written by people of one customer, and what fetches stands within the provider's network: without this a
schedule could be made to ask whatever only that network reaches. A name is resolved once for each connection, what it
resolves to is checked, and the connection goes to just the address that was checked, so that a name that means another
address a moment later gains nothing. A connection goes out by no proxy, which would resolve the name anew.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from infra.outbound.limits import MAX_FETCH_ADDRESSES
from infra.outbound.refusals import FetchAddressRefused, FetchUrlRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses that a gateway turns into the IPv4 address of their last 32 bits (RFC 6052)."""
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
"""What IANA's registries of special-purpose addresses have besides what Python knows: 192.0.0.0/24 as a whole, where a
cloud answers with its machines' secrets (RFC 6890), 6to4's relays (RFC 7526) and documentation (RFC 9637)."""


@dataclass(frozen=True, slots=True)
class Reach:
    """`private` are the networks that are not public and may be reached all the same."""

    private: Sequence[Network] = ()

    def check_url(self, url: str) -> None:
        """Of what can be told without asking for a name. Raises FetchUrlRefused, FetchAddressRefused."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise FetchUrlRefused("This is no URL.") from error
        address = _written(host or "")
        clear = parts.scheme == "http" and (host == "localhost" or (address is not None and address.is_loopback))
        if not (parts.scheme == "https" or clear) or not host or parts.username or parts.password:
            raise FetchUrlRefused("A source is fetched over https, from a URL without a user in it.")
        if address is not None and not self.allows(address):
            raise _refused(host)

    def allows(self, address: Address) -> bool:
        """Whether the address, and each that is written within it, is public or named."""
        return all(
            _is_public(each) or any(each in network for network in self.private)
            for each in (address, *_within(address))
        )

    def resolved(self, host: str, port: int) -> list[str]:
        """The first addresses of a host that may be reached. Raises FetchAddressRefused where there are none, and what
        `socket.getaddrinfo` raises."""
        found = dict.fromkeys(str(place[0]) for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        allowed = [text for text in found if self.allows(ipaddress.ip_address(text))]
        if not allowed:
            raise _refused(host)
        return allowed[:MAX_FETCH_ADDRESSES]


class ReachingAdapter(HTTPAdapter):
    """Connects to addresses within reach only, and tells `connected` of each connection before anything is sent on it.
    Certificates are checked against the host's name as always."""

    def __init__(self, reach: Reach, connected: Callable[[socket.socket], None]) -> None:
        self._reach, self._connected = reach, connected
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        known = {"reach": self._reach, "connected": staticmethod(self._connected)}
        plain = type("Plain", (_Plain,), known)
        secure = type("Secure", (_Secure,), known)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }


class _Plain(HTTPConnection):
    reach: Reach
    connected: Callable[[socket.socket], None]

    def _new_conn(self) -> socket.socket:
        return _connected(self, self.reach, self.connected)


class _Secure(HTTPSConnection):
    reach: Reach
    connected: Callable[[socket.socket], None]

    def _new_conn(self) -> socket.socket:
        return _connected(self, self.reach, self.connected)


def _connected(connection: HTTPConnection, reach: Reach, connected: Callable[[socket.socket], None]) -> socket.socket:
    """To the first address that answers; each is one that was checked, and is asked for by number."""
    try:
        addresses = reach.resolved(connection.host.strip("[]"), connection.port)
    except (socket.gaierror, UnicodeError) as error:
        raise NameResolutionError(connection.host, connection, socket.gaierror(str(error))) from error
    failed: OSError | None = None
    for address in addresses:
        try:
            made = create_connection(
                (address, connection.port), connection.timeout, socket_options=connection.socket_options
            )
        except OSError as error:
            failed = error
        else:
            connected(made)
            return made
    raise NewConnectionError(connection, f"no address answers: {failed}") from failed


def _written(host: str) -> Address | None:
    """The address that a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _within(address: Address) -> list[Address]:
    """The addresses to which a gateway or the system itself would turn one that carries them."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    carried: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _TRANSLATED:
        carried.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return [each for each in carried if each is not None]


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None or address in _TRANSLATED:
            return True  # What it carries is judged.
        if address.is_site_local:
            return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _refused(host: str | None) -> FetchAddressRefused:
    return FetchAddressRefused(
        "This is not a public address. The deployment names the networks that may be fetched from besides, in "
        "TENET_INTELLIGENCE_NETWORKS.",
        metadata={"host": (host or "")[:253]},
    )
