"""Windows event log and Sysmon as JSON, in the shapes in use.

Sources of the shapes: Winlogbeat (Elastic, `winlog.*` fields, as an object or with its names joined by dots; before its
version 7 `event_data` beside `log_name`), NXLog (`im_msvistalog`, flat) and the flat exports like it, and plain
conversion of EVTX (`Event.System`, `Event.EventData`, also without `Event` around them). All become the flat native
names that Sigma's Windows rules use. Sysmon for Linux writes the same.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.detections.config import MAX_FIELDS_PER_RECORD
from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, flatten, object_at, scalar, text_of
from services.detections.domain.formats.records import Parsed, Reason, Source, Unreadable

SYSMON = "Microsoft-Windows-Sysmon/Operational"
LINUX_SYSMON = "Linux-Sysmon/Operational"
SECURITY = "Security"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"
_SYSMON_EVENT_TYPE_IDS = frozenset({"12", "13", "14", "17", "18", "19", "20", "21"})
_NESTED = frozenset({dict, list})
_EVENT_TYPE = re.compile(r"^EventType:\s*(\S+)", re.MULTILINE)
_PROCESS_CREATION = {
    "NewProcessName": "Image",
    "ParentProcessName": "ParentImage",
    "SubjectUserName": "User",
    "NewProcessId": "ProcessGuid",
    "MandatoryLabel": "IntegrityLevel",
}
"""Security event 4688 in the names of Sysmon's event 1, which Sigma's category process_creation uses."""
_THREAT = {"ThreatName": "Signature", "Path": "Filename"}
"""Defender's events in the names of Sigma's category antivirus."""
_PROVIDERS = ("SourceName", "ProviderName", "EventSourceName", "Provider")
_FLAT_CLOCKS = ("UtcTime", "@timestamp", "TimeCreated", "SystemTime", "TimeGenerated", "EventTime")
_DOTTED = "winlog."
_PARAMETER = re.compile(r"param\d{1,3}")


def recognises(value: Json) -> bool:
    return (
        "winlog" in value
        or isinstance(object_at(value, "Event").get("System"), dict)
        or ("EventID" in value and ("Channel" in value or any(name in value for name in _PROVIDERS)))
        or _is_evtx(value)
        or ("event_id" in value and "log_name" in value)
        or f"{_DOTTED}channel" in value
        or f"{_DOTTED}event_id" in value
    )


def parse(value: Json) -> Parsed:
    """Raises Unreadable with FIELDS_MISSING when neither channel nor event id can be found."""
    if isinstance(object_at(value, "Event").get("System"), dict):
        return _from_evtx(value["Event"])
    if "winlog" in value:
        return _from_winlogbeat(value, object_at(value, "winlog"))
    if "EventID" in value:
        return _from_flat(value)
    if _is_evtx(value):
        return _from_evtx(value)
    if "log_name" in value:
        return _from_winlogbeat(value, {**value, "channel": value["log_name"]})
    return _from_winlogbeat(value, _undotted(value))


def _is_evtx(value: Json) -> bool:
    """Whether it is what others have under `Event`."""
    return "EventID" in object_at(value, "System")


def _from_evtx(event: Json) -> Parsed:
    system = object_at(event, "System")
    fields: dict[str, Any] = {}
    for name in ("EventData", "UserData"):
        fields.update(_event_data(event.get(name)))
    if event.get("Message"):
        fields.setdefault("Message", event["Message"])
    provider = _attributes(system.get("Provider"))
    for name in ("Level", "Keywords"):
        if name in system:
            fields.setdefault(name, _text(system[name]))
    return _record(
        fields,
        channel=text_of(system.get("Channel")),
        event_id=_text(system.get("EventID")),
        provider=text_of(provider.get("Name")),
        host=text_of(system.get("Computer")),
        record_id=_text(system.get("EventRecordID")),
        clocks=(_attributes(system.get("TimeCreated")).get("SystemTime"), fields.get("UtcTime")),
    )


def _from_winlogbeat(value: Json, winlog: Json) -> Parsed:
    fields = _event_data(winlog.get("event_data")) | _event_data(winlog.get("user_data"))
    if unnamed := [item for name, item in fields.items() if _PARAMETER.fullmatch(name)]:
        # Winlogbeat numbers what has no name in the event.
        fields.setdefault("Data", unnamed)
    if value.get("message"):
        fields.setdefault("Message", value["message"])
    return _record(
        fields,
        channel=text_of(winlog.get("channel")),
        event_id=text_of(winlog.get("event_id") or object_at(value, "event").get("code") or value.get("event.code")),
        provider=text_of(winlog.get("provider_name") or winlog.get("source_name")),
        host=text_of(winlog.get("computer_name"))
        or text_of(object_at(value, "host").get("name") or value.get("host.name")),
        record_id=text_of(winlog.get("record_id") or winlog.get("record_number")),
        clocks=(value.get("@timestamp"), fields.get("UtcTime")),
    )


def _undotted(value: Json) -> dict[str, Any]:
    """What an object would have under `winlog`, from one whose names are joined by dots."""
    winlog: dict[str, Any] = {"event_data": {}, "user_data": {}}
    for name, item in value.items():
        if name.startswith(_DOTTED):
            part, _, inner = name.removeprefix(_DOTTED).partition(".")
            if part in ("event_data", "user_data"):
                # As a whole, or one by one; a text or a list in its place names nothing.
                winlog[part] |= {inner: item} if inner else item if isinstance(item, dict) else {}
            elif not inner:
                winlog[part] = item
    return winlog


def native_fields(value: dict[str, Any]) -> dict[str, Any] | None:
    """The fields that `parse` gives, without all else that it finds out, and in the object that is given.

    For flat records of NXLog's shape, which is most of what rules are run over; None for all others, which are left as
    they were. Raises Unreadable like `parse`.
    """
    channel, event_id = value.get("Channel"), value.get("EventID")
    if event_id is None or type(channel) is not str or "winlog" in value or "Event" in value:
        return None
    nested = [item for item in value.values() if type(item) in _NESTED]
    if nested and not _only_plain_lists(nested, len(value)):
        return None
    number = text_of(event_id)
    provider = text_of(value.get("SourceName")) or _provider(value)
    host = text_of(value.get("Hostname")) or text_of(value.get("Computer"))
    if number in _SYSMON_EVENT_TYPE_IDS:
        _restore_event_type(value, channel, number)
    _name(value, channel, number, provider, host)
    return value


def _from_flat(value: Json) -> Parsed:
    # Some flat exports leave what the event itself says in an object.
    fields = flatten(value) | _event_data(value.get("EventData"))
    channel, event_id = text_of(value.get("Channel")), text_of(value.get("EventID"))
    _restore_event_type(fields, channel, event_id)
    return _record(
        fields,
        channel=channel,
        event_id=event_id,
        provider=_provider(value),
        host=text_of(value.get("Hostname")) or text_of(value.get("Computer")),
        record_id=text_of(value.get("RecordNumber") or value.get("EventRecordID")),
        # NXLog's EventTime is local to the sender and names no zone, so it comes last.
        clocks=tuple(value.get(name) for name in _FLAT_CLOCKS),
    )


def _provider(value: Json) -> str:
    """Who wrote a flat record's event: a text, or an object with its name."""
    for name in _PROVIDERS:
        if found := text_of(value.get(name)) or text_of(object_at(value, name).get("Name")):
            return found
    return ""


