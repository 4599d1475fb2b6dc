"""Which parser reads a record: by the format that the sensor stated, else by the record's own shape.

Recognising looks at a few keys of an object, or at the first bytes of a line. Formats may mix from record to record.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.detections.domain.formats import (
    auditd,
    cef,
    cloudtrail,
    envelopes,
    kubernetes,
    laurel,
    microsoft,
    ocsf_events,
    okta,
    suricata,
    syslog,
    wazuh,
    windows,
    windows_xml,
    zeek,
)
from services.detections.domain.formats.json_values import Json, read_array, read_object
from services.detections.domain.formats.records import Parsed, Reason, Unreadable


class Format(StrEnum):
    AUTOMATIC = "automatic"
    WINDOWS_EVENT = "windows_event"
    WAZUH = "wazuh"
    SURICATA_EVE = "suricata_eve"
    ALERT_CSV = "alert_csv"
    AUDITD = "auditd"
    SYSLOG = "syslog"
    ZEEK = "zeek"
    CLOUDTRAIL = "cloudtrail"
    OKTA = "okta"
    MICROSOFT_365 = "microsoft_365"
    ENTRA = "entra"
    KUBERNETES_AUDIT = "kubernetes_audit"
    CEF = "cef"
    OCSF = "ocsf"


_JsonParser = tuple[Callable[[Any], bool], Callable[[Any], Parsed]]
_JSON_PARSERS: Mapping[Format, _JsonParser] = {
    Format.WINDOWS_EVENT: (windows.recognises, windows.parse),
    Format.WAZUH: (wazuh.recognises, wazuh.parse),
    Format.SURICATA_EVE: (suricata.recognises, suricata.parse),
    Format.CLOUDTRAIL: (cloudtrail.recognises, cloudtrail.parse),
    Format.ZEEK: (zeek.recognises, zeek.parse),
    Format.OCSF: (ocsf_events.recognises, ocsf_events.parse),
    Format.KUBERNETES_AUDIT: (kubernetes.recognises, kubernetes.parse),
    Format.OKTA: (okta.recognises, okta.parse),
    Format.MICROSOFT_365: (microsoft.recognises_office, microsoft.parse_office),
    Format.ENTRA: (microsoft.recognises_entra, microsoft.parse_entra),
    Format.AUDITD: (laurel.recognises, laurel.parse),
}
_IN_ORDER = tuple(_JSON_PARSERS.values())
_WRAPPING = ("Records", "records", "items", "value", "Events", "logEvents")
"""The one key of an object, or among few, that holds an array of records and nothing of its own."""
_MAX_WRAPPING_KEYS = 5
_WITHIN = ("_source", "result")
"""Where a record is in an export of Elasticsearch or OpenSearch, and of Splunk."""
_AS_TEXT = ("_raw", "message", "CloudTrailEvent", "AuditData")
"""Where it is as a text: in Splunk, Filebeat and CloudWatch, CloudTrail's look-ups, and Purview's searches."""


def read_line(line: bytes, stated: Format, received_at: datetime | None) -> Parsed | None:
    """What a line that is no JSON object says; None when it is of no format that is written in such lines.

    Raises Unreadable.
    """
    if stated in (Format.AUTOMATIC, Format.WINDOWS_EVENT) and windows_xml.recognises(line):
        return windows_xml.parse(line)
    if stated in (Format.AUTOMATIC, Format.CEF) and cef.recognises(line):
        return cef.parse(line, received_at)
    if stated is Format.SYSLOG or (stated is Format.AUTOMATIC and syslog.recognises(line)):
        return syslog.parse(line, received_at)
    return None


def is_audit_line(line: bytes, stated: Format) -> bool:
    return stated in (Format.AUTOMATIC, Format.AUDITD) and auditd.recognises(line)


def members_of(value: Json) -> list[Any] | None:
    """The records that an object wraps; None when it is a record itself."""
    if len(value) > _MAX_WRAPPING_KEYS:
        return None
    for name in _WRAPPING:
        members = value.get(name)
        if isinstance(members, list) and members and all(isinstance(member, dict) for member in members):
            return members
    return None


def read_json(value: Json, stated: Format, received_at: datetime | None) -> Parsed:
    """Raises Unreadable with FORMAT_UNKNOWN, or with what is wrong with the format's own fields."""
    if (parsed := _by_shape(value, stated)) is not None:
        return parsed
    if (inner := next((value[name] for name in _WITHIN if isinstance(value.get(name), dict)), None)) is not None:
        value = inner
        if (parsed := _by_shape(value, stated)) is not None:
            return parsed
    if (text := next((value[name] for name in _AS_TEXT if isinstance(value.get(name), str)), None)) is not None:
        return _read_text(text.encode("utf-8", "replace"), stated, received_at)
    if stated is Format.AUTOMATIC and envelopes.recognises(value):
        return envelopes.parse(value, lambda data: _read_text(data, Format.AUTOMATIC, received_at))
    raise Unreadable(Reason.FORMAT_UNKNOWN)


def _by_shape(value: Json, stated: Format) -> Parsed | None:
    """None for an object of no known shape. Raises Unreadable with what is wrong with the format's own fields."""
    known = _JSON_PARSERS.get(stated)
    for recognises, parse in (known,) if known else _IN_ORDER:
        if recognises(value):
            return parse(value)
    return None


def parsed_of(line: bytes, received_at: datetime | None = None) -> Iterator[Parsed]:
    """What one line says by itself: a record, or several that an object wraps or an array holds.

    Raises Unreadable; where some of several records cannot be read, behind those that can.
    """
    text = line.lstrip()
    if not text.startswith((b"{", b"[")):
        yield _read_text(line, Format.AUTOMATIC, received_at)
        return
    if text.startswith(b"{"):
        value = read_object(line)
        members = members_of(value) or [value]
    else:
        members = read_array(line)
    unreadable: Unreadable | None = None
    for member in members:
        try:
            if not isinstance(member, dict):
                raise Unreadable(Reason.NOT_AN_OBJECT)
            yield read_json(member, Format.AUTOMATIC, received_at)
        except Unreadable as error:
            unreadable = error
    if unreadable is not None:
        raise unreadable


def _read_text(data: bytes, stated: Format, received_at: datetime | None) -> Parsed:
    """A record by itself, or within another by the format stated for both, but no envelope. Raises Unreadable."""
    if data.lstrip().startswith(b"{"):
        found = _by_shape(read_object(data), stated)
    elif is_audit_line(data, stated):
        found = auditd.parse(data)
    else:
        found = read_line(data, stated, received_at)
    if found is None:
        raise Unreadable(Reason.FORMAT_UNKNOWN)
    return found
