"""Opaque identifiers. Nothing about a customer can be read from one, so they may stand in the clear.

An identifier is `<kind>-<26 characters>`: 128 bits in Crockford's base 32, lower case. `derive_id` makes the same
identifier from the same parts, so that a command that is retried after a lost answer decides on the same identifiers.
"""

import hashlib
import re
import secrets
import time
from datetime import datetime
from typing import NewType

TenantId = NewType("TenantId", str)
StreamName = NewType("StreamName", str)

PROVIDER = TenantId("provider")
"""The tenant that stands for the provider itself: its ledger holds tenants, principals, grants and rule packs."""

MAX_TENANT_ID_LENGTH = 31
_TENANT = re.compile(r"^[a-z][a-z0-9-]{1,30}\Z")
_OPAQUE = re.compile(r"^[a-z][a-z_]{1,30}-[0-9a-hjkmnp-tv-z]{26}\Z")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def new_id(kind: str) -> str:
    """A fresh identifier that sorts by its time of making: 48 bits of milliseconds, then 80 random bits."""
    value = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return f"{kind}-{_base32(value)}"


def last_id_of(kind: str, at: datetime) -> str:
    """The greatest identifier that `new_id` can have made by `at` (aware), in milliseconds; later ones are greater."""
    return f"{kind}-{_base32((int(at.timestamp() * 1000) << 80) | (2**80 - 1))}"


def derive_id(kind: str, *parts: str | int) -> str:
    """The identifier that belongs to these parts, always the same for the same parts."""
    text = "\x1f".join((kind, *(str(part) for part in parts)))
    return f"{kind}-{_base32(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], 'big'))}"


def is_tenant_id(text: str) -> bool:
    return _TENANT.fullmatch(text) is not None


def is_opaque_id(text: str, kind: str | None = None) -> bool:
    return _OPAQUE.fullmatch(text) is not None and (kind is None or text.rpartition("-")[0] == kind)


def stream_name(category: str, identifier: str) -> StreamName:
    """The stream of one aggregate. Its category, before the first hyphen, decides which service owns it.

    An opaque identifier of the category's own kind has the category in it already and is the stream's name.
    """
    return StreamName(identifier if is_opaque_id(identifier, category) else f"{category}-{identifier}")


def category_of(stream: str) -> str:
    return stream.partition("-")[0]


def schema_of(tenant_id: TenantId) -> str:
    """The PostgreSQL schema that holds a tenant's two relations."""
    return "t_" + tenant_id.replace("-", "_")


def role_of(tenant_id: TenantId) -> str:
    """The PostgreSQL role that may read a tenant's ledger and append to it through the ledger's functions."""
    return "tenet_t_" + tenant_id.replace("-", "_")


def _base32(value: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])
