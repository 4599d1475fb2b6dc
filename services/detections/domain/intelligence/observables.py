"""What an indicator can name, in which one form, and where records hold it.

Two values are the same if their canonical forms are equal. Addresses, domains, URLs, hashes and e-mail addresses are
unmistakable and are looked for in whatever field holds nothing else; all other kinds only where a field is known to be
about them, since the name of a file may well be the word in any other.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import cache


class Observable(StrEnum):
    ADDRESS = "address"
    DOMAIN = "domain"
    URL = "url"
    HASH = "hash"
    EMAIL = "email"
    FILE_NAME = "file_name"
    COMMAND_LINE = "command_line"
    ACCOUNT = "account"
    MUTEX = "mutex"
    REGISTRY_KEY = "registry_key"


UNMISTAKABLE = frozenset(
    {Observable.ADDRESS, Observable.DOMAIN, Observable.URL, Observable.HASH, Observable.EMAIL},
)
_HEX = re.compile(r"[0-9a-f]+\Z")
_HASH_LENGTHS = frozenset({32, 40, 56, 64, 96, 128})
"""MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512 in hexadecimal."""
_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}\Z")
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]+)(.*)\Z", re.IGNORECASE | re.DOTALL)
_MAPPED_BITS = 96
"""Bits of an IPv6 address before the IPv4 address that it stands for."""
_IPV6_HOST = re.compile(r"((?:[^@\[\]]*@)?)\[([0-9a-f:.]{2,45})\]((?::\d{0,5})?)\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_HIVES = {
    "hklm": "hkey_local_machine",
    "hkcu": "hkey_current_user",
    "hku": "hkey_users",
    "hkcr": "hkey_classes_root",
    "hkcc": "hkey_current_config",
}
_KERNEL_HIVES = (("\\registry\\machine", "hkey_local_machine"), ("\\registry\\user", "hkey_users"))


def canonical(observable: Observable, text: str) -> str | None:
    """The one form of a value; None for what is no such value."""
    return _CANONICAL[observable](text.strip())


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IPv4 address that is written as an IPv6 one (RFC 4291, section 2.5.5.2) is the IPv4 address. The zone of an
    IPv6 address (`fe80::1%eth0`) means something on the one host only, and is left out."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return address.ipv4_mapped or (ipaddress.IPv6Address(int(address)) if address.scope_id else address)


def network_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The network that an address with a length of prefix or a mask lies in; one of IPv4 addresses that are written as
    IPv6 ones is that of the IPv4 addresses."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


def _address(text: str) -> str | None:
    address = address_of(text)
    return None if address is None else address.compressed


def _domain(text: str) -> str | None:
    folded = text.lower().rstrip(".")
    if not folded.isascii():
        try:
            folded = folded.encode("idna").decode()
        except UnicodeError:
            return None
    return folded if len(folded) <= 253 and _DOMAIN.match(folded) and address_of(folded) is None else None


def _url(text: str) -> str | None:
    """Scheme and host are the same in whatever case, and an address however it is written; the rest is not."""
    parts = _URL.match(text)
    if parts is None:
        return None
    scheme, host, rest = parts.groups()
    return f"{scheme.lower()}://{_url_host(host.lower())}{rest or '/'}"


def _url_host(host: str) -> str:
    literal = _IPV6_HOST.match(host)
    address = address_of(literal.group(2)) if literal is not None else None
    if literal is None or address is None:
        return host
    user, _, port = literal.groups()
    return f"{user}{address.compressed if address.version == 4 else f'[{address.compressed}]'}{port}"


def _hash(text: str) -> str | None:
    folded = text.lower()
    return folded if len(folded) in _HASH_LENGTHS and _HEX.match(folded) else None


def _email(text: str) -> str | None:
    return text.lower() if _EMAIL.match(text) else None


def _registry_key(text: str) -> str | None:
    folded = text.lower().rstrip("\\")
    for kernel, name in _KERNEL_HIVES:
        if folded.startswith(kernel):
            return name + folded.removeprefix(kernel)
    hive, slash, rest = folded.partition("\\")
    return f"{_HIVES.get(hive, hive)}{slash}{rest}" or None


def _folded(text: str) -> str | None:
    return text.lower() or None


_CANONICAL: Mapping[Observable, Callable[[str], str | None]] = {
    Observable.ADDRESS: _address,
    Observable.DOMAIN: _domain,
    Observable.URL: _url,
    Observable.HASH: _hash,
    Observable.EMAIL: _email,
    Observable.FILE_NAME: _folded,
    Observable.COMMAND_LINE: _folded,
    Observable.ACCOUNT: _folded,
    Observable.MUTEX: lambda text: text or None,
    Observable.REGISTRY_KEY: _registry_key,
}

_FIELDS: Mapping[Observable, tuple[str, ...]] = {
    Observable.FILE_NAME: (
        "image",
        "imageloaded",
        "imagepath",
        "originalfilename",
        "parentimage",
        "newprocessname",
        "parentprocessname",
        "processname",
        "sourceimage",
        "targetimage",
        "targetfilename",
        "sourcefilename",
        "filename",
        "file_name",
        "filepath",
        "path",
        "exe",
        "comm",
        "executable",
    ),
    Observable.COMMAND_LINE: (
        "commandline",
        "parentcommandline",
        "processcommandline",
        "cmdline",
        "cmd_line",
        "command_line",
        "proctitle",
    ),
    Observable.ACCOUNT: (
        "user",
        "username",
        "user_name",
        "targetusername",
        "subjectusername",
        "accountname",
        "acct",
        "srcuser",
        "dstuser",
        "arn",
        "userid",
        "userprincipalname",
        "alternateid",
        "targetuser",
    ),
    Observable.MUTEX: ("mutex", "mutexname", "mutant"),
    Observable.REGISTRY_KEY: ("targetobject", "objectname", "registrykey", "registry_key", "regkey"),
}
"""By the last part of a field's name, in lower case: of Windows, auditd, Wazuh, CloudTrail, Okta, Microsoft, OCSF."""
_BY_FIELD = {name: observable for observable, names in _FIELDS.items() for name in names}
_SEVERAL = re.compile(r"[,;|\s=]+")
_LISTS = frozenset({"hashes", "hash", "queryresults", "answers", "md5", "ipaddresses"})
"""Fields that hold several values in one text, as Sysmon writes hashes and the answers to a query."""
_WRAPPED = re.compile(r"\[([0-9a-fA-F.:]+(?:%[^\]\s]{1,15})?)\](?::\d{1,5})?\Z|([0-9a-fA-F.:]+):\d{1,5}\Z")
"""An address in brackets, with a port or without, or one with a port that is no address as it stands."""


