"""Vulnerability feeds as published, read into what they say of each vulnerability.

KEV: the JSON of CISA's catalogue of known exploited vulnerabilities (`catalogVersion`, `dateReleased`,
`vulnerabilities[].cveID`). EPSS: FIRST's CSV, whose first line is `#model_version:…,score_date:…` and whose columns are
`cve,epss,percentile`; tables with more columns, in another order or case are read as well, and need the date told when
they carry none. Either may be compressed with gzip.
"""

import csv
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from contracts.events.assets import VulnerabilityFeed
from services.assets.config import MAX_FEED_BYTES, MAX_FEED_ENTRIES
from services.assets.domain.errors import FeedTooLarge, FeedUndated, FeedUnreadable

MILLION = 1_000_000
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")
_GZIP = b"\x1f\x8b"
_MAX_VERSION_LENGTH = 64
_MAX_NAME_LENGTH = 500
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class KnownExploited:
    """An entry of the KEV catalogue. Dates are ISO 8601; `ransomware`: known to be used in ransomware campaigns."""

    name: str
    date_added: str
    due_date: str
    ransomware: bool


@dataclass(frozen=True, slots=True)
class FeedContent:
    """A version of a feed. `entries` holds, by CVE identifier, a KnownExploited (KEV) or millionths (EPSS)."""

    feed: VulnerabilityFeed
    version: str
    released_at: datetime
    entries: Mapping[str, KnownExploited | int]


def read_feed(feed: VulnerabilityFeed, data: bytes, released_at: datetime | None) -> FeedContent:
    """`released_at` dates a feed that does not tell its own date. Raises FeedUnreadable, FeedUndated, FeedTooLarge."""
    text = _unpacked(data)
    return _kev(text) if feed is VulnerabilityFeed.KEV else _epss(text, released_at)


def is_cve(identifier: str) -> bool:
    return _CVE.fullmatch(identifier) is not None


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    unpacking = zlib.decompressobj(_GZIP_WINDOW)
    try:
        unpacked = unpacking.decompress(data, MAX_FEED_BYTES)
    except zlib.error as error:
        raise FeedUnreadable("The gzip data is damaged.") from error
    if unpacking.unconsumed_tail:
        raise FeedTooLarge(f"Unpacked it has more than {MAX_FEED_BYTES} bytes.")
    if not unpacking.eof:
        raise FeedUnreadable("The gzip data is cut off.")
    if unpacking.unused_data:
        raise FeedUnreadable("Something follows the gzip data.")
    return unpacked


def _kev(text: bytes) -> FeedContent:
    try:
        catalogue = orjson.loads(text)
        vulnerabilities = catalogue["vulnerabilities"]
        version, released = catalogue["catalogVersion"], catalogue["dateReleased"]
        entries = {item["cveID"]: _known_exploited(item) for item in vulnerabilities}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise FeedUnreadable("This is not a KEV catalogue in JSON.") from error
    if len(entries) > MAX_FEED_ENTRIES:
        raise FeedTooLarge(f"It has more than {MAX_FEED_ENTRIES} entries.")
    strange = next((cve for cve in entries if not isinstance(cve, str) or not is_cve(cve)), None)
    if strange is not None:
        raise FeedUnreadable(f"{str(strange)[:32]!r} is no CVE identifier.")
    if isinstance(vulnerabilities, list) and len(vulnerabilities) != len(entries):
        raise FeedUnreadable("It names a vulnerability twice.")
    if not entries:
        raise FeedUnreadable("It names no vulnerability.")
    return FeedContent(VulnerabilityFeed.KEV, _version(version), _moment(released), entries)


def _known_exploited(item: Mapping[str, object]) -> KnownExploited:
    return KnownExploited(
        name=str(item["vulnerabilityName"])[:_MAX_NAME_LENGTH],
        date_added=str(item["dateAdded"])[:10],
        due_date=str(item.get("dueDate", ""))[:10],
        ransomware=item.get("knownRansomwareCampaignUse") == "Known",
    )


def _epss(text: bytes, released_at: datetime | None) -> FeedContent:
    try:
        lines = io.StringIO(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise FeedUnreadable("This is not a table in UTF-8.") from error
    told: Mapping[str, str] = {}
    first = lines.readline()
    if first.startswith("#"):
        told = dict(part.split(":", 1) for part in first[1:].strip().split(",") if ":" in part)
    else:
        lines.seek(0)
    try:
        entries = dict(_scores(lines))
    except csv.Error as error:
        raise FeedUnreadable(f"The table is damaged: {error}.") from error
    if not entries:
        raise FeedUnreadable("It scores no vulnerability.")
    moment = _moment(told["score_date"]) if "score_date" in told else released_at
    if moment is None:
        raise FeedUndated("The table does not tell its date; say when it was released.")
    version = " ".join((told.get("model_version", ""), moment.date().isoformat())).strip()
    return FeedContent(VulnerabilityFeed.EPSS, _version(version), moment, entries)


def _scores(lines: io.StringIO) -> Iterator[tuple[str, int]]:
    rows = csv.reader(lines)
    columns = [name.strip().lower() for name in next(rows, [])]
    if "cve" not in columns or "epss" not in columns:
        raise FeedUnreadable("The table has no columns named cve and epss.")
    cve_at, score_at = columns.index("cve"), columns.index("epss")
    seen: set[str] = set()
    for row in rows:
        if not row:
            continue
        if len(row) <= max(cve_at, score_at) or not is_cve(row[cve_at]):
            raise FeedUnreadable(f"Line {rows.line_num} names no CVE identifier.")
        if row[cve_at] in seen:
            raise FeedUnreadable(f"{row[cve_at]} is scored twice.")
        if len(seen) >= MAX_FEED_ENTRIES:
            raise FeedTooLarge(f"It has more than {MAX_FEED_ENTRIES} entries.")
        seen.add(row[cve_at])
        score = row[score_at].strip()
        if score:  # A listed vulnerability without a score is not known, which is not zero.
            yield row[cve_at], _millionths(row[cve_at], score)


def _millionths(cve: str, score: str) -> int:
    try:
        probability = float(score)
    except ValueError as error:
        raise FeedUnreadable(f"The score of {cve} is no number.") from error
    if not 0 <= probability <= 1:
        raise FeedUnreadable(f"The score of {cve} does not lie between 0 and 1.")
    return round(probability * MILLION)


def _version(version: object) -> str:
    if not isinstance(version, str) or not version or len(version) > _MAX_VERSION_LENGTH or not version.isprintable():
        raise FeedUnreadable("Its version is missing or no short text.")
    return version


def _moment(text: object) -> datetime:
    """Dates without a zone are taken as UTC, the zone that both publishers write."""
    try:
        moment = datetime.fromisoformat(str(text))
        # A zone may carry a time out of the years that there are.
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise FeedUnreadable("Its date of release is no ISO 8601 time.") from error
