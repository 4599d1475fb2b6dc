"""The Kubernetes API server's audit events (audit.k8s.io/v1): one event a line, or an EventList.

`hostPath`, `capabilities` and `apiGroup` are short names of Sigma's rules for what lies deep in the request.
"""

from typing import Any

from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, object_at, spread, text_of
from services.detections.domain.formats.records import Parsed, Source

_SHORT = {
    "apiGroup": ("objectRef.apiGroup",),
    "hostPath": (
        "requestObject.spec.volumes.hostPath.path",
        "requestObject.spec.template.spec.volumes.hostPath.path",
    ),
    "capabilities": (
        "requestObject.spec.containers.securityContext.capabilities.add",
        "requestObject.spec.template.spec.containers.securityContext.capabilities.add",
    ),
}


def recognises(value: Json) -> bool:
    return "auditID" in value and "verb" in value and ("requestURI" in value or "objectRef" in value)


def parse(value: Json) -> Parsed:
    fields = spread(value)
    for short, paths in _SHORT.items():
        found: Any = next((fields[path] for path in paths if path in fields), None)
        if found is not None:
            fields.setdefault(short, found)
    addresses = value.get("sourceIPs")
    stage = text_of(value.get("stage"))
    return Parsed(
        Source.KUBERNETES,
        read_clock(value.get("stageTimestamp")) or read_clock(value.get("requestReceivedTimestamp")),
        text_of(object_at(value, "annotations").get("cluster")),
        text_of(addresses[0]) if isinstance(addresses, list) and addresses else "",
        # One request is audited at several stages under the same id.
        f"{text_of(value.get('auditID'))}|{stage}",
        fields,
    )