def _record(
    fields: dict[str, Any],
    *,
    channel: str,
    event_id: str,
    provider: str,
    host: str,
    record_id: str,
    clocks: tuple[Any, ...],
) -> Parsed:
    _name(fields, channel, event_id, provider, host)
    occurred_at = _first_clock(clocks)
    # A record number starts again when a log is cleared, so the time belongs to the record's identity.
    identity = f"{host}|{channel}|{record_id}|{occurred_at}" if record_id else ""
    return Parsed(Source.WINDOWS, occurred_at, host, "", identity, fields)


def _only_plain_lists(nested: list[Any], fields: int) -> bool:
    """Whether these are lists without lists or objects in them, and all together are within the limit of a record."""
    for item in nested:
        if type(item) is dict or any(type(member) in _NESTED for member in item):
            return False
        fields += len(item)
    return fields <= MAX_FIELDS_PER_RECORD


def _restore_event_type(fields: dict[str, Any], channel: str, event_id: str) -> None:
    """NXLog writes its own severity name over Sysmon's EventType; the message still has the original."""
    if channel == SYSMON and event_id in _SYSMON_EVENT_TYPE_IDS:
        original = _EVENT_TYPE.search(text_of(fields.get("Message")))
        if original:
            fields["EventType"] = original[1]


def _name(fields: dict[str, Any], channel: str, event_id: str, provider: str, host: str) -> None:
    """Gives the fields the names that every Windows rule relies on."""
    if not event_id or not (channel or provider):
        raise Unreadable(Reason.FIELDS_MISSING)
    fields["EventID"], fields["Channel"] = event_id, channel
    fields["Provider_Name"], fields["Computer"] = provider, host
    if channel == SECURITY and event_id == "4688":
        _also_as(fields, _PROCESS_CREATION)
    elif channel == DEFENDER:
        # Sigma strips the spaces of field names, and hardly any other log has such names.
        for name in [name for name in fields if " " in name]:
            fields[name.replace(" ", "")] = fields[name]
        _also_as(fields, _THREAT)


def _also_as(fields: dict[str, Any], names: Mapping[str, str]) -> None:
    for native, common in names.items():
        if native in fields:
            fields.setdefault(common, fields[native])


def _first_clock(values: tuple[Any, ...]) -> datetime | None:
    for value in values:
        moment = read_clock(value)
        if moment is not None:
            return moment
    return None


def _event_data(data: Any) -> dict[str, Any]:
    """EventData by names; what has no names is under `Data`, as Sigma's classic PowerShell rules expect."""
    if not isinstance(data, dict):
        return {}
    fields: dict[str, Any] = {}
    for name, item in data.items():
        if name == "#attributes":
            continue
        if name == "Data" and isinstance(item, dict | list):
            fields |= _unnamed(item)
        elif isinstance(item, dict) and name != "Data":
            fields |= _event_data(item)
        else:
            fields[name] = [scalar(entry) for entry in item] if isinstance(item, list) else item
    return fields


def _unnamed(item: dict[str, Any] | list[Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    unnamed: list[Any] = []
    for entry in item if isinstance(item, list) else [item]:
        name = text_of(_attributes(entry).get("Name"))
        content = entry.get("#text") if isinstance(entry, dict) else entry
        if name:
            fields[name] = content
        else:
            unnamed.extend(content if isinstance(content, list) else [content])
    if unnamed:
        fields["Data"] = [scalar(entry) for entry in unnamed if entry is not None]
    return fields


def _attributes(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    attributes = value.get("#attributes")
    return attributes if isinstance(attributes, dict) else value


def _text(value: Any) -> str:
    """A System element, which is an object when it has attributes of its own."""
    return text_of(value.get("#text", value.get("Value"))) if isinstance(value, dict) else text_of(value)
