"""Microsoft 365's audit log, and Entra ID's and Azure's logs: sign-ins, directory audits, activity, risk.

Sources: Office 365 Management Activity API schema; Microsoft Graph (signIn, directoryAudit); Azure Monitor's exported
log schema, where what matters lies under `properties`. Sigma's rules write these names now with a small, now with a
capital first letter, and with or without `properties.`; a record has all of them.
"""

from typing import Any

from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, object_at, spread, text_of
from services.detections.domain.formats.records import Parsed, Source

SERVICE = "tenet.service"
"""The field under which a record keeps which of Sigma's services it belongs to."""
_BY_CATEGORY = {
    "auditlogs": "auditlogs",
    "signinlogs": "signinlogs",
    "noninteractiveusersigninlogs": "signinlogs",
    "serviceprincipalsigninlogs": "signinlogs",
    "managedidentitysigninlogs": "signinlogs",
    "administrative": "activitylogs",
    "riskyusers": "riskdetection",
    "userriskevents": "riskdetection",
    "serviceprincipalriskevents": "riskdetection",
}
_BY_WORKLOAD = {
    "Exchange": "exchange",
    "SecurityComplianceCenter": "threat_management",
    "ThreatIntelligence": "threat_detection",
}


def recognises_office(value: Json) -> bool:
    return "Workload" in value and "Operation" in value and "CreationTime" in value


def parse_office(value: Json) -> Parsed:
    fields = spread(value)
    workload = text_of(value.get("Workload"))
    fields.setdefault("eventSource", workload)
    fields.setdefault("eventName", text_of(value.get("Name")) or text_of(value.get("Operation")))
    fields.setdefault("status", text_of(value.get("Status")) or text_of(value.get("ResultStatus")).lower())
    fields[SERVICE] = _BY_WORKLOAD.get(workload, "audit")
    return Parsed(
        Source.MICROSOFT_365,
        read_clock(value.get("CreationTime")),
        "",
        _without_port(text_of(value.get("ClientIP")) or text_of(value.get("ActorIpAddress"))),
        text_of(value.get("Id")),
        fields,
    )


def recognises_entra(value: Json) -> bool:
    if "operationName" in value and ("category" in value or "resourceId" in value) and _clocked(value):
        return True
    sign_in = "userPrincipalName" in value and "createdDateTime" in value
    audit = "activityDisplayName" in value and "initiatedBy" in value
    risk = "riskEventType" in value and "riskLevel" in value
    return sign_in or audit or risk


def _clocked(value: Json) -> bool:
    """Azure Monitor's exports say `time`, the activity log's own interface `eventTimestamp`."""
    return "time" in value or "eventTimestamp" in value


def parse_entra(value: Json) -> Parsed:
    properties = object_at(value, "properties")
    inner = spread(properties)
    fields = _both_cases(inner) | _both_cases(spread(value))
    named = value.get("operationName")
    if isinstance(named, dict):
        fields["operationName"] = named = text_of(named.get("value"))
    operation = text_of(named) or text_of(value.get("activityDisplayName"))
    if operation:
        fields.setdefault("properties.message", operation)
        fields.setdefault("OperationName", operation)
    fields[SERVICE] = _service(value, properties)
    own = properties or value
    return Parsed(
        Source.ENTRA,
        next(
            (
                moment
                for name in ("time", "eventTimestamp", "createdDateTime", "activityDateTime", "detectedDateTime")
                if (moment := read_clock(value.get(name)) or read_clock(own.get(name)))
            ),
            None,
        ),
        "",
        text_of(value.get("callerIpAddress")) or text_of(own.get("ipAddress")),
        text_of(own.get("id")) or text_of(value.get("id")),
        fields,
    )


def _service(value: Json, properties: Json) -> str:
    category = text_of(value.get("category")).lower()
    if category in _BY_CATEGORY:
        return _BY_CATEGORY[category]
    if "riskEventType" in value or "riskEventType" in properties:
        return "riskdetection"
    if "initiatedBy" in value or "initiatedBy" in properties:
        return "auditlogs"
    return "signinlogs" if "userPrincipalName" in value else "activitylogs"


def _both_cases(fields: dict[str, Any]) -> dict[str, Any]:
    capital = {
        ".".join(part[:1].upper() + part[1:] if at == 0 else part for at, part in enumerate(name.split("."))): item
        for name, item in fields.items()
    }
    return capital | fields


def _without_port(address: str) -> str:
    """Exchange writes `[::1]:443` and `203.0.113.9:443`."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
