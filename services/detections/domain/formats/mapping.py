"""A declared mapping: how to read JSON or CSV that Tenet does not know by itself.

Written as YAML, at most MAX_MAPPING_BYTES:

    format: csv                     # or json
    time: {field: when, format: "%d.%m.%Y %H:%M:%S"}    # or iso8601 (the default), seconds, milliseconds
    logsource: {product: acme, category: firewall, service: edge}
    host: {field: box}              # optional, like `address` and `id` (the source's own record identifier)
    rename: {src: src_ip, dst: dst_ip}
    delimiter: ";"                  # csv only; `columns: [a, b]` names them where the file has no header

A clock without a zone is taken as UTC. Paths into JSON objects are joined by dots.
"""

import csv
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.detections.config import MAX_MAPPING_BYTES
from services.detections.domain.errors import MappingUnreadable
from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import read_object, spread, text_of
from services.detections.domain.formats.records import LogSource, Parsed, Reason, Source, Unreadable

_Name = Annotated[str, Field(min_length=1, max_length=256)]
_Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Clock(_Part):
    field: _Name
    format: _Name = "iso8601"


class DeclaredLogSource(_Part):
    product: _Word | None = None
    category: _Word | None = None
    service: _Word | None = None


class Named(_Part):
    field: _Name


class Mapping(_Part):
    """A mapping as declared. `read` raises MappingUnreadable."""

    format: Literal["json", "csv"]
    time: Clock
    logsource: DeclaredLogSource
    host: Named | None = None
    address: Named | None = None
    id: Named | None = None
    rename: dict[_Name, _Name] = Field(default_factory=dict, max_length=1_000)
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    columns: tuple[_Name, ...] | None = None

    @classmethod
    def read(cls, text: bytes) -> Self:
        if len(text) > MAX_MAPPING_BYTES:
            raise MappingUnreadable("A mapping is too long.", metadata={"limit": str(MAX_MAPPING_BYTES)})
        if b"&" in text or b"*" in text:
            # An alias of an alias of an alias: a few lines of YAML can stand for gigabytes.
            raise MappingUnreadable("A mapping has no use for YAML's anchors and aliases.")
        try:
            return cls.model_validate(yaml.safe_load(text))
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise MappingUnreadable(f"The mapping cannot be used: {_first_of(error)}") from None

    @property
    def has_header(self) -> bool:
        """Whether a file's first line names its columns."""
        return self.format == "csv" and self.columns is None

    def columns_of(self, line: bytes) -> tuple[str, ...]:
        return tuple(self._split(line))

    def parse(self, data: bytes, columns: tuple[str, ...] | None) -> Parsed:
        """Raises Unreadable, as the format's own reader does; FIELDS_MISSING for a row without a single value."""
        if self.format == "json":
            fields = spread(read_object(data))
        else:
            names = self.columns or columns or ()
            fields = {name: value for name, value in zip(names, self._split(data), strict=False) if value != ""}
        if not fields:
            raise Unreadable(Reason.FIELDS_MISSING)
        host, address, identity = (self._text(fields, part) for part in (self.host, self.address, self.id))
        moment = self._moment(fields.get(self.time.field))
        renamed: dict[str, Any] = {self.rename.get(name, name): value for name, value in fields.items()}
        declared = self.logsource
        source = LogSource(declared.product or "", declared.category or "", declared.service or "")
        return Parsed(Source.MAPPED, moment, host, address, identity, renamed, logsource=source)

    def _moment(self, value: Any) -> datetime | None:
        match self.time.format:
            case "iso8601":
                return read_clock(value)
            case "seconds" | "milliseconds":
                try:
                    seconds = float(value) / (1000 if self.time.format == "milliseconds" else 1)
                    return datetime.fromtimestamp(seconds, UTC)
                except (TypeError, ValueError, OverflowError, OSError):
                    return None
            case written:
                try:
                    moment = datetime.strptime(text_of(value), written)  # noqa: DTZ007  # Only some declare a zone.
                    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
                except (ValueError, OverflowError):
                    return None

    def _text(self, fields: dict[str, Any], part: Named | None) -> str:
        return text_of(fields.get(part.field)) if part else ""

    def _split(self, line: bytes) -> list[str]:
        try:
            return next(csv.reader([line.decode()], strict=True, delimiter=self.delimiter), [])
        except UnicodeDecodeError:
            raise Unreadable(Reason.NOT_UTF8) from None
        except csv.Error:
            raise Unreadable(Reason.FIELDS_MISSING) from None


def _first_of(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return type(error).__name__
