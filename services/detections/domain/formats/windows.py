"""Windows event log and Sysmon as JSON, in the three shapes in use.

Sources of the shapes: Winlogbeat (Elastic, `winlog.*` fields), NXLog (`im_msvistalog`, flat), and plain conversion of
EVTX (`Event.System`, `Event.EventData`). All become the flat native names that Sigma's Windows rules use.
"""

import re
from datetime import datetime
from typing import Any

from services.detections.config import MAX_FIELDS_PER_RECORD
from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, flatten, object_at, scalar, text_of
from services.detections.domain.formats.records import Parsed, Reason, Source, Unreadable

SYSMON = "Microsoft-Windows-Sysmon/Operational"
SECURITY = "Security"
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


def recognises(value: Json) -> bool:
    return (
        "winlog" in value
        or (isinstance(value.get("Event"), dict) and "System" in value["Event"])
        or ("EventID" in value and ("Channel" in value or "SourceName" in value))
    )


def parse(value: Json) -> Parsed:
    """Raises Unreadable with FIELDS_MISSING when neither channel nor event id can be found."""
    if isinstance(value.get("Event"), dict):
        return _from_evtx(value["Event"])
    if "winlog" in value:
        return _from_winlogbeat(value)
    return _from_flat(value)


def _from_evtx(event: Json) -> Parsed:
    system = object_at(event, "System")
    fields: dict[str, Any] = {}
    for name in ("EventData", "UserData"):
        fields.update(_event_data(event.get(name)))
    provider = _attributes(system.get("Provider"))
    fields.setdefault("Level", _text(system.get("Level")))
    fields.setdefault("Keywords", _text(system.get("Keywords")))
    return _record(
        fields,
        channel=text_of(system.get("Channel")),
        event_id=_text(system.get("EventID")),
        provider=text_of(provider.get("Name")),
        host=text_of(system.get("Computer")),
        record_id=_text(system.get("EventRecordID")),
        clocks=(_attributes(system.get("TimeCreated")).get("SystemTime"), fields.get("UtcTime")),
    )


def _from_winlogbeat(value: Json) -> Parsed:
    winlog = object_at(value, "winlog")
    fields = _event_data(winlog.get("event_data")) | _event_data(winlog.get("user_data"))
    if value.get("message"):
        fields.setdefault("Message", value["message"])
    return _record(
        fields,
        channel=text_of(winlog.get("channel")),
        event_id=text_of(winlog.get("event_id") or object_at(value, "event").get("code")),
        provider=text_of(winlog.get("provider_name")),
        host=text_of(winlog.get("computer_name")) or text_of(object_at(value, "host").get("name")),
        record_id=text_of(winlog.get("record_id")),
        clocks=(value.get("@timestamp"), fields.get("UtcTime")),
    )


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
    provider = text_of(value.get("SourceName") or value.get("ProviderName"))
    host = text_of(value.get("Hostname")) or text_of(value.get("Computer"))
    if number in _SYSMON_EVENT_TYPE_IDS:
        _restore_event_type(value, channel, number)
    _name(value, channel, number, provider, host)
    return value


def _from_flat(value: Json) -> Parsed:
    fields = flatten(value)
    channel, event_id = text_of(value.get("Channel")), text_of(value.get("EventID"))
    _restore_event_type(fields, channel, event_id)
    return _record(
        fields,
        channel=channel,
        event_id=event_id,
        provider=text_of(value.get("SourceName") or value.get("ProviderName")),
        host=text_of(value.get("Hostname")) or text_of(value.get("Computer")),
        record_id=text_of(value.get("RecordNumber") or value.get("EventRecordID")),
        # NXLog's EventTime is local to the sender and names no zone, so it comes last.
        clocks=(value.get("UtcTime"), value.get("@timestamp"), value.get("TimeCreated"), value.get("EventTime")),
    )


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
        for native, common in _PROCESS_CREATION.items():
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
    return text_of(value.get("#text")) if isinstance(value, dict) else text_of(value)
