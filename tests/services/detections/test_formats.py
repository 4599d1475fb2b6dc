"""Each format's shapes become the native fields, the clock and the place that rules and people rely on."""

import json
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from services.detections.domain.formats.records import Record, Source
from tests.services.detections.records import SYSMON, harmless, lines


def read(content: bytes, stated: Format = Format.AUTOMATIC) -> list[Record]:
    return list(BatchReading(content, stated).records())


def one(value: object) -> Record:
    (record,) = read(json.dumps(value).encode())
    return record


def test_the_three_shapes_of_a_windows_event_have_the_same_fields() -> None:
    at = "2026-11-24T03:00:00.123Z"
    data = {"Image": "C:\\x.exe", "CommandLine": "x.exe -y"}
    shapes = [
        harmless("HOST", 7, at) | {},
        {
            "@timestamp": at,
            "winlog": {
                "channel": SYSMON,
                "event_id": "1",
                "computer_name": "HOST",
                "record_id": 7,
                "provider_name": "Microsoft-Windows-Sysmon",
                "event_data": data,
            },
        },
        {
            "@timestamp": at,
            "EventID": 1,
            "Channel": SYSMON,
            "Hostname": "HOST",
            "RecordNumber": 7,
            "SourceName": "Microsoft-Windows-Sysmon",
            **data,
        },
    ]
    shapes[0]["Event"]["EventData"] = data
    records = [one(shape) for shape in shapes]
    for record in records:
        assert record.source is Source.WINDOWS
        assert record.host == "HOST"
        assert record.occurred_at == datetime(2026, 11, 24, 3, 0, 0, 123000, tzinfo=UTC)
        wanted = {"EventID": "1", "Channel": SYSMON, "Provider_Name": "Microsoft-Windows-Sysmon", **data}
        assert {name: record.fields[name] for name in wanted} == wanted
    assert len({record.key for record in records}) == 1, "the same record by another way is the same record"


def test_nxlog_writes_over_sysmons_event_type_and_the_message_still_has_it() -> None:
    record = one(
        {
            "EventID": 13,
            "Channel": SYSMON,
            "Hostname": "H",
            "EventType": "INFO",
            "Message": "Registry value set:\r\nRuleName: -\r\nEventType: SetValue\r\nUtcTime: …",
        }
    )
    assert record.fields["EventType"] == "SetValue"


def test_a_process_creation_of_the_security_log_has_sysmons_names_too() -> None:
    record = one({"EventID": 4688, "Channel": "Security", "NewProcessName": "C:\\a.exe", "SubjectUserName": "eve"})
    assert (record.fields["Image"], record.fields["NewProcessName"]) == ("C:\\a.exe", "C:\\a.exe")


def test_unnamed_data_of_an_event_is_a_list() -> None:
    system = {"EventID": {"#attributes": {"Qualifiers": 0}, "#text": 400}, "Channel": "Windows PowerShell"}
    record = one({"Event": {"System": system, "EventData": {"Data": {"#text": ["Available", "HostName=x"]}}}})
    assert record.fields["EventID"] == "400"
    assert record.fields["Data"] == ["Available", "HostName=x"]


def test_a_wazuh_alert_keeps_its_rule_level_and_technique_and_names_nobody_in_the_clear() -> None:
    record = one(
        {
            "timestamp": "2026-11-24T03:00:00.000+0000",
            "rule": {
                "id": "5710",
                "level": 12,
                "description": "Login of mallory failed",
                "groups": ["sshd"],
                "mitre": {"id": ["T1110.001"]},
            },
            "agent": {"id": "001", "name": "db1", "ip": "10.0.0.5"},
            "manager": {"name": "m"},
            "id": "1588001006.96",
            "data": {"srcip": "203.0.113.9", "dstip": "10.0.0.5:22", "dstuser": "mallory"},
        }
    )
    assert record.alert is not None
    assert record.alert.rule_id == "wazuh:5710"
    assert record.alert.severity_id == 4
    assert record.alert.techniques == ("T1110.001",)
    assert (record.alert.source_address, record.alert.destination_address) == ("203.0.113.9", "10.0.0.5")
    assert "mallory" not in record.alert.title


