"""ArcSight's Common Event Format, alone or within a syslog line: seven header fields between bars, then extensions.

Source: "Implementing ArcSight Common Event Format", headers escape `|` and `\\`, extensions escape `=` and `\\`.
"""

import re
from datetime import datetime
from itertools import zip_longest
from typing import Any

from services.detections.config import MAX_FIELDS_PER_RECORD
from services.detections.domain.formats import syslog
from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.records import Parsed, Reason, Source, Unreadable

_START = re.compile(rb"CEF: ?[01]\|")
_WHOLE = re.compile(r"CEF: ?(\d)\|" + r"((?:[^|\\]|\\.)*+)\|" * 6 + r"(.*)$", re.DOTALL)
_KEY = re.compile(r"(?:^|(?<= ))([A-Za-z0-9_.\-\[\]]{1,128})=")
_ESCAPED = re.compile(r"\\([|\\=nr])")
_HEADERS = ("DeviceVendor", "DeviceProduct", "DeviceVersion", "DeviceEventClassID", "Name", "Severity")
_LABELLED = re.compile(r"^(c[sn]\d|cfp\d|flexString\d|deviceCustomDate\d)Label$")
_LOOKED_AT = 1_024
"""Bytes in which a CEF header has to begin, after whatever syslog wrote before it."""
_COMMON = {
    "src": "src_ip",
    "dst": "dst_ip",
    "spt": "src_port",
    "dpt": "dst_port",
    "act": "action",
    "request": "c-uri",
    "requestClientApplication": "c-useragent",
    "requestMethod": "cs-method",
    "fname": "Filename",
}
"""The names of Sigma's categories firewall, proxy and antivirus beside CEF's own."""


def recognises(line: bytes) -> bool:
    return _START.search(line, 0, _LOOKED_AT) is not None


def parse(line: bytes, received_at: datetime | None) -> Parsed:
    """Raises Unreadable with NOT_UTF8, FIELDS_MISSING or TOO_MANY_FIELDS."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise Unreadable(Reason.NOT_UTF8) from None
    at = text.find("CEF:")
    match = _WHOLE.match(text, at)
    if match is None:
        raise Unreadable(Reason.FIELDS_MISSING)
    fields: dict[str, Any] = {name: _unescaped(match[2 + at]) for at, name in enumerate(_HEADERS)}
    fields |= _extensions(match[8])
    for native, common in _COMMON.items():
        if native in fields:
            fields.setdefault(common, fields[native])
    if fields["Name"]:
        fields.setdefault("Signature", fields["Name"])
    host, before = _wrapped(text[:at], received_at)
    moment = next(
        (found for name in ("rt", "end", "start") if (found := _clock(fields.get(name), received_at))), before
    )
    return Parsed(
        Source.CEF,
        moment,
        _first(fields, "dhost", "dvchost", "shost") or host,
        _first(fields, "dst", "dvc", "src"),
        "",
        fields,
        text=fields["Name"],
    )


def _extensions(text: str) -> dict[str, str]:
    keys = list(_KEY.finditer(text))
    if len(keys) > MAX_FIELDS_PER_RECORD:
        raise Unreadable(Reason.TOO_MANY_FIELDS)
    fields = {
        key[1]: _unescaped(text[key.end() : following.start() if following else len(text)].rstrip())
        for key, following in zip_longest(keys, keys[1:])
    }
    for name, label in list(fields.items()):
        # `cs1Label=Rule cs1=block` is the sender's way to name a field of its own.
        custom = _LABELLED.match(name)
        if custom and label and custom[1] in fields:
            fields.setdefault(label, fields[custom[1]])
    return fields


def _wrapped(prefix: str, received_at: datetime | None) -> tuple[str, datetime | None]:
    """Host and clock of the syslog line around it; empty without one."""
    words = prefix.split(" ")
    start = re.sub(r"^<\d{1,3}>1? ?", "", prefix)
    moment = syslog.clock(start[:15], received_at) if start[:3].isalpha() and len(start) > 15 else None
    if moment is not None:
        return start[16:].split(" ")[0], moment
    for at, word in enumerate(words[:3]):
        if (moment := read_clock(re.sub(r"^<\d{1,3}>", "", word))) and at + 1 < len(words):
            return words[at + 1], moment
    return "", None


def _clock(value: object, received_at: datetime | None) -> datetime | None:
    """CEF writes milliseconds, or `MMM dd yyyy HH:mm:ss` with or without the year."""
    found = read_clock(value)
    if found is not None or not isinstance(value, str):
        return found
    with_year = re.match(r"^([A-Z][a-z]{2}) (\d\d) (\d{4}) (\d\d:\d\d:\d\d)", value)
    if with_year:
        month, day, year, time = with_year.groups()
        number = "JanFebMarAprMayJunJulAugSepOctNovDec".find(month) // 3 + 1
        return read_clock(f"{year}-{number:02}-{day}T{time}Z")
    return syslog.clock(value, received_at) if re.match(r"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d$", value) else None


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), text)


def _first(fields: dict[str, Any], *names: str) -> str:
    return next((fields[name] for name in names if fields.get(name)), "")
