"""Linux audit: the lines of one event (`msg=audit(<seconds>:<serial>)`) become one record.

Source of the format: the Linux audit documentation (record types, enriched logs, hex-encoded values).
Sigma's auditd rules name the fields of single lines (`type`, `a0`, `name`, `exe`, `key`); a joined record has each as
a list where several lines bring it, and a list matches when any of its members does.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from services.detections.config import MAX_FIELDS_PER_RECORD, MAX_OPEN_AUDIT_EVENTS, MAX_RECORD_BYTES
from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.records import Parsed, Piece, Reason, Source, Unreadable

_START = re.compile(
    rb"^(?:node=(?P<node>\S{1,255}) )?type=(?P<type>[A-Z0-9_\[\]]{1,64}) msg=audit\((?P<id>[0-9.]{1,24}:[0-9]{1,20})\):"
)
_PAIR = re.compile(r"([A-Za-z0-9_\-]+)=(\"[^\"]*\"|'[^']*'|\S*)")
_HEX = re.compile(r"^(?:[0-9A-F]{2})+$")
_ENCODED = frozenset({"proctitle", "cwd", "name", "comm", "exe", "cmd", "key", "acct"})
"""Fields that the kernel writes in hexadecimal when their value has a space or a quote; so do `a0`… of EXECVE."""
_ARGUMENT = re.compile(r"^a(\d{1,4})$")
_END = "EOE"
_GROUP_SEPARATOR = "\x1d"
_SYSCALLS = {
    "2": "open",
    "41": "socket",
    "42": "connect",
    "49": "bind",
    "56": "clone",
    "59": "execve",
    "82": "rename",
    "87": "unlink",
    "90": "chmod",
    "101": "ptrace",
    "105": "setuid",
    "165": "mount",
    "175": "init_module",
    "257": "openat",
    "263": "unlinkat",
    "313": "finit_module",
    "322": "execveat",
}
"""The numbers of x86-64 (arch c000003e) that rules speak of; enriched logs name all of them themselves."""
_X86_64 = "c000003e"


def recognises(line: bytes) -> bool:
    return line.startswith((b"type=", b"node=")) and _START.match(line) is not None


@dataclass(slots=True)
class _Open:
    lines: list[bytes] = field(default_factory=list)
    size: int = 0


class Joiner:
    """Gathers the lines of audit events; lines of several events may interleave. Holds a bounded number of both."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[bytes, bytes], _Open] = OrderedDict()

    def add(self, line: bytes) -> Iterator[Piece]:
        """Takes a line that `recognises` admits. Yields the events that are complete, or that must make room."""
        start = _START.match(line)
        if start is None:
            yield Piece(line, Reason.FIELDS_MISSING)
            return
        identity = (start["node"] or b"", start["id"])
        if start["type"] == _END.encode():
            event = self._open.pop(identity, None)
            if event is not None:
                yield Piece(b"\n".join(event.lines))
            return
        event = self._open.setdefault(identity, _Open())
        if event.size + len(line) > MAX_RECORD_BYTES:
            yield Piece(b"\n".join(event.lines) or line, Reason.RECORD_TOO_LONG if not event.lines else None)
            event.lines, event.size = [], 0
        event.lines.append(line)
        event.size += len(line) + 1
        while len(self._open) > MAX_OPEN_AUDIT_EVENTS or sum(each.size for each in self._open.values()) > (
            4 * MAX_RECORD_BYTES
        ):
            _, oldest = self._open.popitem(last=False)
            yield Piece(b"\n".join(oldest.lines))

    def finish(self) -> Iterator[Piece]:
        for event in self._open.values():
            yield Piece(b"\n".join(event.lines))
        self._open.clear()


def parse(data: bytes) -> Parsed:
    """One event's lines. Raises Unreadable with NOT_UTF8, FIELDS_MISSING or TOO_MANY_FIELDS."""
    node = event_id = ""
    fields: dict[str, Any] = {}
    arguments: dict[int, str] = {}
    pairs = 0
    for line in data.split(b"\n"):
        start = _START.match(line)
        if start is None:
            raise Unreadable(Reason.FIELDS_MISSING)
        node, event_id = (start["node"] or b"").decode("utf-8", "replace"), start["id"].decode()
        kind = start["type"].decode()
        gather(fields, "type", kind)
        for name, value in _pairs(line[start.end() :], kind):
            pairs += 1
            if pairs > MAX_FIELDS_PER_RECORD:
                raise Unreadable(Reason.TOO_MANY_FIELDS)
            argument = _ARGUMENT.match(name) if kind == "EXECVE" else None
            if argument:
                arguments[int(argument[1])] = value
            elif not (kind == "SYSCALL" and _ARGUMENT.match(name) and name in fields):
                gather(fields, name, value)
    as_command(fields, arguments)
    # The lines themselves are the identity: an event that two batches share comes as two different parts.
    identity = data.decode("utf-8", "replace")
    return Parsed(Source.AUDITD, read_clock(event_id.partition(":")[0]), node, "", identity, fields)


def _pairs(body: bytes, kind: str) -> Iterator[tuple[str, str]]:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Unreadable(Reason.NOT_UTF8) from None
    raw, _, enriched = text.partition(_GROUP_SEPARATOR)
    for name, quoted in _PAIR.findall(raw):
        if quoted.startswith("'"):
            # User space writes its own pairs between single quotes: `msg='op=login acct="root" …'`.
            yield from ((inner, _plain(inner, text, kind)) for inner, text in _PAIR.findall(quoted[1:-1]))
        elif name != "msg":
            yield name, _plain(name, quoted, kind)
    for name, quoted in _PAIR.findall(enriched):
        yield name, quoted.strip('"')


def _plain(name: str, value: str, kind: str) -> str:
    if value.startswith('"'):
        return value[1:-1]
    encoded = name in _ENCODED or (kind == "EXECVE" and _ARGUMENT.match(name))
    if encoded and len(value) > 1 and _HEX.match(value):
        return bytes.fromhex(value).replace(b"\0", b" ").decode("utf-8", "replace")
    return value


def gather(fields: dict[str, Any], name: str, value: str) -> None:
    """Adds what one line says; a field that several lines bring becomes a list of what they say."""
    there = fields.get(name)
    if there is None:
        fields[name] = value
    elif isinstance(there, list):
        if value not in there:
            there.append(value)
    elif there != value:
        fields[name] = [there, value]


def as_command(fields: dict[str, Any], arguments: dict[int, str]) -> None:
    """The names of Sigma's category process_creation beside auditd's own, where a command was run."""
    # The registers of the system call have the same names; the command's arguments are what rules mean.
    fields |= {f"a{number}": value for number, value in sorted(arguments.items())}
    number = fields.get("syscall")
    if "SYSCALL" not in fields and fields.get("arch") == _X86_64 and isinstance(number, str) and number in _SYSCALLS:
        fields["SYSCALL"] = _SYSCALLS[number]
    if not arguments:
        return
    fields["CommandLine"] = " ".join(value for _, value in sorted(arguments.items()))
    for native, common in (("exe", "Image"), ("cwd", "CurrentDirectory"), ("UID", "User"), ("pid", "ProcessId")):
        value = fields.get(native)
        if value is not None:
            fields.setdefault(common, value)
