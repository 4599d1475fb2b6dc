"""Every record becomes an event of the pinned OCSF release with all that its class requires."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from services.detections.domain.ocsf import OCSF_VERSION, REQUIRED, ClassUid, to_ocsf
from tests.services.detections.records import SYSMON, evtx, ransom_note, shadow_copies_deleted

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
AT = "2026-11-24T08:00:00.000000Z"
FLOW = {"timestamp": AT, "flow_id": 1, "src_ip": "10.0.0.9", "src_port": 5000, "dest_ip": "10.0.0.1", "dest_port": 53}


def event_of(value: object) -> dict[str, Any]:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    (record,) = BatchReading(content, Format.AUTOMATIC, received_at=NOW).records()
    return to_ocsf(record, NOW)


RECORDS: dict[str, tuple[object, ClassUid, int]] = {
    "a process": (shadow_copies_deleted("PC", 1), ClassUid.PROCESS_ACTIVITY, 1),
    "a file": (ransom_note("PC", 1), ClassUid.FILE_ACTIVITY, 1),
    "a driver": (evtx(SYSMON, 6, "PC", AT, 1, ImageLoaded="C:\\x.sys"), ClassUid.KERNEL_EXTENSION_ACTIVITY, 1),
    "a module": (evtx(SYSMON, 7, "PC", AT, 1, ImageLoaded="C:\\x.dll"), ClassUid.MODULE_ACTIVITY, 1),
    "a query": (evtx(SYSMON, 22, "PC", AT, 1, QueryName="x.example"), ClassUid.DNS_ACTIVITY, 1),
    "a failed logon": (evtx("Security", 4625, "PC", AT, 1, TargetUserName="eve"), ClassUid.AUTHENTICATION, 1),
    "of no class": (evtx("System", 7045, "PC", AT, 1), ClassUid.BASE, 0),
    "a flow": (FLOW | {"event_type": "flow"}, ClassUid.NETWORK_ACTIVITY, 99),
    "a request": (FLOW | {"event_type": "http", "http": {"http_method": "GET"}}, ClassUid.HTTP_ACTIVITY, 3),
    "an alert": (FLOW | {"event_type": "alert", "alert": {"signature_id": 1}}, ClassUid.DETECTION_FINDING, 1),
    "a call": ({"eventSource": "s3", "eventName": "List", "awsRegion": "x"}, ClassUid.API_ACTIVITY, 99),
    "sshd": (b"Nov 24 08:00:00 h sshd[1]: Failed password for root from 10.0.0.9", ClassUid.AUTHENTICATION, 1),
    "a command": (b'type=EXECVE msg=audit(1764000000.1:1): argc=1 a0="id"', ClassUid.PROCESS_ACTIVITY, 1),
}


@pytest.mark.parametrize("what", RECORDS)
def test_a_record_has_all_that_its_class_requires(what: str) -> None:
    value, class_uid, activity = RECORDS[what]
    event = event_of(value)
    assert (event["class_uid"], event["activity_id"]) == (class_uid, activity)
    assert event["type_uid"] == class_uid * 100 + activity
    assert event["category_uid"] == class_uid // 1000
    missing = {name for name in REQUIRED[class_uid] if event.get(name) in (None, "", {})}
    assert not missing
    assert event["metadata"]["version"] == OCSF_VERSION
    assert event["metadata"]["product"]["vendor_name"]
    json.dumps(event)


def test_the_objects_say_what_the_record_said() -> None:
    event = event_of(shadow_copies_deleted("WARD-3", 1))
    assert event["process"]["name"] == "vssadmin.exe"
    assert event["actor"]["process"]["file"]["path"] == "C:\\Users\\Public\\update.exe"
    assert event["device"]["hostname"] == "WARD-3"
    assert event["time"] == int(datetime(2026, 11, 24, 3, 12, tzinfo=UTC).timestamp() * 1000)
    assert event["unmapped"]["EventID"] == "1", "nothing of the record is lost"
    flow = event_of(FLOW | {"event_type": "flow"})
    assert (flow["src_endpoint"], flow["dst_endpoint"]["port"]) == ({"ip": "10.0.0.9", "port": 5000}, 53)
    ssh = event_of(RECORDS["sshd"][0])
    assert (ssh["user"]["name"], ssh["status_id"]) == ("root", 2)


def test_a_record_without_a_clock_has_the_time_of_its_receipt() -> None:
    event = event_of({"eventSource": "s3", "eventName": "List", "awsRegion": "x"})
    assert event["time"] == event["metadata"]["logged_time"] == int(NOW.timestamp() * 1000)
