"""`./tenet demo --from FILE…`: telemetry that was recorded elsewhere, from the file to the report."""

import gzip
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tenet.cases.v1 import cases_pb2 as cases

from infra.cli.batches import Format, batches_of
from infra.cli.demo import recorded
from infra.cli.demo.stage import Stage
from infra.cli.demo.telemetry import process, usual_day
from infra.cli.ingesting import Sending, Totals, send_batches
from tests.journeys.readings import entries, rebuilt_equal, report

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(150)]
TENANT = recorded.RECORDED.tenant_id
ALERTS = 40
USUAL = 300
RAISED_BY_WINDOWS = 2
RAISED_BY_ALERTS = 4


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("recorded")
    now = datetime.now(UTC) - timedelta(hours=1)
    mshta = process("ws-9", r"C:\Windows\System32\mshta.exe", "mshta.exe http://example.test/a.hta", now)
    copies = process("ws-9", r"C:\Windows\System32\vssadmin.exe", "vssadmin delete shadows /all", now)
    windows, alerts = directory / "windows.zip", directory / "alerts.csv.gz"
    with zipfile.ZipFile(windows, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("day.json", "\n".join([*usual_day(["ws-9"], now, USUAL), mshta, copies]))
    lines = [f"{int(now.timestamp())},Probe {n % 4},10.0.0.{n % 4},host-{n % 4},P{n % 4}" for n in range(ALERTS)]
    alerts.write_bytes(gzip.compress("\n".join(["time,name,ip,host,short", *lines]).encode()))
    return [windows, alerts]


async def test_recorded_files_lead_to_detections_cases_and_a_report(
    empty_stage: Stage, files: list[Path], tmp_path: Path
) -> None:
    worked = await recorded.play(empty_stage, files)

    assert len(worked) == recorded.VALIDATED
    for case in worked:
        shown = (await case.look()).case
        assert shown.status == cases.CASE_STATUS_OPEN
        assert [step.step_id for step in shown.plan.steps] == ["examine", "tell-owner", "address-cause"]
    received = [e.data for e in await entries(empty_stage, TENANT) if e.event == "TelemetryReceived"]
    assert [each["records"] for each in received] == [USUAL + 2, ALERTS]
    assert [each["accepted"] for each in received] == [USUAL + 2, ALERTS]
    published, figures = await report(empty_stage, recorded.RECORDED, tmp_path)
    assert figures["funnel.detections"] == RAISED_BY_WINDOWS + RAISED_BY_ALERTS
    assert figures["funnel.confirmed"] == recorded.VALIDATED
    assert figures["cases.open"] == recorded.VALIDATED
    assert await rebuilt_equal(empty_stage, published)


async def test_sending_the_same_files_again_changes_nothing(empty_stage: Stage, files: list[Path]) -> None:
    before = await entries(empty_stage, TENANT)
    sensor = next(e.data["sensor_id"] for e in before if e.event == "TelemetryReceived")
    totals = Totals()
    session = await empty_stage.session(recorded.RECORDED.sensor)
    await send_batches(session, Sending(TENANT, sensor, Format.WINDOWS_EVENT), batches_of(files[:1]), totals)
    assert (totals.batches, totals.records) == (1, USUAL + 2)
    after = await entries(empty_stage, TENANT)
    # Hosts of the first time are discovered when its archive is written, sooner or later.
    taken = {"TelemetryReceived", "DetectionRaised", "DetectionRepeated"}
    assert [e for e in after if e.position >= len(before) and e.event in taken] == []
