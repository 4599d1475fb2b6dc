"""What further products write of the known formats, and records that exports and shippers keep within others."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from services.detections.domain.formats.records import Record, Source
from services.detections.domain.sigma.logsources import Route, route_of

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def one(value: object) -> Record:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    (record,) = BatchReading(content, Format.AUTOMATIC, received_at=NOW).records()
    return record


def route(record: Record) -> Route:
    found = route_of(record.source, record.fields, record.logsource)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("activity", "categories"),
    [(1, {"process_creation"}), (2, {"process_termination"}), (3, {"process_access"}), (99, set())],
)
def test_an_ocsf_process_is_of_the_category_of_what_it_did(activity: int, categories: set[str]) -> None:
    device = {"os": {"type_id": 200, "name": "Debian"}}
    found = route(one({"class_uid": 1007, "activity_id": activity, "metadata": {}, "time": 1, "device": device}))
    assert (found.product, set(found.categories)) == ("linux", categories)


def test_a_finding_of_an_earlier_ocsf_is_an_alert_too() -> None:
    finding = {"title": "Module loaded", "types": ["syscalls"]}
    metadata = {"product": {"name": "Falco"}, "uid": "1"}
    alert = one(
        {"class_uid": 2001, "category_uid": 2, "time": 1, "severity_id": 3, "finding": finding, "metadata": metadata}
    )
    assert alert.alert is not None
    assert (alert.alert.rule_id, alert.alert.title, alert.alert.severity_id) == (
        "falco:Module loaded",
        "Module loaded",
        3,
    )


def test_an_alert_of_ossec_itself_is_read_as_wazuhs_are() -> None:
    rule = {"level": 5, "comment": "Syslogd restarted.", "sidid": 1005, "group": "syslog,errors,"}
    alert = one(
        {"rule": rule, "id": "1510376401.0", "TimeStamp": 1510376401000, "hostname": "ix", "full_log": "restart"}
    )
    assert alert.alert is not None
    assert (alert.alert.rule_id, alert.alert.title) == ("wazuh:1005", "Wazuh rule 1005: syslog, errors")
    assert (alert.host, alert.occurred_at) == ("ix", datetime.fromtimestamp(1510376401, UTC))


def test_an_audit_event_as_one_object_has_the_fields_of_its_lines() -> None:
    event = {
        "ID": "1764000000.123:41",
        "NODE": "web1",
        "SYSCALL": {"syscall": 59, "a0": "0x55d0", "exe": "/usr/bin/cat", "SYSCALL": "execve", "key": "recon"},
        "EXECVE": {"argc": 2, "ARGV": ["cat", "/etc/shadow"]},
        "PATH": [{"item": 0, "name": "/usr/bin/cat"}, {"item": 1, "name": "/lib64/ld.so"}],
        "PARENT_INFO": {"comm": "bash", "ppid": 1},
    }
    record = one(event)
    fields = record.fields
    assert (record.source, record.host, record.occurred_at) == (
        Source.AUDITD,
        "web1",
        datetime.fromtimestamp(1764000000.123, UTC),
    )
    assert (fields["a0"], fields["a1"], fields["CommandLine"]) == ("cat", "/etc/shadow", "cat /etc/shadow")
    assert fields["name"] == ["/usr/bin/cat", "/lib64/ld.so"]
    assert fields["type"] == ["SYSCALL", "EXECVE", "PATH", "PARENT_INFO"]
    assert route(record).categories == {"process_creation"}


def test_a_line_of_the_audit_log_with_more_pairs_than_a_record_may_have_is_put_aside_at_once() -> None:
    line = b"type=X msg=audit(1.1:1): " + b" ".join(b"a=%d" % number for number in range(100_000))
    reading = BatchReading(line, Format.AUTOMATIC)
    assert not list(reading.records())
    assert dict(reading.put_aside) == {"TOO_MANY_FIELDS": 1}


def test_cef_without_any_extension_is_read() -> None:
    assert one(b"CEF:0|Acme|Wall|1|9|blocked|5|").fields["Name"] == "blocked"


TRAIL = {"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "x", "eventID": "1"}


@pytest.mark.parametrize(
    ("wrapped", "source"),
    [
        ({"Events": [{"EventId": "1", "CloudTrailEvent": json.dumps(TRAIL)}]}, Source.CLOUDTRAIL),
        ({"logEvents": [{"id": "1", "message": json.dumps(TRAIL)}]}, Source.CLOUDTRAIL),
        ({"_source": TRAIL}, Source.CLOUDTRAIL),
        ({**TRAIL, "result": {"a": 1}, "message": "CEF:0|a|b|c|d|e|1|"}, Source.CLOUDTRAIL),
        ({"message": "<38>Nov 24 08:00:00 web sshd[7]: Failed password", "agent": {}}, Source.SYSLOG),
        (
            {
                "AuditData": json.dumps(
                    {"Workload": "Exchange", "Operation": "x", "CreationTime": "2026-11-24T08:00:00"}
                )
            },
            Source.MICROSOFT_365,
        ),
    ],
)
def test_a_record_that_an_export_or_a_shipper_keeps_within_another_is_read(wrapped: Any, source: Source) -> None:
    assert one(wrapped).source is source


def test_a_text_within_a_record_within_a_text_is_of_no_known_format() -> None:
    reading = BatchReading(
        json.dumps({"message": json.dumps({"message": "CEF:0|a|b|c|d|e|1|"})}).encode(), Format.AUTOMATIC
    )
    assert not list(reading.records())
    assert dict(reading.put_aside) == {"FORMAT_UNKNOWN": 1}


def test_azures_activity_log_is_read_as_its_own_interface_writes_it() -> None:
    operation = {"value": "Microsoft.Compute/x", "localizedValue": "X"}
    record = one({"eventTimestamp": "2026-11-24T08:00:00Z", "operationName": operation, "resourceId": "/s"})
    assert record.fields["operationName"] == "Microsoft.Compute/x"
    assert route(record).services == {"activitylogs"}
    risk = one({"riskEventType": "x", "riskLevel": "high", "detectedDateTime": "2026-11-24T08:00:00Z"})
    assert route(risk).services == {"riskdetection", "pim"}
