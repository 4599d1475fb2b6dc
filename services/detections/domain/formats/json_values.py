"""Reads one record's JSON within limits, and says precisely what is wrong with it when it cannot be read."""

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from services.detections.config import MAX_FIELDS_PER_RECORD, MAX_NESTING
from services.detections.domain.formats.records import Reason, Unreadable

_SURROGATE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}|\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
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


def flatten(value: Json, prefix: str = "") -> dict[str, Any]:
    """Nested objects as `outer.inner` names, which is how Sigma's rules name the fields of such sources."""
    flat: dict[str, Any] = {}
    for name, item in value.items():
        path = f"{prefix}{name}"
        if isinstance(item, dict):
            flat.update(flatten(item, f"{path}."))
        else:
            flat[path] = [scalar(entry) for entry in item] if isinstance(item, list) else item
    return flat


def scalar(value: Any) -> Any:
    """A list's member as something that a rule can compare: nested members as JSON text."""
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def text_of(value: Any) -> str:
    """A field as text; empty for what is absent or not a plain value."""
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value)


def object_at(value: Json, name: str) -> dict[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _measure(value: dict[str, Any]) -> None:
    level: list[Any] = [value]
    fields = 0
    for _ in range(MAX_NESTING):
        inner: list[Any] = []
        for item in level:
            members = item.values() if isinstance(item, dict) else item
            fields += len(members)
            inner.extend(member for member in members if isinstance(member, dict | list))
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
    depth = deepest = 0
    for mark in _BRACKETS.finditer(data):
        symbol = mark.group()
        if symbol in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif symbol in (b"]", b"}"):
            depth -= 1
    return deepest
