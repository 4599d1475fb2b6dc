"""Events that are OCSF already (schema.ocsf.io): a class, a time in milliseconds, metadata.

The names of Sigma's categories are added, so that its rules run on them.
"""

from collections.abc import Mapping
from typing import Any

from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, object_at, spread, text_of
from services.detections.domain.formats.records import Alert, Parsed, Source

PROCESS, NETWORK, HTTP, DNS, FILE, FINDING = 1007, 4001, 4002, 4003, 1001, 2004
SECURITY_FINDING = 2001
"""What findings were before OCSF 1.1; many products still write it."""
_ANOMALY_ANALYTICS = frozenset({2, 3, 4})
"""`finding_info.analytic.type_id` of behavioural, statistical and learning analytics."""
_COMMON: Mapping[int, Mapping[str, str]] = {
    PROCESS: {
        "process.file.path": "Image",
        "process.cmd_line": "CommandLine",
        "process.pid": "ProcessId",
        "process.user.name": "User",
        "actor.process.file.path": "ParentImage",
        "actor.process.cmd_line": "ParentCommandLine",
    },
    NETWORK: {
        "actor.process.file.path": "Image",
        "src_endpoint.ip": "SourceIp",
        "src_endpoint.port": "SourcePort",
        "dst_endpoint.ip": "DestinationIp",
        "dst_endpoint.port": "DestinationPort",
        "dst_endpoint.hostname": "DestinationHostname",
    },
    HTTP: {
        "http_request.url.url_string": "c-uri",
        "http_request.http_method": "cs-method",
        "http_request.user_agent": "c-useragent",
        "http_response.code": "sc-status",
        "dst_endpoint.ip": "dst_ip",
    },
    DNS: {"query.hostname": "query", "query.type": "record_type", "answers.rdata": "answer"},
    FILE: {"file.path": "TargetFilename", "actor.process.file.path": "Image"},
}


def recognises(value: Json) -> bool:
    return "class_uid" in value and ("metadata" in value or "category_uid" in value)


def parse(value: Json) -> Parsed:
    fields = spread(value)
    class_uid = number(value.get("class_uid"))
    for native, common in _COMMON.get(class_uid, {}).items():
        if native in fields:
            fields.setdefault(common, fields[native])
    device = object_at(value, "device")
    return Parsed(
        Source.OCSF,
        read_clock(value.get("time")) or read_clock(value.get("time_dt")),
        text_of(device.get("hostname")) or text_of(device.get("name")),
        text_of(device.get("ip")) or text_of(object_at(value, "src_endpoint").get("ip")),
        text_of(object_at(value, "metadata").get("uid")),
        fields,
        _finding(value) if class_uid in (FINDING, SECURITY_FINDING) else None,
    )


def number(value: object) -> int:
    """A class's number; 0, which is OCSF's base event, for what is none."""
    if isinstance(value, bool):
        return 0
    try:
        return int(value) if isinstance(value, int | str) else 0
    except ValueError:
        return 0


def _finding(value: Json) -> Alert:
    info: Mapping[str, Any] = object_at(value, "finding_info") or object_at(value, "finding")
    title = text_of(info.get("title")) or "Finding"
    product = text_of(object_at(object_at(value, "metadata"), "product").get("name")) or "ocsf"
    analytic = object_at(info, "analytic") or object_at(value, "analytic")
    severity = number(value.get("severity_id"))
    return Alert(
        f"{product.lower()}:{text_of(analytic.get('uid')) or text_of(analytic.get('name')) or title}"[:200],
        title[:300],
        severity if 0 <= severity <= 6 else 0,
        is_anomaly=number(analytic.get("type_id")) in _ANOMALY_ANALYTICS,
    )
