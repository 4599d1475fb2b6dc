"""Reads one record's JSON within limits, and says precisely what is wrong with it when it cannot be read."""

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

import orjson

from services.detections.config import MAX_FIELDS_PER_RECORD, MAX_NESTING
from services.detections.domain.formats.records import Reason, Unreadable

_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}|\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_MARKS_LOOKED_AT = 20_000
Json = Mapping[str, Any]


def read_object(data: bytes) -> dict[str, Any]:
    """The object that these bytes hold. Raises Unreadable with NOT_UTF8, NESTED_TOO_DEEPLY, INVALID_UNICODE, …"""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Unreadable(_what_is_wrong(data)) from None
    if not isinstance(value, dict):
        raise Unreadable(Reason.NOT_AN_OBJECT)
    _measure(value)
    return value


def read_array(data: bytes) -> list[Any]:
    """The members of an array. Raises Unreadable like `read_object`, and NOT_AN_OBJECT for what holds nothing."""
    found = read_object(b'{"":' + data + b"}").get("")
    if not isinstance(found, list) or not found:
        raise Unreadable(Reason.NOT_AN_OBJECT)
    return found


def flatten(value: Json, prefix: str = "") -> dict[str, Any]:
    """Nested objects as `outer.inner` names, which is how Sigma's rules name the fields of such sources."""
    # Most records are flat, and this is where telemetry spends its time: exact types, and no copy of a name in vain.
    flat: dict[str, Any] = dict(value) if not prefix else {prefix + name: item for name, item in value.items()}
    for name, item in value.items():
        kind = type(item)
        if kind is dict:
            path = prefix + name
            del flat[path]
            flat.update(flatten(item, f"{path}."))
        elif kind is list:
            flat[prefix + name] = [scalar(entry) for entry in item]
    return flat


def spread(value: Json, prefix: str = "") -> dict[str, Any]:
    """Like `flatten`, and a list of objects also gives `outer.inner` names, each with all members' values."""
    flat: dict[str, Any] = {}
    for name, item in value.items():
        path = f"{prefix}{name}"
        if isinstance(item, dict):
            flat.update(spread(item, f"{path}."))
        elif isinstance(item, list):
            flat[path] = [scalar(entry) for entry in item]
            for entry in item:
                if isinstance(entry, dict):
                    _gather(flat, spread(entry, f"{path}."))
        else:
            flat[path] = item
    return flat


def _gather(flat: dict[str, Any], members: dict[str, Any]) -> None:
    for name, item in members.items():
        there = flat.setdefault(name, [])
        if isinstance(there, list):
            there.extend(item if isinstance(item, list) else [item])


def scalar(value: Any) -> Any:
    """A list's member as something that a rule can compare: nested members as JSON text."""
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def text_of(value: Any) -> str:
    """A field as text; empty for what is absent or not a plain value."""
    if type(value) is str:
        return value
    if value is None or isinstance(value, dict | list):
        return ""
    # Tables make `4688.0` of an event id as soon as one row has none.
    return str(int(value)) if type(value) is float and value.is_integer() else str(value)


def object_at(value: Json, name: str) -> dict[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _measure(value: dict[str, Any]) -> None:
    level: list[Any] = [item for item in value.values() if type(item) is dict or type(item) is list]
    fields = len(value)
    if not level and fields <= MAX_FIELDS_PER_RECORD:
        return
    for _ in range(MAX_NESTING):
        inner: list[Any] = []
        for item in level:
            members = item.values() if isinstance(item, dict) else item
            fields += len(members)
            inner += [member for member in members if type(member) is dict or type(member) is list]
        if fields > MAX_FIELDS_PER_RECORD:
            raise Unreadable(Reason.TOO_MANY_FIELDS)
        if not inner:
            return
        level = inner
    raise Unreadable(Reason.NESTED_TOO_DEEPLY)


def _what_is_wrong(data: bytes) -> Reason:
    try:
        data.decode()
    except UnicodeDecodeError:
        return Reason.NOT_UTF8
    if _nesting(data) > MAX_NESTING:
        return Reason.NESTED_TOO_DEEPLY
    if _SURROGATE.search(data):
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            return Reason.NOT_JSON
        return Reason.INVALID_UNICODE
    return Reason.NOT_JSON


def _nesting(data: bytes) -> int:
    """How deep it goes, as far as one needs to know: no further than the limit, nor than so many marks."""
    depth = deepest = 0
    for mark in islice(_BRACKETS.finditer(data), _MARKS_LOOKED_AT):
        symbol = mark.group()
        if symbol in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_NESTING:
                break
        elif symbol in (b"]", b"}"):
            depth -= 1
    return deepest
