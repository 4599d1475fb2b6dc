"""Logs are JSON, carry the trace, and hold nothing personal."""

import errno
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from contracts.errors import Conflict
from contracts.events.base import Sealed
from infra.telemetry import span
from infra.telemetry.logs import ENTRIES_LOST, MAX_LOGGED_STRING, configure_logs


class Uncloseable(io.BytesIO):
    """A log stream whose lines can be read as they are."""

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def stream() -> Iterator[Uncloseable]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = Uncloseable()
    configure_logs("cases", "info", stream)
    yield stream
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_entry_names_service_time_level_and_what_was_bound(stream: Uncloseable) -> None:
    structlog.contextvars.bind_contextvars(tenant="clinic", rpc="/x/Y")
    structlog.get_logger().info("case_opened", position=7)
    (entry,) = stream.entries()
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "case_opened",
        "level": "info",
        "service": "cases",
        "tenant": "clinic",
        "rpc": "/x/Y",
        "position": 7,
    }


def test_an_entry_within_a_span_carries_its_trace(stream: Uncloseable) -> None:
    with span("work") as current:
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    inside, outside = stream.entries()
    assert inside["trace_id"] == f"{current.get_span_context().trace_id:032x}"
    assert "trace_id" not in outside


def test_entries_below_the_level_are_left_out(stream: Uncloseable) -> None:
    structlog.get_logger().debug("quiet")
    assert stream.entries() == []


def _with_a_traceback(log: Callable[[], None]) -> None:
    try:
        try:
            raise ValueError("DETAIL: Key (name)=(Ana Example) already exists")
        except ValueError as error:
            raise RuntimeError("10.1.2.3") from error
    except RuntimeError:
        log()


def test_an_unexpected_exception_is_logged_by_type_and_frames_never_by_its_words(stream: Uncloseable) -> None:
    _with_a_traceback(lambda: structlog.get_logger().exception("failed"))
    (entry,) = stream.entries()
    assert entry["exception"]["type"] == "builtins.RuntimeError"
    assert entry["exception"]["cause"] == "builtins.ValueError"
    assert "_with_a_traceback" in entry["exception"]["frames"][-1]
    assert b"Ana" not in stream.getvalue()
    assert b"10.1.2.3" not in stream.getvalue()


def test_one_of_our_errors_is_logged_with_its_reason(stream: Uncloseable) -> None:
    structlog.get_logger().warning("refused", exc_info=Conflict("Lost."))
    assert stream.entries()[0]["exception"]["reason"] == "CONFLICT"


def test_a_librarys_exception_is_logged_the_same_way(stream: Uncloseable, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("cases", "info", stream)
    # The call happens inside of the handler that it is passed to.
    _with_a_traceback(lambda: logging.getLogger("some.library").exception("it failed"))  # noqa: LOG004
    line = capsys.readouterr().err
    entry = json.loads(line)
    assert (entry["event"], entry["logger"], entry["level"]) == ("it failed", "some.library", "error")
    assert entry["exception"]["type"] == "builtins.RuntimeError"
    assert "Ana" not in line
    assert "10.1.2.3" not in line


def test_a_sealed_value_is_logged_as_its_subject(stream: Uncloseable) -> None:
    structlog.get_logger().info("noted", note=Sealed.of("Ana Example", subject="person-1"), roles={"b", "a"})
    (entry,) = stream.entries()
    assert (entry["note"], entry["roles"]) == ("sealed:person-1", ["a", "b"])


def test_a_long_value_is_cut(stream: Uncloseable) -> None:
    structlog.get_logger().info("long", value="x" * (MAX_LOGGED_STRING + 500))
    assert len(stream.entries()[0]["value"]) == MAX_LOGGED_STRING + 1


class FullDisk(io.BytesIO):
    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_entry_that_cannot_be_written_is_counted_and_fails_nobody(stream: Uncloseable) -> None:
    before = ENTRIES_LOST._value.get()
    configure_logs("cases", "info", FullDisk())
    structlog.get_logger().error("disk_is_full")
    assert ENTRIES_LOST._value.get() == before + 1
