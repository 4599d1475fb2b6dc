"""Fuzzes the readers of telemetry by what their code does: `python -m tests.services.detections.fuzz [seconds] [seed]`.

It needs atheris, which is not in the lock, being of use on a developer's machine only. Each input, for a minute at
first, is read as a batch by itself, as every format that a sensor may state, and line by line; and between two good
records: on a line of its own, among XML events, and as a member of an archive. It ends at the first crash, at the first
neighbour that is lost, at the first count that is wrong, and where the process grows beyond MAX_MEGABYTES. Hypothesis
asks the same of small inputs in `test_formats.py` and `test_more_formats.py`.
"""

import importlib
import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.services.detections.records import harmless, ransom_note, shadow_copies_deleted

READERS = "services.detections.domain.formats"
MAX_INPUT_BYTES = 8_192
MAX_MEGABYTES = 1_024
FIRST, LAST = "neighbour-one", "neighbour-two"
_EVENT = (
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><EventID>4624</EventID>"
    "<Channel>Security</Channel><Computer>{host}</Computer></System>"
    "<EventData><Data Name='TargetUserName'>a</Data></EventData></Event>"
)
_AUDIT = (
    'type=SYSCALL msg=audit(1700000000.123:7): arch=c000003e syscall=59 exe="/bin/sh" key=(null)',
    'type=EXECVE msg=audit(1700000000.123:7): argc=2 a0="sh" a1=2D63',
)
_ZEEK = (
    "#separator \\x09",
    "#set_separator\t,",
    "#path\tdns",
    "#fields\tts\tuid\tquery",
    "#types\ttime\tstring\tstring",
    "1.5\tC1\tx.test",
)
_SAMPLES = (
    "\n".join(_AUDIT),
    "\n".join(_ZEEK),
    '<34>1 2026-11-24T03:12:00Z web sshd 7 ID [a b="c\\"]"] Failed password for root',
    "Nov 24 03:12:00 web sudo: al : TTY=pts/0 ; USER=root ; COMMAND=/bin/sh",
    "CEF:0|Acme|Wall|1|9|a\\|b|5|src=10.0.0.1 msg=x\\=y cs1Label=Rule cs1=deny",
    "time,name,ip,host,short,time_label,event_label\n1642213000,Alert,10.0.0.1,web,A-1,,",
    '{"Records":[{"eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"x"}]}',
    '{"timestamp":"2026-11-24T03:12:00+0000","event_type":"alert","src_ip":"10.0.0.1","alert":{"signature_id":1}}',
    '{"rule":{"level":5,"id":"1"},"agent":{"name":"a"},"data":{}}',
    '{"class_uid":1007,"activity_id":1,"metadata":{},"time":1,"process":{"cmd_line":"x"}}',
    '{"eventType":"user.session.start","published":"2026-11-24T03:12:00Z","actor":{},"target":[{"id":"x"}]}',
    '{"kind":"EventList","items":[{"auditID":"a","verb":"get","requestURI":"/"}]}',
    '{"tenet.hec":{"event":"CEF:0|a|b|c|d|e|1|","host":"h","time":"1"}}',
    '{"_source":{"winlog":{"channel":"Security","event_id":1,"event_data":{"param1":"x"}}}}',
)


def instrumented() -> tuple[Any, Any, Any]:
    """The fuzzer, and the readers with their branches watched. Raises ImportError."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=[READERS, "services.detections.domain.sigma.lines"]):
        reading = importlib.import_module(f"{READERS}.reading")
        lines = importlib.import_module("services.detections.domain.sigma.lines")
    return atheris, reading, lines


class Target:
    """`take` is called with each input; what it asks of the readers is in the three methods below it."""

    def __init__(self, reading: Any, lines: Any) -> None:
        self._reading, self._lines = reading, lines
        self._formats = list(reading.Format)
        self._line = tuple(json.dumps(harmless(host, 1)).encode() for host in (FIRST, LAST))
        self._event = tuple(_EVENT.format(host=host).encode() for host in (FIRST, LAST))

    def seeds(self) -> list[bytes]:
        records = [make("h", 1) for make in (harmless, ransom_note, shadow_copies_deleted)]
        texts = [*_SAMPLES, _EVENT.format(host="h"), *(json.dumps(record) for record in records), json.dumps(records)]
        return [bytes([0]) + text.encode() for text in texts] + [b"\0" + texts[0].encode("utf-16")]

    def take(self, data: bytes) -> None:
        stated, content = self._formats[(data[0] if data else 0) % len(self._formats)], data[1:]
        self._alone(content, stated)
        self._line_by_line(content)
        self._between_neighbours(content)

    def _alone(self, content: bytes, stated: Any) -> None:
        reading = self._reading.BatchReading(content, stated)
        read = sum(1 for _ in reading.records())
        if read + sum(reading.put_aside.values()) != reading.total:
            raise AssertionError("records that were read and that were put aside are not all")

    def _line_by_line(self, content: bytes) -> None:
        for line in content.splitlines():
            try:
                for _ in self._lines.read_line(line):
                    pass
            except self._reading.Unreadable:
                continue

    def _between_neighbours(self, content: bytes) -> None:
        for name, (first, last), between in (("lines", self._line, b"\n"), ("XML", self._event, b"")):
            self._wanted(name, between.join((first, content, last)))
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, member in (("a.json", self._line[0]), ("b.json", content), ("c.json", self._line[1])):
                archive.writestr(name, member)
        self._wanted("archive", packed.getvalue())

    def _wanted(self, name: str, content: bytes) -> None:
        found: Iterable[Any] = self._reading.BatchReading(content, self._formats[0]).records()
        hosts = {record.host for record in found}
        if not hosts >= {FIRST, LAST}:
            raise AssertionError(f"a neighbour was lost: {name}")


def main(seconds: int = 60, seed: int = 1) -> int:
    try:
        atheris, reading, lines = instrumented()
    except ImportError as error:
        if error.name != "atheris":
            raise
        print("atheris is not installed: pip install atheris, on a Python that it has a wheel for", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="tenet-fuzz-") as name:
        directory = Path(name)
        target, corpus = Target(reading, lines), directory / "corpus"
        corpus.mkdir()
        for number, data in enumerate(target.seeds()):
            (corpus / f"seed-{number}").write_bytes(data)
        limits = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MAX_INPUT_BYTES}", "-print_final_stats=1"]
        limits += [f"-rss_limit_mb={MAX_MEGABYTES}", f"-artifact_prefix={tempfile.gettempdir()}/tenet-fuzz-"]
        atheris.Setup([sys.argv[0], *limits, str(corpus)], target.take)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(each.replace("_", "")) for each in sys.argv[1:])))
