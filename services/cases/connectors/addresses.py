"""Where a connector may send: over TLS, or to this very machine."""

import ipaddress
from urllib.parse import urlsplit

from services.cases.connectors.port import ConnectorMisconfigured


def check_url(name: str, url: str) -> None:
    """Raises ConnectorMisconfigured for an address that is neither HTTPS nor loopback."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ConnectorMisconfigured(f"The connector {name} has an address that is neither HTTPS nor loopback.")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
