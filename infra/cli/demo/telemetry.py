"""Telemetry of the play: lines as Windows and Sysmon write them, some of which fire rules, in otherwise usual traffic.

The shape is NXLog's flat JSON. Every line is made up; the hosts are those of the cast.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from tenet.detections.v1 import detections_pb2 as detections
from tenet.detections.v1 import telemetry_ingest_pb2 as ingest

from infra.cli.demo.stage import Stage

SYSMON = "Microsoft-Windows-Sysmon/Operational"
USUAL = (
    (r"C:\Windows\System32\svchost.exe", r"C:\Windows\System32\svchost.exe -k netsvcs -p"),
    (r"C:\Program Files\Office\winword.exe", r"winword.exe /n report.docx"),
    (r"C:\Windows\System32\taskhostw.exe", r"taskhostw.exe"),
    (r"C:\Windows\explorer.exe", r"C:\Windows\explorer.exe"),
)


def process(host: str, image: str, command: str, moment: datetime, parent: str = r"C:\Windows\explorer.exe") -> str:
    """A process that starts: Sysmon's event 1."""
    return _line(
        host,
        SYSMON,
        1,
        moment,
        {"Image": image, "CommandLine": command, "ParentImage": parent, "User": rf"{host}\user"},
    )


def file_made(host: str, image: str, path: str, moment: datetime) -> str:
    """A file that appears: Sysmon's event 11."""
    return _line(host, SYSMON, 11, moment, {"Image": image, "TargetFilename": path})


def sign_in(host: str, account: str, address: str, moment: datetime, logon_type: int = 3) -> str:
    """A successful sign-in: security event 4624."""
    fields = {"TargetUserName": account, "IpAddress": address, "LogonType": logon_type, "WorkstationName": "-"}
    return _line(host, "Security", 4624, moment, fields)


def end_of_attack(now: datetime, seconds: float) -> datetime:
    """When an attack of so many seconds ended: now, or on the day before where the day in UTC has only just begun.

    Repeats are one detection within a day of UTC, and each attack of the play is told of as one.
    """
    began = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return now if began <= now - timedelta(seconds=seconds) else began - timedelta(milliseconds=1)


def usual_day(hosts: Sequence[str], until: datetime, count: int = 60) -> list[str]:
    """What happens anyway, in the quarter of an hour before."""
    lines = []
    for number in range(count):
        image, command = USUAL[number % len(USUAL)]
        moment = until - timedelta(seconds=900 - number * 900 // count)
        lines.append(process(hosts[number % len(hosts)], image, f"{command} #{number}", moment))
    return lines


async def send(stage: Stage, tenant_id: str, lines: Iterable[str]) -> detections.BatchReceipt:
    """One batch as the tenant's sensor sends it; its identifier follows from its content, so a repeat is harmless."""
    content = "\n".join(lines).encode()
    batch = ingest.Batch(
        batch_id=f"demo-{hashlib.sha256(content).hexdigest()[:24]}",
        sensor_id=stage.sensors[tenant_id],
        format=detections.TELEMETRY_FORMAT_WINDOWS_EVENT,
        content=content,
    )
    request = ingest.IngestBatchRequest(tenant_id=tenant_id, batch=batch)
    return (await stage.ask(f"{tenant_id}-sensor", request, ingest.IngestBatchResponse)).receipt


def _line(host: str, channel: str, event_id: int, moment: datetime, fields: dict[str, object]) -> str:
    stamp = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
    name = "Microsoft-Windows-Sysmon" if channel == SYSMON else "Microsoft-Windows-Security-Auditing"
    record = {
        "EventID": event_id,
        "Channel": channel,
        "SourceName": name,
        "Hostname": host,
        "UtcTime": stamp,
        **fields,
    }
    return json.dumps(record)
