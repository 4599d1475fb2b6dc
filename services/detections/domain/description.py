"""What a person is told about a record: a headline, what can be observed, a short account of its fields.

All of it is sealed when recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.detections.config import MAX_OBSERVABLES, MAX_SUMMARY_CHARACTERS
from services.detections.domain.formats.records import Record, Source
from services.detections.domain.formats.windows import SECURITY

_TOLD_FIRST = (
    "EventID",
    "Channel",
    "Image",
    "CommandLine",
    "ParentImage",
    "ParentCommandLine",
    "User",
    "SourceImage",
    "TargetImage",
    "GrantedAccess",
    "TargetFilename",
    "TargetObject",
    "Details",
    "ImageLoaded",
    "PipeName",
    "QueryName",
    "SourceIp",
    "DestinationIp",
    "DestinationPort",
    "DestinationHostname",
    "TargetUserName",
    "SubjectUserName",
    "IpAddress",
    "LogonType",
    "ServiceName",
    "ImagePath",
    "TaskName",
    "ScriptBlockText",
    "eventName",
    "eventSource",
    "sourceIPAddress",
    "userIdentity.arn",
    "src_ip",
    "dest_ip",
    "dest_port",
    "alert.category",
    "http.hostname",
    "http.url",
    "name",
)
_MAX_VALUE_CHARACTERS = 1_000
_MAX_OTHER_FIELDS = 12
_OBSERVABLES = (
    ("process", "Image"),
    ("command", "CommandLine"),
    ("file", "TargetFilename"),
    ("registry key", "TargetObject"),
    ("address", "DestinationIp"),
    ("domain", "QueryName"),
    ("user", "User"),
    ("hashes", "Hashes"),
    ("url", "http.url"),
)


@dataclass(frozen=True, slots=True)
class Description:
    summary: str
    observables: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes as UTF-8."""
        return sum(len(text.encode("utf-8", "replace")) for text in (self.summary, *self.observables))


def describe(record: Record) -> Description:
    return Description(_summary(record), _observables(record))


def place_of(record: Record) -> tuple[str, str, str, str, str]:
    """Host, address, account, source and destination address, in the order of `grouping.Place`."""
    alert = record.alert
    return (
        record.host,
        record.address,
        account_of(record),
        alert.source_address if alert else "",
        alert.destination_address if alert else "",
    )


def account_of(record: Record) -> str:
    """The account that a record is about, for sources whose records are about accounts; empty otherwise."""
    fields = record.fields
    if record.source is Source.WINDOWS and fields.get("Channel") == SECURITY:
        name = _first(fields, "TargetUserName", "TargetAccount")
        return "" if name in ("", "-") or name.endswith("$") else name
    if record.source is Source.CLOUDTRAIL:
        return _first(fields, "userIdentity.userName", "userIdentity.arn")
    if record.source is Source.WAZUH:
        return _first(fields, "data.dstuser", "data.srcuser", "data.win.eventdata.targetUserName")
    return ""


def headline(title: str, host: str, address: str, account: str, source: str, destination: str) -> str:
    where = host or address
    parts = [title]
    if where:
        parts.append(f"on {where}")
    if account:
        parts.append(f"({account})")
    if source and destination:
        parts.append(f"from {source} to {destination}")
    return " ".join(parts)[:500]


def _summary(record: Record) -> str:
    lines = [record.text[:_MAX_VALUE_CHARACTERS]] if record.text else []
    told = [name for name in _TOLD_FIRST if record.fields.get(name) not in (None, "", [])]
    others = [name for name in record.fields if name not in told][: 0 if len(told) > 3 else _MAX_OTHER_FIELDS]
    lines += [f"{name}: {_shown(record.fields[name])}" for name in (*told, *others)]
    return "\n".join(lines)[:MAX_SUMMARY_CHARACTERS] or "(no fields)"


def _observables(record: Record) -> tuple[str, ...]:
    host, address, account, source, destination = place_of(record)
    found = [
        ("host", host),
        ("address", address),
        ("account", account),
        ("source address", source),
        ("destination address", destination),
        *((kind, _shown(record.fields[name])) for kind, name in _OBSERVABLES if record.fields.get(name)),
    ]
    return tuple(f"{kind}: {text}" for kind, text in found if text)[:MAX_OBSERVABLES]


def _shown(value: Any) -> str:
    text = ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
    return text[:_MAX_VALUE_CHARACTERS]


def _first(fields: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
