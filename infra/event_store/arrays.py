"""PostgreSQL arrays in their binary form, written directly.

The format is that of `array_send` in PostgreSQL's `arrayfuncs.c`: dimensions, whether there are nulls, element type,
length, lower bound, then each element with its length. Psycopg's general dumper looks at every element twice, which at
twenty thousand commands a second is the larger part of an append.
"""

import struct
from collections.abc import Iterable, Sequence

from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format
from typing_extensions import override

_HEADER = struct.Struct("!iiIii")
_EMPTY = struct.Struct("!iiI")
_LENGTH = struct.Struct("!i").pack
_NULL = _LENGTH(-1)

_BYTEA, _INT8, _INT4, _TEXT = 17, 20, 23, 25


class _Array(bytes):
    """An array that is already in its binary form."""


class ByteaArray(_Array):
    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> "ByteaArray":
        return cls(_variable(_BYTEA, values))


class TextArray(_Array):
    @classmethod
    def of(cls, values: Iterable[str]) -> "TextArray":
        return cls(_variable(_TEXT, [value.encode() for value in values]))


class Int8Array(_Array):
    @classmethod
    def of(cls, values: Sequence[int]) -> "Int8Array":
        return cls(_fixed(_INT8, 8, "q", values))


class Int4Array(_Array):
    @classmethod
    def of(cls, values: Sequence[int]) -> "Int4Array":
        return cls(_fixed(_INT4, 4, "i", values))


def _variable(oid: int, values: Sequence[bytes | None]) -> bytes:
    if not values:
        return _EMPTY.pack(0, 0, oid)
    parts = [_HEADER.pack(1, int(None in values), oid, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts.append(_LENGTH(len(value)))
            parts.append(value)
    return b"".join(parts)


def _fixed(oid: int, size: int, code: str, values: Sequence[int]) -> bytes:
    if not values:
        return _EMPTY.pack(0, 0, oid)
    flat = [part for value in values for part in (size, value)]
    return _HEADER.pack(1, 0, oid, len(values), 1) + struct.pack("!" + f"i{code}" * len(values), *flat)


class _ArrayDumper(Dumper):
    format = Format.BINARY

    @override
    def dump(self, obj: _Array) -> bytes:
        return obj


class _ByteaArrayDumper(_ArrayDumper):
    oid = 1001


class _Int8ArrayDumper(_ArrayDumper):
    oid = 1016


class _Int4ArrayDumper(_ArrayDumper):
    oid = 1007


class _TextArrayDumper(_ArrayDumper):
    oid = 1009


def register_arrays(context: AdaptContext) -> None:
    """Teaches a connection to pass these arrays as they are. The dumpers' oids are those of `pg_type.dat`."""
    context.adapters.register_dumper(ByteaArray, _ByteaArrayDumper)
    context.adapters.register_dumper(Int8Array, _Int8ArrayDumper)
    context.adapters.register_dumper(Int4Array, _Int4ArrayDumper)
    context.adapters.register_dumper(TextArray, _TextArrayDumper)
