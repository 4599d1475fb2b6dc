"""Time zones out of the `tzdata` package, not the machine's: the release that a record names is the one used."""

from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]  # it ships no types, and one constant of it is used

from services.cases.domain.people_errors import TimeZoneUnknown

TZDATA_VERSION: str = tzdata.IANA_VERSION
MAX_ZONES = 1_024


@lru_cache(maxsize=MAX_ZONES)
def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises TimeZoneUnknown."""
    package, _, key = f"tzdata.zoneinfo/{name}".rpartition("/")
    try:
        if not all(part.replace("_", "").replace("-", "").replace("+", "").isalnum() for part in name.split("/")):
            raise TimeZoneUnknown(f"{name!r} is no IANA time zone.")
        with resources.files(package.replace("/", ".")).joinpath(key).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ModuleNotFoundError, FileNotFoundError, IsADirectoryError, ValueError) as error:
        raise TimeZoneUnknown(f"{name!r} is no IANA time zone.") from error


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a wall clock shows a time. Of two the earlier; one that is skipped is read with the
    offset before the gap, so that the end of one shift and the start of the next are always the same instant."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)
