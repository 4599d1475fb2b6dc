"""The objects of each class, from a record's own fields. What a record does not say is left out, unless required."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.detections.domain.formats.records import Record
from services.detections.domain.ocsf.schema import ClassUid

OTHER = 99
_RULE, _BEHAVIOURAL = 1, 2
"""`analytic.type_id`: the product recognised something, or found it unlike what it has learnt."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is particular to an event's class. `activity_id` is of that class; 0 unknown, 99 other."""

    class_uid: ClassUid
    activity_id: int
    objects: Mapping[str, Any]


def process_start(record: Record) -> Body:
    return _system(ClassUid.PROCESS_ACTIVITY, 1, record, process=_process(record, "Image", "CommandLine", "ProcessId"))


def process_end(record: Record) -> Body:
    return _system(ClassUid.PROCESS_ACTIVITY, 2, record, process=_process(record, "Image", "CommandLine", "ProcessId"))


def module_load(record: Record) -> Body:
    return _system(ClassUid.MODULE_ACTIVITY, 1, record, module={"file": _file(_text(record, "ImageLoaded"))})


def driver_load(record: Record) -> Body:
    driver = {"file": _file(_text(record, "ImageLoaded"))}
    return _system(ClassUid.KERNEL_EXTENSION_ACTIVITY, 1, record, driver=driver)


def file_activity(record: Record) -> Body:
    """Created, or deleted (Sysmon's 23 and 26)."""
    activity = 4 if str(record.fields.get("EventID")) in ("23", "26") else 1
    return _system(ClassUid.FILE_ACTIVITY, activity, record, file=_file(_text(record, "TargetFilename")))


def logon(record: Record, event_id: str) -> Body:
    activity = 1 if event_id in ("4624", "4625") else 2
    objects = {
        "user": _user(_text(record, "TargetUserName") or "unknown"),
        "status_id": 2 if event_id == "4625" else 1,
        **_endpoints(_text(record, "IpAddress"), "", "", ""),
    }
    return Body(ClassUid.AUTHENTICATION, activity, objects)


def authentication(record: Record) -> Body:
    """What sshd says. Whether it let somebody in is in its message."""
    message = _text(record, "message")
    failed = message.startswith(("Failed", "Invalid"))
    words = message.replace("invalid user ", "").split(" ")
    name = words[words.index("for") + 1] if "for" in words[:-1] else "unknown"
    status = 2 if failed else 1 if message.startswith("Accepted") else 0
    return Body(ClassUid.AUTHENTICATION, 1 if status else 0, {"user": _user(name), "status_id": status})


def network_activity(record: Record) -> Body:
    return Body(ClassUid.NETWORK_ACTIVITY, OTHER, {"activity_name": "Traffic", **_connection(record)})


