"""A record as an OCSF event: its class by its source and what it is about, then what all classes have."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from services.detections.domain.formats.records import Record, Source
from services.detections.domain.formats.windows import SECURITY, SYSMON
from services.detections.domain.ocsf.objects import (
    Body,
    api_call,
    authentication,
    dns_query,
    driver_load,
    file_activity,
    finding,
    http_request,
    logon,
    module_load,
    network_activity,
    process_end,
    process_start,
)
from services.detections.domain.ocsf.schema import OCSF_VERSION, ClassUid, category_of

_INFORMATIONAL = 1
_PRODUCTS: Mapping[Source, tuple[str, str]] = {
    Source.WINDOWS: ("Windows Event Log", "Microsoft"),
    Source.WAZUH: ("Wazuh", "Wazuh"),
    Source.SURICATA: ("Suricata", "OISF"),
    Source.AIT: ("AIT Alert Data Set", "AIT"),
    Source.CLOUDTRAIL: ("CloudTrail", "AWS"),
    Source.AUDITD: ("Linux Audit", "Linux"),
    Source.SYSLOG: ("syslog", "Linux"),
    Source.ZEEK: ("Zeek", "Zeek"),
    Source.OKTA: ("Okta System Log", "Okta"),
    Source.MICROSOFT_365: ("Microsoft 365", "Microsoft"),
    Source.ENTRA: ("Entra ID", "Microsoft"),
    Source.KUBERNETES: ("Kubernetes", "CNCF"),
}
_SYSMON_BODIES: Mapping[str, Callable[[Record], Body]] = {
    "1": process_start,
    "3": network_activity,
    "5": process_end,
    "6": driver_load,
    "7": module_load,
    "11": file_activity,
    "22": dns_query,
    "23": file_activity,
    "26": file_activity,
}


def to_ocsf(record: Record, received_at: datetime) -> dict[str, Any]:
    """The event. `received_at` is its time where the record has no clock of its own, and always its `logged_time`."""
    moment = record.occurred_at or received_at
    body = _body(record)
    event: dict[str, Any] = {
        "activity_id": body.activity_id,
        "category_uid": category_of(body.class_uid),
        "class_uid": int(body.class_uid),
        "type_uid": int(body.class_uid) * 100 + body.activity_id,
        "time": int(moment.timestamp() * 1000),
        "severity_id": _severity(record),
        "metadata": _metadata(record, received_at),
        **body.objects,
        "unmapped": dict(record.fields),
    }
    if record.host or record.address:
        event["device"] = {**_named(hostname=record.host, ip=record.address), "type_id": 0}
    if record.text:
        event["message"] = record.text
    return event


def _body(record: Record) -> Body:
    if record.alert is not None:
        return finding(record)
    fields = record.fields
    match record.source:
        case Source.WINDOWS:
            return _of_windows(record)
        case Source.AUDITD if "CommandLine" in fields:
            return process_start(record)
        case Source.SYSLOG if fields.get("program") == "sshd":
            return authentication(record)
        case Source.ZEEK:
            path = fields.get("_path")
            if path == "dns":
                return dns_query(record)
            return http_request(record) if path == "http" else network_activity(record)
        case Source.SURICATA:
            kind = fields.get("event_type")
            if kind == "dns" and fields.get("dns.rrname"):
                return dns_query(record)
            if kind == "http":
                return http_request(record)
            return network_activity(record) if fields.get("src_ip") else Body(ClassUid.BASE, 0, {})
        case Source.CLOUDTRAIL | Source.KUBERNETES | Source.OKTA | Source.MICROSOFT_365 | Source.ENTRA:
            return api_call(record)
        case _:
            return Body(ClassUid.BASE, 0, {})


def _of_windows(record: Record) -> Body:
    channel, event_id = record.fields.get("Channel"), str(record.fields.get("EventID", ""))
    if channel == SYSMON and event_id in _SYSMON_BODIES:
        return _SYSMON_BODIES[event_id](record)
    if channel == SECURITY and event_id == "4688":
        return process_start(record)
    if channel == SECURITY and event_id in ("4624", "4625", "4634", "4647"):
        return logon(record, event_id)
    return Body(ClassUid.BASE, 0, {})


def _severity(record: Record) -> int:
    if record.alert is not None:
        return record.alert.severity_id
    said = record.fields.get("severity_id") if record.source is Source.OCSF else None
    return said if isinstance(said, int) and 0 <= said <= 6 else _INFORMATIONAL


def _metadata(record: Record, received_at: datetime) -> dict[str, Any]:
    name, vendor = _PRODUCTS.get(record.source, (record.source.value, "unknown"))
    return {
        "version": OCSF_VERSION,
        "uid": record.key.hex(),
        "product": {"name": name, "vendor_name": vendor},
        "logged_time": int(received_at.timestamp() * 1000),
    }


def _named(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
