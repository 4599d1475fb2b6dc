"""Suricata's EVE JSON: `event_type` alert becomes a detection, the other types are kept as telemetry.

`alert.severity` is the priority of the rule's class: 1 is the most severe (Suricata user guide, EVE JSON format).
"""

from typing import Any

from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, flatten, object_at, text_of
from services.detections.domain.formats.records import Alert, Parsed, Reason, Source, Unreadable

_SIGNS = ("src_ip", "flow_id", "stats", "engine")
_SEVERITY = {"1": 4, "2": 3, "3": 2, "4": 1}


def recognises(value: Json) -> bool:
    return isinstance(value.get("event_type"), str) and any(name in value for name in _SIGNS)


def parse(value: Json) -> Parsed:
    """Raises Unreadable with FIELDS_MISSING for an alert without a signature."""
    return Parsed(
        Source.SURICATA,
        read_clock(value.get("timestamp")),
        text_of(value.get("host")),
        text_of(value.get("dest_ip")),
        "",
        flatten(value),
        _alert(value) if value.get("event_type") == "alert" else None,
    )


def _alert(value: Json) -> Alert:
    alert = object_at(value, "alert")
    signature_id, signature = text_of(alert.get("signature_id")), text_of(alert.get("signature"))
    if not signature_id and not signature:
        raise Unreadable(Reason.FIELDS_MISSING)
    return Alert(
        f"suricata:{text_of(alert.get('gid')) or '1'}:{signature_id or signature}",
        signature or f"Suricata signature {signature_id}",
        _SEVERITY.get(text_of(alert.get("severity")), 0),
        _techniques(object_at(alert, "metadata").get("mitre_technique_id")),
        text_of(value.get("src_ip")),
        text_of(value.get("dest_ip")),
    )


def _techniques(values: Any) -> tuple[str, ...]:
    return tuple(text_of(item) for item in values) if isinstance(values, list) else ()
