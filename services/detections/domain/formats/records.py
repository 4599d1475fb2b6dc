"""What is read out of telemetry: a record, or something put aside with a stable reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Source(StrEnum):
    WINDOWS = "windows"
    WAZUH = "wazuh"
    SURICATA = "suricata"
    AIT = "ait"
    CLOUDTRAIL = "cloudtrail"
    AUDITD = "auditd"
    SYSLOG = "syslog"
    ZEEK = "zeek"
    OKTA = "okta"
    MICROSOFT_365 = "microsoft_365"
    ENTRA = "entra"
    KUBERNETES = "kubernetes"
    CEF = "cef"
    OCSF = "ocsf"
    MAPPED = "mapped"
    """Read by a declared mapping, which names the log source."""
    GENERIC = "generic"
    """Of no format that is known, sent by a shipper that wrapped it."""


class Reason(StrEnum):
    """Why something was put aside. The names stay: reports and sensors' owners act on them."""

    NOT_UTF8 = "NOT_UTF8"
    NOT_JSON = "NOT_JSON"
    NOT_XML = "NOT_XML"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    NESTED_TOO_DEEPLY = "NESTED_TOO_DEEPLY"
    INVALID_UNICODE = "INVALID_UNICODE"
    RECORD_TOO_LONG = "RECORD_TOO_LONG"
    TOO_MANY_FIELDS = "TOO_MANY_FIELDS"
    FORMAT_UNKNOWN = "FORMAT_UNKNOWN"
    FIELDS_MISSING = "FIELDS_MISSING"
    ARCHIVE_CORRUPT = "ARCHIVE_CORRUPT"
    ARCHIVE_TRUNCATED = "ARCHIVE_TRUNCATED"
    ARCHIVE_TOO_LARGE = "ARCHIVE_TOO_LARGE"
    ARCHIVE_ENCRYPTED = "ARCHIVE_ENCRYPTED"
    ARCHIVE_NAME_UNSAFE = "ARCHIVE_NAME_UNSAFE"
    ARCHIVE_NESTED = "ARCHIVE_NESTED"
    ARCHIVE_METHOD_REFUSED = "ARCHIVE_METHOD_REFUSED"


class Unreadable(Exception):
    """Raised by a parser for one record; carries the reason under which it is put aside."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Piece:
    """One record's bytes as cut out of a batch, or why there are none. `sample` holds at most the limit's bytes."""

    data: bytes
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where a record is from in Sigma's words, for records that cannot tell by themselves; parts may be empty."""

    product: str = ""
    category: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """What another product had to say: its signature as a rule, and between whom.

    `severity_id` after OCSF, 0 when the product does not tell. `is_anomaly` where the product has no signature of what
    it saw, and reports what deviates from what it has learnt.
    """

    rule_id: str
    title: str
    severity_id: int
    techniques: tuple[str, ...] = ()
    source_address: str = ""
    destination_address: str = ""
    is_anomaly: bool = False


@dataclass(slots=True)
class Record:
    """One telemetry record. `offset` is its 0-based number in the batch, `key` what tells it from all others.

    `fields` are the log source's own, by the names that Sigma rules use. `occurred_at` is None when the record has no
    readable clock. `host` and `address` are as the record names them, empty when it does not.
    """

    offset: int
    source: Source
    occurred_at: datetime | None
    host: str
    address: str
    key: bytes
    fields: Mapping[str, Any]
    alert: Alert | None = None
    text: str = ""
    logsource: LogSource | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A record without its place: what one format's parser makes of one JSON object or CSV row.

    `identity` is the source's own record identifier, empty where the format has none.
    """

    source: Source
    occurred_at: datetime | None
    host: str
    address: str
    identity: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    alert: Alert | None = None
    text: str = ""
    logsource: LogSource | None = None
