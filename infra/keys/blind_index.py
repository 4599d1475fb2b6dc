"""Blind indexes: how something is found by its name or address where only the HMAC of it rests in the clear.

An index is HMAC-SHA-256 under the tenant's search key over kind, unit separator and the normalised text, in
hexadecimal. Two ways of writing the same name or address give the same index; two tenants never share one. Whoever
writes an index and whoever looks one up must use these functions, or they will not meet.
"""

import hashlib
import hmac
import ipaddress
import re
import unicodedata

_MAC = re.compile(r"^[0-9a-f]{12}$")


def name_index(search_key: bytes, name: str) -> str:
    """The index of a host, service or account name. Case, Unicode form, blanks around and a last dot do not matter."""
    return _index(search_key, "name", normal_name(name))


def address_index(search_key: bytes, address: str) -> str:
    """The index of an IP or MAC address however it is written; anything else is indexed like a name."""
    return _index(search_key, "address", normal_address(address))


def external_id_index(search_key: bytes, external_id: str) -> str:
    """The index of the identifier by which connectors know an asset; taken as it is."""
    return _index(search_key, "external_id", external_id)


def text_index(search_key: bytes, kind: str, text: str) -> str:
    """The index of another kind of text, such as the parts of a detection's identity; taken as it is."""
    return _index(search_key, kind, text)


def normal_name(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold().rstrip(".")


def normal_address(address: str) -> str:
    """IPv6 in its shortest form, an IPv4 address mapped into IPv6 as IPv4, MAC addresses as 12 hexadecimal digits."""
    text = address.strip().strip("[]").partition("%")[0]
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        bare = re.sub(r"[:.\-]", "", text).lower()
        return bare if _MAC.match(bare) else normal_name(text)
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return str(mapped or ip)


def _index(search_key: bytes, kind: str, text: str) -> str:
    message = f"{kind}\x1f{text}".encode("utf-8", "surrogatepass")
    return hmac.new(search_key, message, hashlib.sha256).hexdigest()
