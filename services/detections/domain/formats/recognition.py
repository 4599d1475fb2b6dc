"""Which parser reads a record: by the format that the sensor stated, else by the record's own shape.

Recognising looks at a few keys of an object, or at the first bytes of a line. Formats may mix from record to record.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.detections.domain.formats import (
    auditd,
    cef,
    cloudtrail,
    envelopes,
    kubernetes,
    microsoft,
    ocsf_events,
    okta,
    suricata,
    syslog,
    wazuh,
    windows,
    zeek,
)
from services.detections.domain.formats.json_values import Json, read_object
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
}
_IN_ORDER = tuple(_JSON_PARSERS.values())
_WRAPPING = ("Records", "records", "items", "value")
"""The one key of an object, or among few, that holds an array of records and nothing of its own."""
_MAX_WRAPPING_KEYS = 5


def read_line(line: bytes, stated: Format, received_at: datetime | None) -> Parsed | None:
    """What a line that is no JSON object says; None when it is of no format that is written in such lines.

    Raises Unreadable.
    """
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
    known = _JSON_PARSERS.get(stated)
    for recognises, parse in (known,) if known else _IN_ORDER:
        if recognises(value):
            return parse(value)
    if stated is Format.AUTOMATIC and envelopes.recognises(value):
        return envelopes.parse(value, lambda data: _read_wrapped(data, received_at))
    raise Unreadable(Reason.FORMAT_UNKNOWN)


def parsed_of(line: bytes, received_at: datetime | None = None) -> list[Parsed]:
    """What one line says by itself: a record, or several that an object wraps. Raises Unreadable."""
    if not line.lstrip().startswith(b"{"):
        return [_read_wrapped(line, received_at)]
    value = read_object(line)
    return [read_json(member, Format.AUTOMATIC, received_at) for member in members_of(value) or [value]]


def _read_wrapped(data: bytes, received_at: datetime | None) -> Parsed:
    """A record within an envelope. An envelope within an envelope is of no known format."""
    if not data.lstrip().startswith(b"{"):
        if is_audit_line(data, Format.AUTOMATIC):
            return auditd.parse(data)
        found = read_line(data, Format.AUTOMATIC, received_at)
        if found is None:
            raise Unreadable(Reason.FORMAT_UNKNOWN)
        return found
    value = read_object(data)
    if envelopes.recognises(value):
        raise Unreadable(Reason.FORMAT_UNKNOWN)
    return read_json(value, Format.AUTOMATIC, received_at)