def http_request(record: Record) -> Body:
    method = _text(record, "cs-method", "http.http_method").upper()
    url = _text(record, "c-uri", "http.url")
    activities = {"CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8}
    request = {
        "http_method": method,
        "url": {"url_string": url, "hostname": _text(record, "cs-host", "http.hostname")},
        "user_agent": _text(record, "c-useragent", "http.http_user_agent"),
    }
    objects: dict[str, Any] = {"http_request": request, **_connection(record)}
    if (code := _number(record, "sc-status", "http.status")) is not None:
        objects["http_response"] = {"code": code}
    return Body(ClassUid.HTTP_ACTIVITY, activities.get(method, 0), objects)


def dns_query(record: Record) -> Body:
    query = {"hostname": _text(record, "query", "QueryName", "dns.rrname"), "type": _text(record, "record_type")}
    return Body(ClassUid.DNS_ACTIVITY, 1, {"query": query, **_connection(record)})


def api_call(record: Record) -> Body:
    operation = _text(record, "eventName", "eventType", "Operation", "OperationName", "operationName", "verb")
    name = _text(
        record, "userIdentity.arn", "actor.alternateId", "UserId", "userPrincipalName", "user.username", "identity"
    )
    objects = {
        "api": {"operation": operation or "unknown", "service": {"name": _text(record, "eventSource", "Workload")}},
        "actor": {"user": _user(name or "unknown")},
        "src_endpoint": {"ip": record.address} if record.address else {"name": "unknown"},
    }
    return Body(ClassUid.API_ACTIVITY, OTHER, {"activity_name": operation or "unknown", **objects})


def finding(record: Record) -> Body:
    alert = record.alert
    if alert is None:
        raise ValueError("only a record with an alert is a finding")
    info: dict[str, Any] = {
        "uid": record.key.hex(),
        "title": alert.title,
        "analytic": {"uid": alert.rule_id, "name": alert.title, "type_id": _BEHAVIOURAL if alert.is_anomaly else _RULE},
    }
    if alert.techniques:
        info["attacks"] = [{"technique": {"uid": technique}} for technique in alert.techniques]
    evidence = _endpoints(alert.source_address, "", alert.destination_address, "")
    return Body(
        ClassUid.DETECTION_FINDING, 1, {"finding_info": info, **({"evidences": [evidence]} if evidence else {})}
    )


def _system(class_uid: ClassUid, activity: int, record: Record, **objects: Any) -> Body:
    """Classes of system activity require an actor, the process or user that did it, and the device."""
    actor: dict[str, Any] = {"user": _user(_text(record, "User", "SubjectUserName", "auid") or "unknown")}
    is_process = class_uid is ClassUid.PROCESS_ACTIVITY
    image, command = ("ParentImage", "ParentCommandLine") if is_process else ("Image", "CommandLine")
    process = _process(record, image, command, "ParentProcessId" if is_process else "ProcessId")
    if len(process) > 1 or "file" in process:
        actor["process"] = process
    return Body(class_uid, activity, {"actor": actor, "device": {"hostname": record.host or "unknown"}, **objects})


def _process(record: Record, image: str, command: str, pid: str) -> dict[str, Any]:
    process: dict[str, Any] = {}
    if path := _text(record, image):
        process["file"] = _file(path)
        process["name"] = process["file"]["name"]
    if line := _text(record, command):
        process["cmd_line"] = line
    if (number := _number(record, pid)) is not None:
        process["pid"] = number
    return process or {"name": "unknown"}


def _file(path: str) -> dict[str, Any]:
    name = path.replace("\\", "/").rpartition("/")[2]
    return {"path": path, "name": name or "unknown", "type_id": 1} if path else {"name": "unknown", "type_id": 0}


def _user(name: str) -> dict[str, str]:
    return {"name": name}


def _connection(record: Record) -> dict[str, Any]:
    return _endpoints(
        _text(record, "SourceIp", "id.orig_h", "src_ip"),
        _text(record, "SourcePort", "id.orig_p", "src_port"),
        _text(record, "DestinationIp", "id.resp_h", "dest_ip"),
        _text(record, "DestinationPort", "id.resp_p", "dest_port"),
    )


def _endpoints(source: str, source_port: str, destination: str, destination_port: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, ip, port in (
        ("src_endpoint", source, source_port),
        ("dst_endpoint", destination, destination_port),
    ):
        if ip and ip != "-":
            found[name] = {"ip": ip, **({"port": int(port)} if _is_number(port) else {})}
    return found


def _text(record: Record, *names: str) -> str:
    """The first of these fields that has a plain value; of a list its first member."""
    for name in names:
        value = record.fields.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        if value not in (None, "") and not isinstance(value, dict):
            return str(value)
    return ""


def _number(record: Record, *names: str) -> int | None:
    text = _text(record, *names)
    if _is_number(text):
        return int(text)
    # The security log writes process numbers as 0x1a4.
    try:
        return int(text, 16) if text.startswith("0x") and len(text) < 20 else None
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
