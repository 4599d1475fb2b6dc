"""Time zones out of the `tzdata` package, not the machine's: the release that a record names is the one used."""

from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]  # it ships no types, and one constant of it is used

from contracts.errors import InvalidArgument

TZDATA_VERSION: str = tzdata.IANA_VERSION
MAX_ZONES = 1_024
MAX_SHOWN = 64


class TimeZoneUnknown(InvalidArgument):
    """Not a time zone of the IANA database that this program brings."""

    reason = "TIME_ZONE_UNKNOWN"

    def __init__(self, name: str) -> None:
        super().__init__("The time zone is not in the IANA database.", metadata={"time_zone": name[:MAX_SHOWN]})


@lru_cache(maxsize=MAX_ZONES)
def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone of that name. Raises TimeZoneUnknown."""
    package, _, key = f"tzdata.zoneinfo/{name}".rpartition("/")
    try:
        if not all(part.replace("_", "").replace("-", "").replace("+", "").isalnum() for part in name.split("/")):
            raise TimeZoneUnknown(name)
        with resources.files(package.replace("/", ".")).joinpath(key).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ModuleNotFoundError, FileNotFoundError, IsADirectoryError, ValueError) as error:
        raise TimeZoneUnknown(name) from error


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, at which a wall clock shows a time. Of two the earlier; one that is skipped is read with the
    offset before the gap, so that the end of one span and the start of the next are always the same instant."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)
