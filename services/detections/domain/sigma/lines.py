"""A line of telemetry as rules look at it: log source and fields, nothing else that an intake would want to know."""

from collections.abc import Iterable, Iterator

import orjson

from services.detections.config import MAX_FIELDS_PER_RECORD
from services.detections.domain.formats.recognition import parsed_of
from services.detections.domain.formats.records import Source
from services.detections.domain.formats.windows import native_fields
from services.detections.domain.sigma.evaluation import Fields
from services.detections.domain.sigma.logsources import Route, route_of


def read_line(line: bytes) -> Iterable[tuple[Route, Fields, bytes | None]]:
    """The records of a line that have a log source, each with the JSON text that it alone came from, if there is such.

    Raises Unreadable, also behind the records of a line of which others are unreadable.
    """
    # The shape that most recorded telemetry has is read by itself; it must give what the parsers of all shapes give.
    if line.startswith(b"{"):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            value = None  # The parsers say what is wrong with it.
        if type(value) is dict and len(value) <= MAX_FIELDS_PER_RECORD:
            fields = native_fields(value)
            if fields is not None:
                route = route_of(Source.WINDOWS, fields)
                return ((route, fields, line),) if route is not None else ()
    return _of_any_shape(line)


def _of_any_shape(line: bytes) -> Iterator[tuple[Route, Fields, bytes | None]]:
    for record in parsed_of(line):
        route = route_of(record.source, record.fields, record.logsource)
        if route is not None:
            # What came in an envelope is JSON within JSON, and of several records the line is no one's alone.
            yield route, record.fields, None
