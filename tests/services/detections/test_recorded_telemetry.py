"""Recorded telemetry and rules by others: every record is read, no rule is skipped in silence, attacks are seen."""

from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pytest

from benchmarks import ait_grouping
from services.detections.domain.formats.reading import BatchReading
from services.detections.domain.formats.recognition import Format
from services.detections.domain.formats.records import Record
from services.detections.domain.sigma.engine import Engine
from services.detections.domain.sigma.logsources import route_of
from services.detections.domain.sigma.packs import CompiledPack, compile_pack
from tests.services.detections.records import (
    lines,
    network_sign_in,
    ransom_note,
    remote_desktop,
    shadow_copies_deleted,
    web_shell,
    worm_service,
)

ATTACKS = {
    "cmd_bitsadmin_download_psh_script": (424, "T1197"),
    "cmd_lsass_memory_dumpert_syscalls": (118, "T1003.001"),
    "cmd_mshta_vbscript_execute_psh": (1127, "T1218.005"),
    "cmd_seatbelt_group_user": (451, None),
    "covenant_wmi_remote_event_subscription_ActiveScriptEventConsumers": (3719, "T1546.003"),
    "ec2_proxy_s3_exfiltration": (103, None),
    "empire_mimikatz_logonpasswords": (6026, "T1003.001"),
    "empire_psexec_dcerpc_tcp_svcctl": (4348, "T1569.002"),
    "psh_cmstp_execution_bypassuac": (1166, "T1218.003"),
    "psh_lsass_memory_dump_comsvcs": (184, "T1003.001"),
    "psh_python_webserver": (2395, None),
    "schtask_create": (1041, "T1053.005"),
}
"""Records in each recording, and the technique that our own rules see in it (None: they have no rule for it)."""
ALERTS = {"fox": 473_104, "russellmitchell": 45_544, "santos": 130_779}


@pytest.fixture(scope="session")
def published(shared_data: Path) -> CompiledPack:
    return compile_pack((shared_data / "sigma" / "rules.zip").read_bytes())


def read(content: bytes) -> list[Record]:
    reading = BatchReading(content, Format.AUTOMATIC)
    records = list(reading.records())
    assert not reading.put_aside
    return records


def techniques(engine: Engine, records: list[Record]) -> Counter[str]:
    found: Counter[str] = Counter()
    for record in records:
        route = route_of(record.source, record.fields)
        for rule in engine.match(route, record.fields) if route else ():
            found.update(rule.techniques)
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_a_recorded_attack_is_read_whole_and_our_rules_see_it(shared_data: Path, own_pack: bytes, name: str) -> None:
    count, technique = ATTACKS[name]
    records = read((shared_data / "security-datasets" / f"{name}.zip").read_bytes())
    assert len(records) == count
    assert all(record.occurred_at for record in records)
    assert len({record.key for record in records}) == count
    if technique:
        assert techniques(Engine(compile_pack(own_pack).rules), records)[technique]


@pytest.mark.parametrize("name", ALERTS)
def test_the_alerts_of_a_whole_organisation_are_read(shared_data: Path, name: str) -> None:
    reading = BatchReading((shared_data / "ait-alerts" / f"{name}_alerts.csv.gz").read_bytes(), Format.ALERT_CSV)
    count = sum(1 for record in reading.records() if record.alert is not None)
    assert (count, dict(reading.put_aside)) == (ALERTS[name], {})


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("suricata/first-org-conf-2015-alerts.json", 136),
        ("wazuh/ossec_insect.json", 497),
        ("cloudtrail-stratus.zip", 310),
    ],
)
def test_records_of_other_products_are_read_whole(shared_data: Path, path: str, count: int) -> None:
    assert len(read((shared_data / path).read_bytes())) == count


def test_the_published_rules_load_and_every_one_that_does_not_is_named(published: CompiledPack) -> None:
    print(f"{len(published.rules)} rules compile; the others: {published.failed}")
    assert len(published.rules) + len(published.failed) == 3_757
    assert len(published.rules) >= 3_755
    assert {reason for _, reason in published.failed} == {"The placeholder %known_cdcs% has no list of values."}


def test_every_published_regression_pair_fires(shared_data: Path, published: CompiledPack) -> None:
    engine = Engine(published.rules)
    silent, pairs = [], 0
    with ZipFile(shared_data / "sigma" / "regression.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                pairs += 1
                rule_id = Path(name).stem
                fired = {
                    rule.rule_id
                    for record in read(archive.read(name))
                    if (route := route_of(record.source, record.fields))
                    for rule in engine.match(route, record.fields)
                }
                if rule_id not in fired:
                    silent.append(name)
    print(f"{pairs - len(silent)} of {pairs} regression pairs fire")
    assert pairs == 106
    assert silent == []


@pytest.mark.parametrize(
    ("record", "title"),
    [
        (shadow_copies_deleted("H", 1), "Shadow Copies or Backups Deleted"),
        (ransom_note("H", 1), "Ransom Note Written"),
        (web_shell("ERP", 1), "Web Server Process Starts a Shell"),
        (remote_desktop("DC", 1, "finance-admin", "203.0.113.7"), "Remote Desktop Sign-In From a Public Address"),
        (network_sign_in("MAIL", 1, "cfo", "198.51.100.4"), "Network Sign-In From a Public Address"),
        (worm_service("HMI-4", 1), "Service Installed That Runs a Shell or a Remote File"),
    ],
)
def test_our_rules_see_the_manifestos_examples(own_pack: bytes, record: dict[str, object], title: str) -> None:
    (parsed,) = read(lines(record))
    route = route_of(parsed.source, parsed.fields)
    assert route is not None
    assert [rule.title for rule in Engine(compile_pack(own_pack).rules).match(route, parsed.fields)] == [title]


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.9", "::1", "fe80::3", "-"])
def test_a_sign_in_from_inside_is_no_detection(own_pack: bytes, address: str) -> None:
    engine = Engine(compile_pack(own_pack).rules)
    for record in read(lines(remote_desktop("DC", 1, "a", address), network_sign_in("DC", 2, "a", address))):
        route = route_of(record.source, record.fields)
        assert route is not None
        assert not engine.match(route, record.fields)


def test_every_rule_of_ours_compiles_and_names_a_technique(own_pack: bytes) -> None:
    pack = compile_pack(own_pack)
    assert pack.failed == ()
    assert len(pack.rules) == 16
    assert all(rule.techniques and rule.severity_id for rule in pack.rules)


@pytest.mark.parametrize("name", ["russellmitchell"])
def test_hardly_a_detection_mixes_attack_with_noise_and_no_phase_of_an_attack_is_unseen(
    shared_data: Path, name: str
) -> None:
    counted = ait_grouping.counted(shared_data / "ait-alerts" / f"{name}_alerts.csv.gz")
    assert (counted.alerts, counted.unseen) == (ALERTS[name], set())
    assert len(counted.phases) == 9
    assert counted.ratio > 80
    assert counted.mixed_percent <= 0.5
