"""Windows events and those of Sysmon for Linux as XML, one event a piece (Microsoft, "Event Schema").

Splunk's `XmlWinEventLog`, `wevtutil` and Sysmon for Linux write them so, the last within a line of syslog. What the XML
says is handed on in the shape of a converted EVTX file. There is no use for document types and entities of their own,
and so they are refused unread.
"""

import re
from typing import Any
from xml.etree import ElementTree as ET

from services.detections.config import MAX_FIELDS_PER_RECORD, MAX_NESTING
from services.detections.domain.formats import windows
from services.detections.domain.formats.records import Parsed, Reason, Unreadable

START = re.compile(rb"<Event[\s>]")
END = b"</Event>"
_LOOKED_AT = 1_024
"""Bytes in which an event has to begin, after whatever syslog wrote before it."""
_REFUSED = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def recognises(line: bytes) -> bool:
    return START.search(line, 0, _LOOKED_AT) is not None and line.rstrip().endswith(END)


def parse(line: bytes) -> Parsed:
    """Raises Unreadable with NOT_UTF8, NOT_XML, TOO_MANY_FIELDS, NESTED_TOO_DEEPLY or FIELDS_MISSING."""
    start = START.search(line, 0, _LOOKED_AT)
    if start is None:
        raise Unreadable(Reason.FIELDS_MISSING)
    try:
        text = line[start.start() :].decode()
    except UnicodeDecodeError:
        raise Unreadable(Reason.NOT_UTF8) from None
    if _REFUSED.search(line):
        raise Unreadable(Reason.NOT_XML)
    try:
        root = ET.fromstring(text)  # noqa: S314  # Without a document type there is nothing to expand.
    except ET.ParseError:
        raise Unreadable(Reason.NOT_XML) from None
    if sum(1 for _ in root.iter()) > MAX_FIELDS_PER_RECORD:
        raise Unreadable(Reason.TOO_MANY_FIELDS)
    event: dict[str, Any] = {}
    for element in root:
        match _name(element):
            case "System":
                event["System"] = {_name(child): _value(child) for child in element}
            case "EventData" | "UserData" as section:
                event[section] = _section(element, MAX_NESTING)
            case "RenderingInfo":
                event["Message"] = next((child.text for child in element if _name(child) == "Message"), None)
            case _:
                pass
    return windows.parse({"Event": {"System": {}, **event}})


def _section(element: ET.Element, depth: int) -> dict[str, Any]:
    """Named data by their names, unnamed ones as a list under `Data`, and elements of other names with what they hold.

    Of several elements of one name all texts are kept, as a list.
    """
    if depth == 0:
        raise Unreadable(Reason.NESTED_TOO_DEEPLY)
    found: dict[str, Any] = {}
    for child in element:
        name = child.get("Name") if _name(child) in ("Data", "ComplexData") else _name(child)
        value: Any = _section(child, depth - 1) if len(child) else child.text or ""
        if name is None:
            # One that is called so by its name may be there beside them.
            name, value = "Data", [value]
        found[name] = [*_listed(found[name]), *_listed(value)] if name in found else value
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _value(element: ET.Element) -> Any:
    text = element.text or ""
    return {"#attributes": dict(element.attrib), "#text": text} if element.attrib else text


def _name(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]
