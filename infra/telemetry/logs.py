"""JSON logs on standard error, one object a line, each with the trace id of the span that it was written in.

A message of an unexpected exception is never logged: a database's or a validator's message repeats the values that it
refused, and these may be personal. Its type, the frames and the reference that the caller was given lead to the cause.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, BinaryIO

import orjson
import structlog
from opentelemetry import trace
from prometheus_client import Counter

from contracts.errors import TenetError
from contracts.events.base import Sealed

MAX_LOGGED_STRING = 2_000
MAX_LOGGED_FRAMES = 40

ENTRIES_LOST = Counter("tenet_log_entries_lost_total", "Log entries that could not be written, as on a full disk.")

_Entry = MutableMapping[str, Any]


def configure_logs(service: str, level: str, stream: BinaryIO | None = None) -> None:
    """Sends structlog's and the standard library's log entries through one chain of processors to `stream`."""
    common: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _service_name(service),
        _trace_id,
        _exception_without_message,
        _fit,
    ]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*common, _to_json],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_writer_factory(stream or sys.stderr.buffer),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *common, _to_text],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


class EntryWriter:
    """Writes an entry a line. One that cannot be written is counted: a full disk must not make answers fail."""

    def __init__(self, stream: BinaryIO, lock: threading.Lock) -> None:
        self._stream, self._lock = stream, lock

    def msg(self, entry: bytes) -> None:
        with self._lock:
            try:
                self._stream.write(entry + b"\n")
                self._stream.flush()
            except OSError:
                ENTRIES_LOST.inc()

    debug = info = warning = error = critical = msg


def _writer_factory(stream: BinaryIO) -> Callable[..., EntryWriter]:
    writer = EntryWriter(stream, threading.Lock())
    return lambda *_names: writer


def _service_name(service: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, entry: _Entry) -> _Entry:
        entry["service"] = service
        return entry

    return add


def _trace_id(_logger: Any, _method: str, entry: _Entry) -> _Entry:
    span_context = trace.get_current_span().get_span_context()
    if span_context.is_valid:
        entry["trace_id"] = f"{span_context.trace_id:032x}"
    return entry


def _exception_without_message(_logger: Any, _method: str, entry: _Entry) -> _Entry:
    found = entry.pop("exc_info", None)
    if not found:
        return entry
    error = found if isinstance(found, BaseException) else sys.exc_info()[1]
    if error is not None:
        entry["exception"] = describe_exception(error)
    return entry


def describe_exception(error: BaseException) -> dict[str, Any]:
    """The type, the frames and the cause of an exception; of our own errors also the reason."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_LOGGED_FRAMES:]
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, TenetError):
        described["reason"] = error.reason
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and cause is not error:
        described["cause"] = f"{type(cause).__module__}.{type(cause).__qualname__}"
    return described


def _fit(_logger: Any, _method: str, entry: _Entry) -> _Entry:
    for key, value in entry.items():
        if isinstance(value, str) and len(value) > MAX_LOGGED_STRING:
            entry[key] = value[:MAX_LOGGED_STRING] + "…"
    return entry


def _plain(value: Any) -> Any:
    """What a value that JSON does not know looks like in a log: a sealed value as its subject, others by type."""
    if isinstance(value, Sealed):
        return f"sealed:{value.subject}"
    if isinstance(value, set | frozenset):
        return sorted(value)
    return f"<{type(value).__name__}>"


def _to_json(_logger: Any, _method: str, entry: _Entry) -> bytes:
    return orjson.dumps(entry, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _to_text(logger: Any, method: str, entry: _Entry) -> str:
    return _to_json(logger, method, entry).decode()
