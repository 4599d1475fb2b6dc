"""What rows of lists say where a whole would not fit."""

import pytest
from tenet.assets.v1 import assets_pb2 as assets
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_clocks_read_pb2 as clocks_pb

from infra.cli import clocks, findings

TITLE = "A host that is not registered appears in telemetry"


def test_a_newcomers_row_names_its_host() -> None:
    found = assets.Finding(
        kind=assets.FINDING_KIND_NEWCOMER, title=TITLE, detail=common.SealedText(value="mail-01"), severity_id=3
    )
    assert findings.what(found) == f"{TITLE}: mail-01"
    found.detail.CopyFrom(common.SealedText(withheld=True))
    assert findings.what(found) == f"{TITLE}: (withheld)"


def test_the_row_of_an_exposure_names_its_vulnerability_and_not_its_detail() -> None:
    found = assets.Finding(
        kind=assets.FINDING_KIND_EXPOSURE,
        title="Old ERP",
        vulnerability_id="CVE-2025-31324",
        detail=common.SealedText(value="on port 443"),
    )
    assert findings.what(found) == "Old ERP CVE-2025-31324"


def test_ages_and_sources_are_not_cut_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    ages = clocks_pb.Ages(counts=[3, 0])
    ages.upper_bounds.add().FromSeconds(60)
    sensor = "sensor-73bcyvvvfnpx895w23a1qhmmrh"
    source = clocks_pb.SourceClocks(tenant_id="clinic", sensor_id=sensor, raised=ages, triaged=ages, judged=ages)
    clocks._show_detections([source])
    shown = capsys.readouterr().out.splitlines()
    assert any(line.split()[-1:] == [sensor] or f"{sensor} " in line for line in shown)
    assert sum(line.count("≤\N{NO-BREAK SPACE}1\N{NO-BREAK SPACE}min") for line in shown) == 3
