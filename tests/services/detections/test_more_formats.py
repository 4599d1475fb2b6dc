"""Linux, network, cloud and other formats become their native fields, a clock, a place, and Sigma's log source."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.detections.config import MAX_OPEN_AUDIT_EVENTS
from services.detections.domain.errors import MappingUnreadable
from services.detections.domain.formats.mapping import Mapping
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from services.detections.domain.formats.records import Record, Source
from services.detections.domain.sigma.logsources import Route, route_of
from tests.services.detections.records import harmless, lines

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def read(content: bytes, stated: Format = Format.AUTOMATIC, **how: Any) -> list[Record]:
    return list(BatchReading(content, stated, received_at=NOW, **how).records())


def one(value: object) -> Record:
    (record,) = read(value if isinstance(value, bytes) else json.dumps(value).encode())
    return record


def route(record: Record) -> Route:
    found = route_of(record.source, record.fields, record.logsource)
    assert found is not None
    return found


AUDIT = b"""\
type=SYSCALL msg=audit(1764000000.123:41): arch=c000003e syscall=59 success=yes a0=55d0 a1=55d1 pid=9 \
comm="cat" exe="/usr/bin/cat" key="recon"\x1dSYSCALL=execve UID="root"
type=EXECVE msg=audit(1764000000.123:41): argc=2 a0="cat" a1=2F6574632F736861646F77
type=CWD msg=audit(1764000000.123:41): cwd="/root"
type=SYSCALL msg=audit(1764000000.200:42): arch=c000003e syscall=257 exe="/usr/bin/vi"
type=PATH msg=audit(1764000000.123:41): item=0 name="/usr/bin/cat" nametype=NORMAL
type=PATH msg=audit(1764000000.123:41): item=1 name="/lib64/ld.so" nametype=NORMAL
type=EOE msg=audit(1764000000.123:41):
"""


def test_the_lines_of_an_audit_event_are_one_record_also_when_another_comes_between() -> None:
    command, opening = read(AUDIT)
    assert command.source is Source.AUDITD
    assert command.fields["type"] == ["SYSCALL", "EXECVE", "CWD", "PATH"]
    assert (command.fields["a0"], command.fields["a1"]) == ("cat", "/etc/shadow"), "not the system call's registers"
    assert command.fields["name"] == ["/usr/bin/cat", "/lib64/ld.so"]
    assert (command.fields["SYSCALL"], command.fields["key"]) == ("execve", "recon")
    assert (command.fields["Image"], command.fields["CommandLine"]) == ("/usr/bin/cat", "cat /etc/shadow")
    assert command.occurred_at == datetime.fromtimestamp(1764000000.123, UTC)
    assert route(command) == Route("linux", frozenset({"process_creation"}), frozenset({"auditd"}))
    assert opening.fields["SYSCALL"] == "openat", "named although the log does not"


def test_audit_events_without_an_end_are_closed_to_make_room_and_at_the_end_of_the_file() -> None:
    many = MAX_OPEN_AUDIT_EVENTS * 3
    content = b"".join(b"node=h type=USER_CMD msg=audit(1764000000.1:%d): pid=1 cmd=6C73\n" % at for at in range(many))
    records = read(content)
    assert len(records) == many
    assert records[0].fields["cmd"] == "ls"
    assert {record.host for record in records} == {"h"}


def test_an_audit_event_that_two_batches_share_loses_no_part() -> None:
    whole = AUDIT.splitlines(keepends=True)
    keys = {record.key for part in (whole[:2], whole[2:]) for record in read(b"".join(part))}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("line", "services", "message"),
    [
        (b"<86>Nov 24 08:59:01 web1 sshd[811]: Failed password for root", {"syslog", "auth", "sshd"}, "Failed"),
        (b"Nov 24 08:59:01 web1 CRON[4]: (root) CMD (id)", {"syslog"} | {"cron"}, "(root)"),
        (b"2026-11-24T08:59:01+00:00 web1 vsftpd: hello", {"syslog", "vsftpd"}, "hello"),
        (
            b'<165>1 2026-11-24T08:59:01Z web1 app 7 ID47 [x@1 a="b\\"c" d="e"] the message',
            {"syslog"},
            "the message",
        ),
    ],
)
def test_syslog_is_read_in_both_of_its_forms(line: bytes, services: set[str], message: str) -> None:
    record = one(line)
    assert record.source is Source.SYSLOG
    assert (record.host, record.occurred_at) == ("web1", datetime(2026, 11, 24, 8, 59, 1, tzinfo=UTC))
    assert route(record) == Route("linux", frozenset(), frozenset(services))
    assert record.fields["message"].startswith(message)


def test_structured_data_and_sudos_own_fields_are_fields() -> None:
    record = one(b'<165>1 2026-11-24T08:59:01Z web1 app - - [x@1 a="b\\"c" d="e"] m')
    assert (record.fields["x@1.a"], record.fields["x@1.d"]) == ('b"c', "e")
    sudo = one(b"Nov 24 08:59:01 h sudo: eve : TTY=pts/0 ; PWD=/ ; USER=#-1 ; COMMAND=/bin/bash -p")
    assert (sudo.fields["USER"], sudo.fields["COMMAND"]) == ("#-1", "/bin/bash -p")


def test_a_syslog_clock_without_a_year_is_the_latest_that_is_not_ahead() -> None:
    assert one(b"Dec 31 23:59:59 h su: x").occurred_at == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert one(b"Feb 29 12:00:00 h su: x").occurred_at == datetime(2024, 2, 29, 12, tzinfo=UTC)


ZEEK = b"""\
#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tdns
#fields\tts\tuid\tid.orig_h\tquery\tqtype_name\tanswers\trejected
#types\ttime\tstring\taddr\tstring\tstring\tvector[string]\tbool
1764000000.5\tC1\t10.0.0.9\ttunnel.example\tTXT\ta,b\tF
1764000001.5\tC2\t10.0.0.9\tx.example\t-\t(empty)\tT
1764000001.5\tC3\ttoo few
#close\t2026-11-24-10-00-00
"""


def test_zeeks_header_names_and_types_its_columns() -> None:
    reading = BatchReading(ZEEK, Format.AUTOMATIC)
    first, second = reading.records()
    assert dict(reading.put_aside) == {"FIELDS_MISSING": 1}
    assert (first.fields["query"], first.fields["answers"], first.fields["rejected"]) == (
        "tunnel.example",
        ["a", "b"],
        False,
    )
    assert "qtype_name" not in second.fields
    assert (second.fields["answers"], second.fields["rejected"]) == ([], True)
    assert route(first) == Route("zeek", frozenset({"dns"}), frozenset({"dns"}))
    assert first.fields["record_type"] == "TXT"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"conn_state": "SF"}, "conn"),
        ({"method": "GET", "uri": "/x", "status_code": 200}, "http"),
        ({"endpoint": "svcctl", "operation": "CreateServiceW"}, "dce_rpc"),
        ({"_path": "rdp"}, "rdp"),
    ],
)
def test_a_json_log_of_zeek_is_told_by_its_path_or_its_own_fields(fields: dict[str, Any], path: str) -> None:
    record = one({"ts": 1764000000.5, "uid": "C1", "id.orig_h": "10.0.0.9", "id.resp_h": "10.0.0.1", **fields})
    assert (record.source, route(record).services) == (Source.ZEEK, frozenset({path}))


def test_cef_is_read_with_its_escapes_its_labels_and_the_syslog_line_around_it() -> None:
    record = one(
        b"<134>Nov 24 08:59:01 fw1 CEF:0|Acme|Edge Firewall|1.0|100|Denied \\| dropped|7|src=10.0.0.1 dst=10.0.0.2 "
        b"act=deny msg=a \\= b cs1Label=Policy cs1=outside in"
    )
    fields = record.fields
    assert (fields["Name"], fields["msg"], fields["Policy"]) == ("Denied | dropped", "a = b", "outside in")
    assert (fields["src_ip"], fields["action"]) == ("10.0.0.1", "deny")
    assert (record.host, record.occurred_at) == ("fw1", datetime(2026, 11, 24, 8, 59, 1, tzinfo=UTC))
    assert route(record) == Route("acme", frozenset({"firewall"}), frozenset({"edgefirewall"}))
    plain = one(b"CEF:0|A|B|1|2|n|3|rt=1764000000000 dhost=db")
    assert (plain.host, plain.occurred_at) == ("db", datetime.fromtimestamp(1764000000, UTC))


def test_okta_spreads_the_lists_of_its_targets() -> None:
    record = one(
        {
            "uuid": "u1",
            "eventType": "user.mfa.factor.deactivate",
            "published": "2026-11-24T08:00:00.000Z",
            "actor": {"alternateId": "eve@example.org"},
            "client": {"ipAddress": "203.0.113.4"},
            "target": [{"displayName": "Admin Console"}, {"displayName": "Bob"}],
        }
    )
    assert record.fields["target.displayName"] == ["Admin Console", "Bob"]
    assert (record.address, route(record).services) == ("203.0.113.4", frozenset({"okta"}))


def test_microsofts_logs_are_told_apart_and_have_the_names_that_rules_use() -> None:
    office = one(
        {
            "CreationTime": "2026-11-24T08:00:00",
            "Id": "i1",
            "Operation": "New-InboxRule",
            "Workload": "Exchange",
            "ClientIP": "[2001:db8::1]:443",
            "Parameters": [{"Name": "ForwardTo", "Value": "x@example.org"}],
        }
    )
    assert (office.address, office.fields["Parameters.Value"]) == ("2001:db8::1", ["x@example.org"])
    assert (office.fields["eventSource"], route(office).services) == ("Exchange", frozenset({"audit", "exchange"}))
    sign_in = one(
        {
            "time": "2026-11-24T08:00:00Z",
            "category": "SignInLogs",
            "operationName": "Sign-in activity",
            "resultType": "50126",
            "properties": {"id": "i2", "riskState": "atRisk", "deviceDetail": {"trustType": ""}},
        }
    )
    assert (sign_in.fields["ResultType"], sign_in.fields["RiskState"]) == ("50126", "atRisk")
    assert route(sign_in) == Route("azure", frozenset(), frozenset({"signinlogs"}))
    audit = one({"id": "i3", "activityDisplayName": "Add member to role", "initiatedBy": {}})
    assert (route(audit).services, audit.fields["properties.message"]) == (
        frozenset({"auditlogs"}),
        "Add member to role",
    )


def test_a_kubernetes_audit_event_has_the_short_names_of_what_lies_deep() -> None:
    event = {
        "kind": "Event",
        "auditID": "a1",
        "stage": "ResponseComplete",
        "verb": "create",
        "requestURI": "/api/v1/namespaces/x/pods",
        "sourceIPs": ["10.1.1.1"],
        "objectRef": {"resource": "pods", "apiGroup": ""},
        "stageTimestamp": "2026-11-24T08:00:00.000000Z",
        "requestObject": {
            "spec": {
                "volumes": [{"hostPath": {"path": "/"}}, {"emptyDir": {}}],
                "containers": [{"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}],
            }
        },
    }
    record = one(event)
    assert (record.fields["hostPath"], record.fields["capabilities"]) == (["/"], ["SYS_ADMIN"])
    assert route(record) == Route("kubernetes", frozenset({"application"}), frozenset({"audit"}))
    wrapped = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": [event, event]}
    assert len(read(json.dumps(wrapped, indent=1).encode())) == 2


@pytest.mark.parametrize("written", ["line", "indented", "two lines"])
def test_an_object_that_only_wraps_records_gives_each_of_them(written: str) -> None:
    event = {
        "eventID": "e",
        "eventSource": "s3",
        "eventName": "n",
        "awsRegion": "x",
        "eventTime": "2026-11-24T08:00:00Z",
    }
    wrapped = {"Records": [{**event, "eventID": str(at)} for at in range(3)]}
    text = json.dumps(wrapped, indent=2 if written == "indented" else None).encode()
    records = read(text + b"\n" + text if written == "two lines" else text)
    assert [record.fields["eventID"] for record in records] == ["0", "1", "2"] * (2 if written == "two lines" else 1)


def test_an_ocsf_event_has_the_names_of_sigmas_category_too() -> None:
    record = one(
        {
            "class_uid": 1007,
            "category_uid": 1,
            "time": 1764000000000,
            "metadata": {"uid": "m1"},
            "device": {"hostname": "pc", "os": {"type": "Windows"}},
            "process": {"cmd_line": "x -y", "file": {"path": "C:\\x.exe"}},
        }
    )
    assert (record.fields["Image"], record.fields["CommandLine"], record.host) == ("C:\\x.exe", "x -y", "pc")
    assert route(record) == Route("windows", frozenset({"process_creation"}), frozenset())


MAPPING = b"""
format: csv
time: {field: when, format: "%d.%m.%Y %H:%M:%S"}
logsource: {product: acme, category: firewall}
host: {field: box}
rename: {src: src_ip}
delimiter: ";"
"""


def test_a_declared_mapping_reads_csv_and_json_that_nobody_knows() -> None:
    rows = b'fw1;24.11.2026 08:00:00;10.0.0.1\nfw1;"broken;10.0.0.2\nfw2;24.11.2026 08:00:01;10.0.0.3\n'
    reading = BatchReading(b"box;when;src\n" + rows, Format.AUTOMATIC, mapping=Mapping.read(MAPPING))
    first, second = reading.records()
    assert dict(reading.put_aside) == {"FIELDS_MISSING": 1}
    assert (first.host, first.occurred_at) == ("fw1", datetime(2026, 11, 24, 8, tzinfo=UTC))
    assert (second.fields["src_ip"], route(second)) == ("10.0.0.3", Route("acme", frozenset({"firewall"})))
    text = b"{format: json, time: {field: a.t, format: milliseconds}, logsource: {service: own}}"
    (record,) = read(b'{"a": {"t": 1764000000000}}', mapping=Mapping.read(text))
    assert record.occurred_at == datetime.fromtimestamp(1764000000, UTC)


@pytest.mark.parametrize("text", [b"[", b"format: xml", b"a: &a [x]\nb: [*a,*a]", b"x" * 70_000, b"format: json"])
def test_a_mapping_that_says_too_little_or_too_much_is_refused(text: bytes) -> None:
    with pytest.raises(MappingUnreadable):
        Mapping.read(text)


def test_what_a_shipper_wraps_is_read_as_if_it_had_come_alone() -> None:
    plain = one(harmless("A", 1))
    wrapped = one({"tenet.otlp": {"body": harmless("A", 1), "time": 1764000000 * 10**9}})
    assert (wrapped.fields, wrapped.key) == (plain.fields, plain.key)
    line = one({"tenet.hec": {"event": "Nov 24 08:59:01 h sshd[1]: no", "host": "other", "time": 1764000000}})
    assert (line.source, line.host) == (Source.SYSLOG, "h")
    unknown = one({"tenet.hec": {"event": {"a": 1}, "host": "h1", "time": "1764000000.5", "sourcetype": "own"}})
    assert (unknown.source, unknown.host, unknown.fields["a"]) == (Source.GENERIC, "h1", 1)
    assert route(unknown) == Route("", frozenset(), frozenset({"own"}))


def test_formats_may_mix_from_record_to_record() -> None:
    mixed = lines(harmless("A", 1)) + AUDIT + b"Nov 24 08:59:01 h su: x\n" + lines(harmless("A", 2))
    assert sorted(record.source for record in read(mixed)) == ["auditd", "auditd", "syslog", "windows", "windows"]


def test_equal_records_without_an_identifier_are_told_apart_by_their_place_however_they_are_cut() -> None:
    line = b"1642213952,n,1.1.1.1,h,s\n"
    whole = [record.key for record in read(line * 4, first_record=10)]
    parts = [record.key for at in range(4) for record in read(line, first_record=10 + at)]
    assert whole == parts
    assert len(set(whole)) == 4


@given(
    st.lists(
        st.sampled_from(
            (
                b"type=EXECVE msg=audit(1.1:1): a0=",
                b"type=SYSCALL msg=audit(1.1:1): msg='op=x a=\"",
                b"#fields\ta\tb",
                b"#separator \\x",
                b"CEF:0|a|b|c|",
                b"<34>1 - - - - - [",
                b"Oct 11 22:14:15 h p: ",
                b'{"ts":1,"uid":[[{"a":1}]]}',
                b'{"Records":[{"a":1},{"eventSource":1,"eventName":{},"awsRegion":[]}]}',
                b'{"class_uid":"x","metadata":[]}',
                b'{"operationName":{},"category":[],"time":{}}',
                b'{"CreationTime":[],"Operation":{},"Workload":{}}',
                b'{"auditID":1,"verb":[],"objectRef":[],"sourceIPs":{}}',
                b'{"eventType":1,"published":[],"actor":[]}',
                b'{"tenet.hec":{"event":[1]}}',
                b'{"tenet.otlp":{"body":{"tenet.otlp":{}}}}',
                b'{"_source":{"winlog":[],"System":[]}}',
                b'{"ID":"1.000:1","SYSCALL":[{}],"EXECVE":[]}',
                b'{"AuditData":"{}","message":1}',
                b"<Event><System><EventID>1</EventID>",
                b"</Event>",
                b"ElfFile\x00",
                b"\x28\xb5\x2f\xfd",
            )
        ).flatmap(lambda start: st.binary(max_size=30).map(lambda rest: start + rest)),
        max_size=6,
    )
)
def test_no_line_of_any_format_makes_the_reader_fail_or_miscount_or_lose_its_neighbour(parts: list[bytes]) -> None:
    content = lines(harmless("A", 1)) + b"".join(part.replace(b"\n", b"") + b"\n" for part in parts)
    reading = BatchReading(content + lines(harmless("A", 2)), Format.AUTOMATIC, received_at=NOW)
    records = list(reading.records())
    for record in records:
        route_of(record.source, record.fields, record.logsource)
    assert reading.total == len(records) + sum(reading.put_aside.values())
    assert len([record for record in records if record.host == "A" and record.source is Source.WINDOWS]) == 2
