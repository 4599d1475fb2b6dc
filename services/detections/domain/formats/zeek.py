"""Zeek's logs, as tab-separated values with their header and as JSON (Zeek's documentation, "Zeek log formats").

`path` (conn, dns, http, …) is the service of Sigma's log source. A JSON log written without `_path` is told by the
fields that only it has.
"""

from collections.abc import Mapping
from typing import Any

from services.detections.config import MAX_FIELDS_PER_RECORD
from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, flatten, text_of
from services.detections.domain.formats.records import Parsed, Reason, Source, Unreadable

_TOLD_BY = (
    ("conn_state", "conn"),
    ("qtype_name", "dns"),
    ("rcode", "dns"),
    ("status_code", "http"),
    ("user_agent", "http"),
    ("resp_mime_types", "http"),
    ("share_type", "smb_mapping"),
    ("request_type", "kerberos"),
    ("certificate.serial", "x509"),
    ("fuid", "files"),
    ("cipher", "ssl"),
    ("server_name", "ssl"),
    ("hassh", "ssh"),
    ("auth_success", "ssh"),
    ("domainname", "ntlm"),
    ("endpoint", "dce_rpc"),
    ("security_protocol", "rdp"),
    ("note", "notice"),
    ("mailfrom", "smtp"),
    ("assigned_addr", "dhcp"),
    ("action", "smb_files"),
)
_COMMON: Mapping[str, Mapping[str, str]] = {
    "dns": {"query": "query", "qtype_name": "record_type", "answers": "answer"},
    "http": {
        "uri": "c-uri",
        "user_agent": "c-useragent",
        "method": "cs-method",
        "host": "cs-host",
        "status_code": "sc-status",
        "id.resp_h": "dst_ip",
    },
    "conn": {"id.orig_h": "src_ip", "id.resp_h": "dst_ip", "id.resp_p": "dst_port", "id.orig_p": "src_port"},
}
"""The names of Sigma's generic categories dns, proxy and firewall beside Zeek's own."""


class Header:
    """What the lines that begin with `#` have said of the rows after them."""

    def __init__(self) -> None:
        self._separator, self._set_separator = "\t", ","
        self._empty, self._unset = "(empty)", "-"
        self._path = ""
        self._fields: tuple[str, ...] = ()
        self._types: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return bool(self._fields)

    def take(self, line: bytes) -> None:
        """Raises Unreadable with NOT_UTF8 or TOO_MANY_FIELDS."""
        text = _decoded(line)
        if text.startswith("#separator "):
            # Its value is written as `\x09`.
            escaped = text.removeprefix("#separator ").strip()
            self._separator = _separator(escaped)
            self._fields = ()
            return
        name, _, value = text.partition(self._separator)
        match name:
            case "#set_separator":
                self._set_separator = value or ","
            case "#empty_field":
                self._empty = value
            case "#unset_field":
                self._unset = value
            case "#path":
                self._path = value
            case "#fields":
                self._fields = tuple(value.split(self._separator))
                if len(self._fields) > MAX_FIELDS_PER_RECORD:
                    raise Unreadable(Reason.TOO_MANY_FIELDS)
            case "#types":
                self._types = tuple(value.split(self._separator))
            case _:
                pass

    def row(self, line: bytes) -> Parsed:
        """Raises Unreadable with NOT_UTF8, or FIELDS_MISSING when the row has not as many columns as the header."""
        values = _decoded(line).split(self._separator)
        if len(values) != len(self._fields):
            raise Unreadable(Reason.FIELDS_MISSING)
        types = self._types if len(self._types) == len(values) else ("string",) * len(values)
        fields = {
            name: self._value(value, kind)
            for name, value, kind in zip(self._fields, values, types, strict=True)
            if value != self._unset
        }
        return _parsed(fields, self._path)

    def _value(self, value: str, kind: str) -> Any:
        if kind.startswith(("set[", "vector[")):
            return [] if value == self._empty else value.split(self._set_separator)
        if value == self._empty:
            return ""
        return value == "T" if kind == "bool" else value


def is_header(line: bytes) -> bool:
    return line.startswith(
        (b"#separator ", b"#fields\t", b"#path\t", b"#set_separator", b"#empty_field", b"#unset_field")
    )


def is_comment(line: bytes) -> bool:
    """A header's line or what closes a log: nothing that could be a record."""
    return is_header(line) or line.startswith((b"#types", b"#open", b"#close"))


def recognises(value: Json) -> bool:
    return "ts" in value and ("_path" in value or "uid" in value or "fuid" in value or "id.orig_h" in value)


def parse(value: Json) -> Parsed:
    fields = flatten(value)
    path = text_of(value.get("_path")) or next((path for name, path in _TOLD_BY if name in fields), "")
    return _parsed(fields, path)


def _parsed(fields: dict[str, Any], path: str) -> Parsed:
    for native, common in _COMMON.get(path, {}).items():
        if native in fields:
            fields.setdefault(common, fields[native])
    fields["_path"] = path
    host = text_of(fields.get("id.orig_h") or fields.get("host"))
    # The uid names a connection, which several records share: it is no identity of a record.
    return Parsed(Source.ZEEK, read_clock(fields.get("ts")), "", host, "", fields)


def _separator(escaped: str) -> str:
    if escaped.startswith("\\x") and len(escaped) == 4:
        try:
            return chr(int(escaped.removeprefix("\\x"), 16))
        except ValueError:
            return "\t"
    return escaped or "\t"


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise Unreadable(Reason.NOT_UTF8) from None
