"""Alerts as CSV in the columns of the AIT Alert Data Set: time, name, ip, host, short, and labels.

The labels say what the recording's authors know about the attack; they are never read, let alone used for detecting.
The format tells no severity, so it stays unknown. A name begins with its product: Wazuh and Suricata have signatures,
AMiner reports what deviates from what it has learnt.
"""

import csv
from collections.abc import Sequence

from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.records import Alert, Parsed, Reason, Source, Unreadable

COLUMNS = ("time", "name", "ip", "host", "short")
_NAMED = frozenset({"time", "name", "ip", "host"})
"""What a header names, as the command line has it; a file without `short` has the name tell its signatures apart."""
_MAX_COLUMNS = 64
_ANOMALY_DETECTOR = "AMiner: "


def is_header(line: bytes) -> bool:
    """Whether a line names the columns of this format, in whatever order."""
    if len(line) > 1024 or b"," not in line:
        return False
    return set(_split(line)) >= _NAMED


def columns_of(line: bytes) -> tuple[str, ...]:
    return tuple(_split(line))


def recognises(line: bytes) -> bool:
    """Whether a line without a header before it can be a row: seconds since 1970, then a name."""
    first, _, rest = line.partition(b",")
    return first.isdigit() and rest.count(b",") >= 3


def parse(line: bytes, columns: Sequence[str]) -> Parsed:
    """Raises Unreadable with NOT_UTF8 or FIELDS_MISSING."""
    row = dict(zip(columns, _split(line), strict=False))
    name, short = row.get("name", "").strip(), row.get("short", "").strip()
    if not name or not any(row.get(column) for column in ("ip", "host")):
        raise Unreadable(Reason.FIELDS_MISSING)
    fields = {column: row[column] for column in COLUMNS if column in row}
    title = name.removeprefix("Suricata: Alert - ")
    return Parsed(
        Source.AIT,
        read_clock(row.get("time")),
        row.get("host", "").strip(),
        row.get("ip", "").strip(),
        "",
        fields,
        Alert(f"ait:{short or name}"[:200], title[:500], 0, is_anomaly=name.startswith(_ANOMALY_DETECTOR)),
        name,
    )


def _split(line: bytes) -> list[str]:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise Unreadable(Reason.NOT_UTF8) from None
    try:
        return next(csv.reader([text], strict=True), [])[:_MAX_COLUMNS]
    except csv.Error:
        raise Unreadable(Reason.FIELDS_MISSING) from None
