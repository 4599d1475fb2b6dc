"""Telemetry as sensors write it, made up for tests: the events of the manifesto's five examples among them."""

import json
from typing import Any

SYSMON = "Microsoft-Windows-Sysmon/Operational"


def evtx(channel: str, event_id: int, host: str, at: str, record_id: int, **data: Any) -> dict[str, Any]:
    """A Windows event as a plain conversion of EVTX gives it."""
    provider = {
        SYSMON: "Microsoft-Windows-Sysmon",
        "Security": "Microsoft-Windows-Security-Auditing",
        "System": "Service Control Manager",
    }[channel]
    return {
        "Event": {
            "System": {
                "Provider": {"#attributes": {"Name": provider}},
                "EventID": event_id,
                "TimeCreated": {"#attributes": {"SystemTime": at}},
                "EventRecordID": record_id,
                "Channel": channel,
                "Computer": host,
            },
            "EventData": data,
        }
    }


def shadow_copies_deleted(host: str, record_id: int, at: str = "2026-11-24T03:12:00.000000Z") -> dict[str, Any]:
    return evtx(
        SYSMON,
        1,
        host,
        at,
        record_id,
        Image="C:\\Windows\\System32\\vssadmin.exe",
        CommandLine="vssadmin.exe  Delete Shadows /all /quiet",
        ParentImage="C:\\Users\\Public\\update.exe",
        User="CLINIC\\nurse7",
    )


def ransom_note(host: str, record_id: int) -> dict[str, Any]:
    return evtx(
        SYSMON,
        11,
        host,
        "2026-11-24T03:13:00.000000Z",
        record_id,
        Image="C:\\Users\\Public\\update.exe",
        TargetFilename="C:\\Share\\HOW_TO_DECRYPT_FILES.txt",
    )


def web_shell(host: str, record_id: int) -> dict[str, Any]:
    return evtx(
        SYSMON,
        1,
        host,
        "2026-11-24T10:00:00.000000Z",
        record_id,
        Image="C:\\Windows\\System32\\cmd.exe",
        CommandLine="cmd.exe /c whoami",
        ParentImage="C:\\Program Files\\Tomcat\\bin\\tomcat9.exe",
    )


def remote_desktop(host: str, record_id: int, account: str, address: str) -> dict[str, Any]:
    return evtx(
        "Security",
        4624,
        host,
        "2026-11-24T02:30:00.000000Z",
        record_id,
        LogonType=10,
        TargetUserName=account,
        IpAddress=address,
    )


def network_sign_in(host: str, record_id: int, account: str, address: str) -> dict[str, Any]:
    return evtx(
        "Security",
        4624,
        host,
        "2026-11-24T02:31:00.000000Z",
        record_id,
        LogonType="3",
        TargetUserName=account,
        IpAddress=address,
    )


def worm_service(host: str, record_id: int) -> dict[str, Any]:
    return evtx(
        "System",
        7045,
        host,
        "2026-11-24T11:00:00.000000Z",
        record_id,
        ServiceName="wormsvc",
        ImagePath="\\\\127.0.0.1\\ADMIN$\\wormsvc.exe",
    )


def harmless(host: str, record_id: int, at: str = "2026-11-24T03:00:00.000000Z") -> dict[str, Any]:
    return evtx(
        SYSMON,
        1,
        host,
        at,
        record_id,
        Image="C:\\Windows\\System32\\notepad.exe",
        CommandLine="notepad.exe",
        ParentImage="C:\\Windows\\explorer.exe",
    )


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)
