"""Linux audit events as JSON, one object an event, as LAUREL writes them: each kind of line is an object by its name.

Source: LAUREL's documentation of its log format. `ARGV` lists a command's arguments; lines that an event has several of
are a list; hexadecimal values are decoded already. The fields are those that `auditd` makes of the lines themselves.
"""

import re
from typing import Any

from services.detections.domain.formats import auditd
from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, scalar, text_of
from services.detections.domain.formats.records import Parsed, Source

_ID = re.compile(r"[0-9]{1,12}\.[0-9]{3}:[0-9]{1,20}")
_KIND = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
_ARGUMENTS, _COMMAND = "ARGV", "EXECVE"


def recognises(value: Json) -> bool:
    return _ID.fullmatch(text_of(value.get("ID"))) is not None and any(map(_is_line, value.items()))


def parse(value: Json) -> Parsed:
    fields: dict[str, Any] = {}
    arguments: dict[int, str] = {}
    for kind, lines in filter(_is_line, value.items()):
        auditd.gather(fields, "type", kind)
        for line in lines if isinstance(lines, list) else [lines]:
            for name, item in line.items():
                if kind == _COMMAND and name == _ARGUMENTS and isinstance(item, list):
                    arguments |= {place: text_of(each) for place, each in enumerate(item)}
                elif name != _ARGUMENTS:
                    auditd.gather(fields, name, item if isinstance(item, str) else str(scalar(item)))
    auditd.as_command(fields, arguments)
    identity = text_of(value["ID"])
    node = text_of(value.get("NODE"))
    return Parsed(Source.AUDITD, read_clock(identity.partition(":")[0]), node, "", f"{node}|{identity}", fields)


def _is_line(named: tuple[str, Any]) -> bool:
    name, item = named
    lines = item if isinstance(item, list) else [item]
    return _KIND.fullmatch(name) is not None and bool(lines) and all(isinstance(line, dict) for line in lines)
