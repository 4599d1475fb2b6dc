"""Between what people type and what the wire holds: enumerations, times, labels, digests of content."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.common.v1 import common_pb2 as common

from infra.cli.problems import UsageProblem

_SPAN = re.compile(r"^(\d{1,6})([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LABELS = {
    "red": common.LABEL_RED,
    "amber+strict": common.LABEL_AMBER_STRICT,
    "amber": common.LABEL_AMBER,
    "green": common.LABEL_GREEN,
    "clear": common.LABEL_CLEAR,
}


def word(enum: Any, value: int) -> str:
    """`malicious` for VERDICT_MALICIOUS; empty for the unspecified value; the number for one that is not known."""
    if value == 0:
        return ""
    try:
        name = str(enum.Name(value))
    except ValueError:
        return str(value)
    return name.removeprefix(_prefix(enum)).lower()


def value_of(enum: Any, text: str, *, what: str) -> Any:
    """The other way. `what` names the thing in the message. Raises UsageProblem."""
    wanted = text.strip().lower().replace("-", "_")
    for value in enum.values():
        if value and word(enum, value) == wanted:
            return value
    known = ", ".join(words(enum))
    raise UsageProblem(f"{text!r} is no {what}.", hint=f"it is one of {known}.")


def value_or_none(enum: Any, text: str, *, what: str) -> Any:
    """The same, and None for an empty text. Raises UsageProblem."""
    return value_of(enum, text, what=what) if text else None


def words(enum: Any) -> list[str]:
    return [word(enum, value) for value in enum.values() if value]


def _prefix(enum: Any) -> str:
    """`VERDICT_` for an enumeration whose value 0 is VERDICT_UNSPECIFIED."""
    return str(enum.Name(0)).removesuffix("UNSPECIFIED")


VERDICTS = ", ".join(words(common.Verdict))


def label(text: str) -> "common.Label.ValueType":
    """Raises UsageProblem."""
    found = LABELS.get(text.lower().removeprefix("tlp:").replace("_", "+"))
    if found is None:
        raise UsageProblem(f"{text!r} is no TLP 2.0 label.", hint=f"it is one of {', '.join(LABELS)}.")
    return found


def label_name(value: int) -> str:
    return next((f"TLP:{name.upper()}" for name, found in LABELS.items() if found == value), "")


def moment(text: str) -> Timestamp:
    """An ISO time with an offset or `Z`, or a span from now such as `30m`, `4h`, `7d`. Raises UsageProblem."""
    span = _SPAN.match(text)
    if span:
        return timestamp(datetime.now(UTC) + timedelta(**{_UNITS[span[2]]: int(span[1])}))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UsageProblem(f"{text!r} is no time.", hint="write 2026-12-01T08:00:00+01:00, or a span such as 4h.")
    return timestamp(found)


def timestamp(time: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(time)
    return made


def time_of(value: Timestamp) -> str:
    """`2026-11-24 06:31:07Z`; empty for a time that is not there."""
    if value.seconds == 0 and value.nanos == 0:
        return ""
    return f"{value.ToDatetime(UTC):%Y-%m-%d %H:%M:%SZ}"


def sealed(text: common.SealedText) -> str:
    """What a sealed text shows, or why it shows nothing."""
    if text.erased:
        return "(erased)"
    if text.withheld:
        return "(withheld)"
    return text.value
