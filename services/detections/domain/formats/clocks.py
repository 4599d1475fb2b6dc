"""Reads the clocks of telemetry. A clock without a zone is taken as UTC, which is what these sources mean."""

import re
from datetime import UTC, datetime

from services.detections.config import EARLIEST_BELIEVABLE, MAX_CLOCK_AHEAD

_TEXT = re.compile(
    r"^\s*(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?\s*$", re.IGNORECASE
)
_WITHOUT_ZONE = 26
"""Characters of `2026-11-24 06:31:07.123456`, the longest time without a zone that the library reads as it stands."""
_MILLISECONDS_FROM = 100_000_000_000
"""A number of seconds this large would lie beyond the year 5138, so such a number counts milliseconds."""


def read_clock(value: object) -> datetime | None:
    """An instant in UTC from ISO 8601 text or from seconds (or milliseconds) since 1970; None when it is neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _from_seconds(float(value))
    if not isinstance(value, str):
        return None
    match = _TEXT.match(value)
    if match is not None and match[8] is None and len(value) <= _WITHOUT_ZONE:
        try:
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        except ValueError:
            return _from_parts(match)
    if match is None:
        return _from_seconds(float(value)) if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", value) else None
    return _from_parts(match)


def believable(moment: datetime | None, now: datetime) -> bool:
    """Whether a record's clock can be meant: not before the limit, not further ahead of `now` than the limit."""
    return moment is not None and EARLIEST_BELIEVABLE <= moment <= now + MAX_CLOCK_AHEAD


def _from_parts(match: re.Match[str]) -> datetime | None:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = (match[7] or "0").ljust(6, "0")[:6]
    zone = (match[8] or "Z").upper().replace(":", "")
    text = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction}"
    try:
        return datetime.fromisoformat(text + ("+00:00" if zone == "Z" else zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_seconds(seconds: float) -> datetime | None:
    if seconds >= _MILLISECONDS_FROM:
        seconds /= 1000
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
