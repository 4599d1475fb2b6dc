"""Syslog lines after RFC 5424 and RFC 3164, as files hold them too: without priority, with an ISO 8601 clock.

RFC 3164 names neither year nor zone. The year is the latest that does not lie ahead of when the batch was received; the
zone is taken as UTC.
"""

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from services.detections.config import MAX_CLOCK_AHEAD
from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.records import Parsed, Reason, Source, Unreadable

_PRIORITY = r"(?:<(?P<priority>\d{1,3})>)"
_NEW = re.compile(
    _PRIORITY + r"1 (?P<clock>\S{1,40}) (?P<host>\S{1,255}) (?P<program>\S{1,48}) (?P<pid>\S{1,128}) (?P<id>\S{1,32}) "
    r"(?P<rest>[-\[].*)$",
    re.DOTALL,
)
_OLD = re.compile(
    _PRIORITY + r"?(?P<clock>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,30}) (?P<host>\S{1,255}) "
    r"(?P<program>[^\s:\[]{1,64})(?:\[(?P<pid>[^\]\s]{1,32})\])?: ?(?P<message>.*)$",
    re.DOTALL,
)
_BARE = re.compile(_PRIORITY + r"(?P<message>.*)$", re.DOTALL)
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if name}
_ELEMENT = re.compile(r"\[(?P<id>[^ =\]\"]{1,64})(?P<parameters>(?: [^ =\]\"]{1,64}=\"(?:[^\"\\]|\\.)*+\")*+)\]")
_PARAMETER = re.compile(r' ([^ =\]"]{1,64})="((?:[^"\\]|\\.)*+)"')
_SUDO = re.compile(r"(?:^|; )([A-Z]+)=([^;]*?) ?(?=;|$)")
_START = re.compile(rb"^(?:<\d{1,3}>|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d |\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,16} \S)")
_HIGHEST_PRIORITY = 191


def recognises(line: bytes) -> bool:
    return _START.match(line) is not None


def parse(line: bytes, received_at: datetime | None) -> Parsed:
    """Raises Unreadable with NOT_UTF8 or FIELDS_MISSING. Without `received_at` a clock that has no year is unread."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise Unreadable(Reason.NOT_UTF8) from None
    match = _NEW.match(text) or _OLD.match(text) or _BARE.match(text)
    if match is None:
        raise Unreadable(Reason.FIELDS_MISSING)
    named = match.groupdict()
    fields: dict[str, Any] = {}
    if named["priority"] is not None:
        if (priority := int(named["priority"])) > _HIGHEST_PRIORITY:
            raise Unreadable(Reason.FIELDS_MISSING)
        fields |= {"facility": str(priority // 8), "severity": str(priority % 8)}
    message = named.get("message")
    if message is None:
        message = _structured(named["rest"], fields)
    for name, value in (("hostname", "host"), ("program", "program"), ("pid", "pid"), ("msgid", "id")):
        if named.get(value) not in (None, "-"):
            fields[name] = named[value]
    fields["message"] = message
    if fields.get("program") == "sudo":
        fields |= {name: value for name, value in _SUDO.findall(message.partition(":")[2]) if name not in fields}
    moment = clock(named.get("clock") or "", received_at)
    return Parsed(Source.SYSLOG, moment, fields.get("hostname", ""), "", "", fields, text=message)


def clock(text: str, received_at: datetime | None) -> datetime | None:
    """The instant of `Oct 11 22:14:15` or of an ISO 8601 text."""
    month = _MONTHS.get(text[:3])
    if month is None:
        return read_clock(text)
    if received_at is None:
        return None
    day, hour, minute, second = int(text[4:6]), int(text[7:9]), int(text[10:12]), int(text[13:15])
    # Four years reach a 29th of February from anywhere.
    for year in range(received_at.year + 1, received_at.year - 4, -1):
        try:
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            continue
        if moment <= received_at + max(MAX_CLOCK_AHEAD, timedelta(0)):
            return moment
    return None


def _structured(rest: str, fields: dict[str, Any]) -> str:
    """Reads the structured data of RFC 5424 into `fields` as `<id>.<name>`; answers the message after it."""
    if rest.startswith("-"):
        return rest[1:].lstrip(" ").removeprefix("\ufeff")
    at = 0
    while element := _ELEMENT.match(rest, at):
        at = element.end()
        for name, value in _PARAMETER.findall(element["parameters"]):
            fields[f"{element['id']}.{name}"] = re.sub(r"\\([\"\\\]])", r"\1", value)
    if at == 0:
        raise Unreadable(Reason.FIELDS_MISSING)
    return rest[at:].lstrip(" ").removeprefix("\ufeff")
