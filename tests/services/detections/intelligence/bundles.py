"""STIX bundles, MISP events and telemetry that tests of intelligence use."""

import json
import uuid
from typing import Any

RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
AMBER_STRICT = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"


def indicator(pattern: str, *, name: str = "", **more: Any) -> dict[str, Any]:
    """An indicator whose identifier follows from its pattern."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid5(uuid.NAMESPACE_URL, pattern)}",
        "created": "2026-11-01T00:00:00Z",
        "modified": "2026-11-01T00:00:00Z",
        "valid_from": "2026-11-01T00:00:00Z",
        "valid_until": "2090-01-01T00:00:00Z",
        "name": name,
        "pattern": pattern,
        "pattern_type": "stix",
        "confidence": 90,
        **more,
    }


def bundle(*objects: Any) -> bytes:
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": list(objects)}).encode()


def technique(technique_id: str, name: str) -> dict[str, Any]:
    return {
        "type": "attack-pattern",
        "id": f"attack-pattern--{uuid.uuid5(uuid.NAMESPACE_URL, technique_id)}",
        "name": name,
        "external_references": [{"source_name": "mitre-attack", "external_id": technique_id}],
        "kill_chain_phases": [{"kill_chain_name": "mitre-attack", "phase_name": "command-and-control"}],
    }


def indicates(source: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    name = source["id"] + target["id"]
    return {
        "type": "relationship",
        "id": f"relationship--{uuid.uuid5(uuid.NAMESPACE_URL, name)}",
        "relationship_type": "indicates",
        "source_ref": source["id"],
        "target_ref": target["id"],
    }


def connection(host: str, destination: str, at: str = "2026-11-23 10:00:00.000") -> bytes:
    """A network connection as Sysmon records it."""
    return _line(
        {
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "EventID": 3,
            "Hostname": host,
            "UtcTime": at,
            "EventTime": at,
            "Image": r"C:\Windows\System32\svchost.exe",
            "DestinationIp": destination,
            "DestinationPort": "443",
            "SourceName": "Microsoft-Windows-Sysmon",
        }
    )


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def misp_event(*attributes: dict[str, Any], info: str = "a campaign", tags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "Event": {
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, info)),
            "info": info,
            "timestamp": "1793491200",
            "Tag": [{"name": tag} for tag in tags],
            "Attribute": list(attributes),
        }
    }


def attribute(kind: str, value: str, **more: Any) -> dict[str, Any]:
    return {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, kind + value)),
        "type": kind,
        "value": value,
        "to_ids": True,
        "timestamp": "1793491200",
        **more,
    }
