"""Windows events in the shapes of further shippers and exports, and as XML."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.detections.config import MAX_NESTING, MAX_RECORD_BYTES
from services.detections.domain.formats.pieces import cut_events
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format, parsed_of
from services.detections.domain.formats.records import Parsed, Reason, Unreadable
from services.detections.domain.sigma.logsources import Route, route_of
from tests.services.detections.records import SYSMON, harmless, lines

AT = "2026-11-24T03:00:00.123Z"
IMAGE = "C:\\x.exe"
NAMED = f"<Data Name='Image'>{IMAGE}</Data>"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"


def event(host: str = "HOST", channel: str = SYSMON, number: int = 1, data: str = "", more: str = "") -> str:
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        f"<Provider Name='P' Guid='{{1}}'/><EventID>{number}</EventID><TimeCreated SystemTime='{AT}'/>"
        f"<EventRecordID>7</EventRecordID><Channel>{channel}</Channel><Computer>{host}</Computer></System>"
        f"<EventData>{data or NAMED}</EventData>{more}</Event>"
    )


def one(value: dict[str, Any] | str) -> Parsed:
    (parsed,) = parsed_of(value.encode() if isinstance(value, str) else json.dumps(value).encode())
    return parsed


def route(parsed: Parsed) -> Route:
    found = route_of(parsed.source, parsed.fields)
    assert found is not None
    return found


WINLOG = {"channel": SYSMON, "event_id": 1, "computer_name": "HOST", "record_id": 7, "provider_name": "P"}
FLAT = {"Channel": SYSMON, "EventID": 1, "Computer": "HOST", "EventRecordID": 7, "TimeCreated": AT, "Provider": "P"}
SYSTEM = {"Channel": SYSMON, "EventID": {"Value": 1}, "Computer": "HOST", "EventRecordID": 7, "Provider": {"Name": "P"}}
OLD = {"log_name": SYSMON, "event_id": 1, "computer_name": "HOST", "record_number": "7", "source_name": "P"}


@pytest.mark.parametrize(
    "shape",
    [
        {
            "@timestamp": AT,
            **{f"winlog.{name}": item for name, item in WINLOG.items()},
            "winlog.event_data.Image": IMAGE,
        },
        {"@timestamp": AT, **OLD, "event_data": {"Image": IMAGE}},
        {"System": {**SYSTEM, "TimeCreated": {"SystemTime": 1795489200.123}}, "EventData": {"Image": IMAGE}},
        {**FLAT, "Image": IMAGE},
        {**FLAT, "EventID": 1.0, "Image": IMAGE},
        {**FLAT, "EventData": {"Image": IMAGE}},
        {**FLAT, "Provider": {"Name": "P"}, "Image": IMAGE},
        {"_index": "x", "_source": {"@timestamp": AT, "winlog": {**WINLOG, "event_data": {"Image": IMAGE}}}},
        {"preview": False, "result": {"_raw": event()}},
        event(),
        f"2026-11-24T03:00:00+00:00 HOST sysmon: {event()}",
    ],
)
def test_the_same_event_is_the_same_in_every_shape(shape: dict[str, Any] | str) -> None:
    parsed = one(shape)
    assert (parsed.host, parsed.occurred_at) == ("HOST", datetime(2026, 11, 24, 3, 0, 0, 123000, tzinfo=UTC))
    wanted = {"EventID": "1", "Channel": SYSMON, "Provider_Name": "P", "Computer": "HOST", "Image": IMAGE}
    assert {name: parsed.fields.get(name) for name in wanted} == wanted
    assert route(parsed).categories == {"process_creation"}


def test_what_winlogbeat_numbers_is_the_data_without_names() -> None:
    winlog = {"channel": "Windows PowerShell", "event_id": 400, "event_data": {"param1": "a", "param2": "b"}}
    parsed = one({"winlog": {**winlog, "provider_name": "PowerShell"}})
    assert parsed.fields["Data"] == ["a", "b"]


@pytest.mark.parametrize("whole", [None, "x", 1.5, ["x"], {"User": "a"}])
def test_dotted_data_beside_what_stands_for_all_of_it_is_read(whole: object) -> None:
    dotted = {f"winlog.{name}": item for name, item in WINLOG.items()}
    fields = one({"@timestamp": AT, **dotted, "winlog.event_data": whole, "winlog.event_data.Image": IMAGE}).fields
    assert fields["Image"] == IMAGE
    assert fields.get("User") == ("a" if isinstance(whole, dict) else None)


def test_sysmon_for_linux_is_of_linux() -> None:
    found = route(one(event(channel="Linux-Sysmon/Operational", number=3)))
    assert (found.product, set(found.categories)) == ("linux", {"network_connection"})


def test_defenders_names_lose_their_spaces_and_a_threat_is_what_an_antivirus_reports() -> None:
    data = {"Threat Name": "EICAR", "Source Name": "AMSI", "Path": "file:_C:\\x"}
    system = {"Channel": DEFENDER, "EventID": 1116, "Provider": {"#attributes": {"Name": "P"}}}
    parsed = one({"Event": {"System": system, "EventData": data}})
    wanted = {"ThreatName": "EICAR", "SourceName": "AMSI", "Signature": "EICAR", "Filename": "file:_C:\\x"}
    assert {name: parsed.fields.get(name) for name in wanted} == wanted
    assert route(parsed).categories == {"antivirus"}
    assert route(parsed).services == {"windefend"}


@pytest.mark.parametrize(
    ("channel", "service"),
    [
        ("Microsoft-Windows-PrintService/Admin", "printservice-admin"),
        ("Microsoft-Windows-PrintService/Operational", "printservice-operational"),
        ("Microsoft-Windows-Ldap-Client/Debug", "ldap"),
        ("Microsoft-Windows-DNS Client Events/Operational", "dns-client"),
        ("Microsoft-Windows-BitLocker/BitLocker Management", "bitlocker"),
    ],
)
def test_a_channel_is_of_the_service_of_the_taxonomy_however_it_is_written(channel: str, service: str) -> None:
    for written in (channel, channel.upper()):
        assert service in route(one({"Channel": written, "EventID": 1})).services


def test_xml_keeps_unnamed_data_nested_data_repeated_names_and_the_message() -> None:
    data = "<Data>a</Data><Data>b</Data><Data Name='N'>1</Data><Data Name='N'>2</Data>"
    more = "<RenderingInfo><Message>said</Message></RenderingInfo>"
    fields = one(event(data=data, more=more)).fields
    assert (fields["Data"], fields["N"], fields["Message"]) == (["a", "b"], ["1", "2"], "said")
    user = (
        event()
        .replace("EventData", "UserData")
        .replace("<Data Name='Image'>", "<In><Image>")
        .replace("</Data>", "</Image></In>")
    )
    assert one(user).fields["Image"] == IMAGE


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ("<Data Name='Data'>a</Data><Data>b</Data>", ["a", "b"]),
        ("<Data>a</Data><Data Name='Data'>b</Data><Data>c</Data>", ["a", "b", "c"]),
        ("<Data Name='Data'><Inner>a</Inner></Data><Data>b</Data>", ["b"]),
    ],
)
def test_data_that_is_called_as_unnamed_data_is_lies_beside_it(data: str, kept: list[str]) -> None:
    assert one(event(data=data)).fields["Data"] == kept


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (event(data="<Data Name='a'>&nothing;</Data>"), Reason.NOT_XML),
        (event(data="<Data Name='a'>1</Nothing>"), Reason.NOT_XML),
        (event(more="<!DOCTYPE x [<!ENTITY a 'b'>]>"), Reason.NOT_XML),
        (event(data="<a>" * (MAX_NESTING + 2) + "x" + "</a>" * (MAX_NESTING + 2)), Reason.NESTED_TOO_DEEPLY),
        (event(data="<Data>x</Data>" * 2_001), Reason.TOO_MANY_FIELDS),
        ("<Event><EventData/></Event>", Reason.FIELDS_MISSING),
    ],
)
def test_xml_that_cannot_be_read_says_why(content: str, reason: Reason) -> None:
    with pytest.raises(Unreadable) as raised:
        one(content)
    assert raised.value.reason is reason


def read(content: bytes, stated: Format = Format.AUTOMATIC) -> tuple[list[str], dict[str, int]]:
    reading = BatchReading(content, stated)
    return [record.host for record in reading.records()], {str(reason): n for reason, n in reading.put_aside.items()}


@pytest.mark.parametrize("stated", [Format.AUTOMATIC, Format.WINDOWS_EVENT])
def test_events_in_xml_may_take_several_lines_and_a_broken_one_costs_no_neighbour(stated: Format) -> None:
    spread = event("B").replace("><", ">\n<")
    broken = event("C").replace("</Event>", "")
    content = "\n".join(("<?xml version='1.0'?>", "<Events>", event("A"), spread, broken, event("D"), "</Events>"))
    assert read(content.encode(), stated) == (["A", "B", "D"], {"NOT_XML": 1})


@pytest.mark.parametrize("content", [b"<?xml version='1.0'?>\n<a>\n<b/>\n</a>\n", b"<Events>\n</Events>"])
def test_xml_without_any_event_is_put_aside_as_one(content: bytes) -> None:
    assert read(content) == ([], {"NOT_XML": 1})


def test_records_of_other_formats_among_events_in_xml_are_read() -> None:
    content = event("A").encode() + b"\n" + lines(harmless("J", 1)) + event("B").encode()
    assert read(content) == (["A", "J", "B"], {})


def test_an_event_in_xml_that_is_too_long_is_skipped_without_being_held() -> None:
    chunks = [event("A").encode(), b"<Event>", *[b"x" * 65_536] * 40, b"</Eve", b"nt>", event("B").encode()]
    found = [piece for piece in cut_events(chunks) if piece is not None]
    assert [piece.reason for piece in found] == [None, Reason.RECORD_TOO_LONG, None]
    assert all(len(piece.data) <= MAX_RECORD_BYTES for piece in found)


def test_xml_is_no_row_of_a_table_that_a_header_before_it_announced() -> None:
    content = b"time,name,ip,host,short\n1642213000,N,10.0.0.1,web,S\n" + event("A").encode()
    assert read(content) == (["web", "A"], {})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_text_in_utf16_with_its_mark_is_read(encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    content = (mark + lines(harmless("ä", 1), harmless("b", 2)).decode()).encode(encoding)
    assert read(content) == (["ä", "b"], {})