def test_only_alerts_of_suricata_are_alerts() -> None:
    base = {"timestamp": "2026-11-24T03:00:00.000000-0600", "flow_id": 1, "src_ip": "1.2.3.4", "dest_ip": "10.0.0.1"}
    signature = {"signature_id": 2001219, "gid": 1, "signature": "ET SCAN Potential SSH Scan", "severity": 2}
    alert = one(base | {"event_type": "alert", "alert": signature})
    assert alert.alert is not None
    assert (alert.alert.rule_id, alert.alert.severity_id) == ("suricata:1:2001219", 3)
    assert alert.occurred_at == datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert one(base | {"event_type": "dns", "dns": {"rrname": "x"}}).alert is None


def test_the_columns_of_a_csv_may_come_in_any_order_and_a_part_without_header_is_read_too() -> None:
    header = b"host,ip,short,name,time,event_label\n"
    (with_header,) = read(header + b'web,10.0.0.1,W-1,"Wazuh: a, b",1642213952,attack\n')
    (without,) = read(b'1642213952,"Wazuh: a, b",10.0.0.1,web,W-1,x,y\n')
    for record in (with_header, without):
        assert record.alert is not None
        assert (record.alert.rule_id, record.alert.title, record.alert.severity_id) == ("ait:W-1", "Wazuh: a, b", 0)
        assert (record.host, record.address) == ("web", "10.0.0.1")
        assert record.occurred_at == datetime(2022, 1, 15, 2, 32, 32, tzinfo=UTC)


def test_a_csv_without_short_names_tells_its_signatures_apart_by_their_names() -> None:
    (record,) = read(b"time,name,ip,host,event_label\n1642213952,Wazuh: IDS event.,10.0.0.1,web,dirb\n")
    assert record.alert is not None
    assert record.alert.rule_id == "ait:Wazuh: IDS event."


def test_labels_of_a_recording_are_never_read() -> None:
    (record,) = read(b"time,name,ip,host,short,time_label,event_label\n1642213952,n,1.1.1.1,h,s,attack,webshell\n")
    assert "webshell" not in json.dumps(dict(record.fields)) + record.text


def test_equal_lines_without_an_identifier_are_counted_and_a_recut_batch_has_the_same_keys() -> None:
    line = b"1642213952,n,1.1.1.1,h,s\n"
    keys = [record.key for record in read(line * 3)]
    assert len(set(keys)) == 3
    assert [record.key for record in read(line * 2)] == keys[:2]


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_at_all_make_the_reader_fail_or_miscount(content: bytes) -> None:
    reading = BatchReading(content, Format.AUTOMATIC)
    records = list(reading.records())
    assert reading.total == len(records) + sum(reading.put_aside.values())


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # Others may be using the machine.
@given(
    st.dictionaries(st.text(max_size=8), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
)
def test_whatever_fields_a_windows_record_has_it_is_read_with_its_neighbours(extra: dict[str, object]) -> None:
    odd = {**extra, "EventID": 1, "Channel": "Security"}
    records = read(
        lines(harmless("A", 1)) + json.dumps(odd, ensure_ascii=True).encode() + b"\n" + lines(harmless("A", 2))
    )
    assert {record.host for record in records} >= {"A"}
    assert len([record for record in records if record.host == "A"]) == 2


def test_clocks_are_read_in_the_forms_that_sources_use() -> None:
    wanted = datetime(2020, 9, 20, 16, 16, 9, tzinfo=UTC)
    for text in (
        "2020-09-20T16:16:09Z",
        "2020-09-20 16:16:09",
        "2020-09-20T12:16:09-0400",
        1600618569,
        "1600618569000",
    ):
        assert read_clock(text) == wanted
    nonsense: tuple[object, ...] = ("", "soon", "2020-13-01T00:00:00Z", True, None, {}, 10**30)
    for value in nonsense:
        assert read_clock(value) is None
