"""Canonical JSON (RFC 8785) over the domain that Tenet allows: ASCII keys, no floats, integers within ±(2^53 - 1).

Within that domain orjson with sorted keys writes exactly RFC 8785's bytes; outside of it `canonical` refuses. A string
that holds a lone surrogate cannot be written as UTF-8; `escape_surrogates` writes it visibly at the edge instead.
"""

import hashlib
from typing import Any

import orjson

from contracts.errors import InvalidArgument

MAX_SAFE_INTEGER = 2**53 - 1


class NotCanonical(InvalidArgument):
    reason = "NOT_CANONICAL"


def canonical(value: Any) -> bytes:
    """The canonical bytes of a JSON value. Raises NotCanonical for anything outside the domain."""
    check(value)
    return encode(value)


def encode(value: Any) -> bytes:
    """Like `canonical` for a value that is known to lie within the domain."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise NotCanonical(f"The value cannot be written as canonical JSON: {error}") from error


def decode(data: bytes) -> Any:
    return orjson.loads(data)


def digest(value: Any) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def check(value: Any) -> None:
    """Raises NotCanonical for floats, unsafe integers, keys that are not ASCII strings, and unknown types."""
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise NotCanonical("An integer lies beyond ±(2^53 - 1); write it as a string.")
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise NotCanonical("A key is not an ASCII string; write a free map as an array of pairs.")
            check(item)
        return
    if isinstance(value, list | tuple):
        for item in value:
            check(item)
        return
    raise NotCanonical(f"A value of type {type(value).__name__} has no canonical form.")


def escape_surrogates(text: str) -> tuple[str, bool]:
    r"""The text with every lone surrogate written as `\udXXX` in plain characters, and whether there was one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode(), True
    return text, False
