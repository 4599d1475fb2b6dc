"""The content of an import as it was published: unpacked within limits, recognised, and read."""

import re
import zlib
from typing import Any

import orjson

from contracts.events.intelligence import IntelligenceFormat
from contracts.labels import Label
from services.detections.config import (
    MAX_INTELLIGENCE_BYTES,
    MAX_INTELLIGENCE_NESTING,
    MAX_INTELLIGENCE_OBJECTS,
    MAX_INTELLIGENCE_UNPACKED_BYTES,
)
from services.detections.domain.errors import IntelligenceTooLarge, IntelligenceUnreadable
from services.detections.domain.intelligence.misp_events import events_of, is_misp, read_events
from services.detections.domain.intelligence.stix_bundle import Gathered, read_objects

_GZIP = b"\x1f\x8b"
_AUTOMATIC_HEADER = 32 + zlib.MAX_WBITS
_OPENING = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


def read_content(data: bytes, label: Label) -> tuple[IntelligenceFormat, Gathered]:
    """What STIX 2.1 or MISP as JSON, plain or by gzip, says. `label` counts for what carries none.

    Raises IntelligenceTooLarge, IntelligenceUnreadable.
    """
    if len(data) > MAX_INTELLIGENCE_BYTES:
        raise IntelligenceTooLarge("The content is too large.", metadata={"limit": str(MAX_INTELLIGENCE_BYTES)})
    value = parsed(_unpacked(data))
    if is_misp(value) or (isinstance(value, list) and any(is_misp(each) for each in value)):
        return IntelligenceFormat.MISP, _bounded(read_events(events_of(value), label))
    if not isinstance(value, dict) or not _is_stix(value):
        raise IntelligenceUnreadable("This is neither a STIX 2.1 bundle or envelope nor an event of MISP.")
    objects = value.get("objects", [])
    if not isinstance(objects, list):
        raise IntelligenceUnreadable("`objects` is no list.")
    if len(objects) > MAX_INTELLIGENCE_OBJECTS:
        raise IntelligenceTooLarge("There are too many objects.", metadata={"limit": str(MAX_INTELLIGENCE_OBJECTS)})
    return IntelligenceFormat.STIX, read_objects(objects, label)


def _is_stix(value: dict[str, Any]) -> bool:
    """A bundle says so; a TAXII envelope has objects and no type."""
    return value.get("type") == "bundle" or ("type" not in value and "objects" in value)


def _bounded(gathered: Gathered) -> Gathered:
    if gathered.objects > MAX_INTELLIGENCE_OBJECTS:
        raise IntelligenceTooLarge("There are too many attributes.", metadata={"limit": str(MAX_INTELLIGENCE_OBJECTS)})
    return gathered


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    unpacker = zlib.decompressobj(_AUTOMATIC_HEADER)
    try:
        unpacked = unpacker.decompress(data, MAX_INTELLIGENCE_UNPACKED_BYTES)
    except zlib.error as error:
        raise IntelligenceUnreadable("The gzip file is damaged.") from error
    if unpacker.unconsumed_tail:
        limit = str(MAX_INTELLIGENCE_UNPACKED_BYTES)
        raise IntelligenceTooLarge("The content unpacks to too much.", metadata={"limit": limit})
    if not unpacker.eof:
        raise IntelligenceUnreadable("The gzip file ends in its middle.")
    return unpacked


def parsed(data: bytes) -> Any:
    """JSON. Depth is looked at before anything is made of the text, since what is deep is dear to hold.

    Raises IntelligenceUnreadable.
    """
    depth = 0
    for mark in _OPENING.finditer(data):
        symbol = mark.group()
        if symbol in (b"[", b"{"):
            depth += 1
            if depth > MAX_INTELLIGENCE_NESTING:
                raise IntelligenceUnreadable("The content is nested too deeply.")
        elif symbol in (b"]", b"}"):
            depth -= 1
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise IntelligenceUnreadable("The content is no JSON.") from error