@cache
def observable_of_field(name: str) -> Observable | None:
    """What a field is known to be about. `name` is the last part of its name, in lower case."""
    return _BY_FIELD.get(name)


def last_part(field: str) -> str:
    return field.rpartition(".")[2].lower()


def forms(field: str, text: str) -> Iterator[tuple[Observable, str]]:
    """Everything that a field's text may stand for, in canonical form. `field` is as `last_part` gives it."""
    observable = observable_of_field(field)
    if observable is not None:
        yield from _named(observable, text)
    pieces = [piece for piece in _SEVERAL.split(text) if piece] if field in _LISTS else [text]
    for piece in pieces:
        yield from _unmistakable(piece.strip())


def _unmistakable(text: str) -> Iterator[tuple[Observable, str]]:
    """What the looks of a text rule out is not tried: most values are none of these."""
    length = len(text)
    if length in _HASH_LENGTHS and (value := _hash(text)) is not None:
        yield Observable.HASH, value
    if not 3 <= length <= _LONGEST_VALUE or " " in text or ("." not in text and ":" not in text):
        return
    if length <= _LONGEST_ADDRESS and (text[0] in _BEGINS_ADDRESS):
        address = _address(text) or _address(_unwrapped(text))
        if address is not None:
            yield Observable.ADDRESS, address
            return
    if "://" in text:
        if (value := _url(text)) is not None:
            yield Observable.URL, value
    elif "@" in text:
        if (value := _email(text)) is not None:
            yield Observable.EMAIL, value
    elif "\\" not in text and "/" not in text and (value := _domain(text)) is not None:
        yield Observable.DOMAIN, value


_LONGEST_VALUE = 2_048
_DEEPEST_KEY = 64
"""So many of the keys that a key lies below are looked for, from the hive on: a text of an attacker's choice may hold
hundreds of thousands."""
_LONGEST_ADDRESS = 69
"""An IPv6 address with a zone, in brackets and with a port."""
_BEGINS_ADDRESS = frozenset("0123456789abcdefABCDEF:[")


def _unwrapped(text: str) -> str:
    found = _WRAPPED.match(text) if text[-1] in "]0123456789" else None
    return (found.group(1) or found.group(2)) if found else text


def _named(observable: Observable, text: str) -> Iterator[tuple[Observable, str]]:
    value = canonical(observable, text)
    if value is None:
        return
    yield observable, value
    match observable:
        case Observable.FILE_NAME:
            name = re.split(r"[\\/]", value)[-1]
            if name != value:
                yield observable, name
        case Observable.ACCOUNT:
            name = value.rpartition("\\")[2].rpartition("/")[2]
            if name != value:
                yield observable, name
        case Observable.REGISTRY_KEY:
            # A key that is named stands for all that lies below it.
            end = value.find("\\")
            for _ in range(_DEEPEST_KEY):
                if not 0 <= end <= _LONGEST_VALUE:
                    break
                yield observable, value[:end]
                end = value.find("\\", end + 1)
