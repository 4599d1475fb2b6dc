"""What a priority rests on is said in words, and what nobody knew is named."""

import pytest
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_pb2 as pb

from infra.cli.detections import _show_queue
from infra.cli.factors import because, judged_by

RANSOM = pb.TechniqueWeight(
    technique_id="T1486", tactic="impact", users=33, weight_percent=143, source="attack", position=7
)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (
            pb.TriageItem(
                severity_missing=True,
                asset_value_missing=True,
                missing_inputs=["severity", "asset_value", "exposure", "technique", "likelihood", "sightings"],
            ),
            "unknown: severity, value, exposure, technique, likelihood, sightings",
        ),
        (
            pb.TriageItem(severity_id=4, asset_value=5, technique=RANSOM, missing_inputs=["exposure"]),
            "severity 4, value 5, T1486 impact × 1.43; unknown: exposure",
        ),
        (
            pb.TriageItem(
                severity_id=4, asset_value=1, exposure="internet", technique=RANSOM, likelihood_percent=80, sightings=0
            ),
            "severity 4, value 1, exposure internet, T1486 impact × 1.43, 80 % likely, no others",
        ),
        (pb.TriageItem(severity_id=1, asset_value=1, sightings=10), "severity 1, value 1, 10+ others"),
    ],
)
def test_the_known_come_first_and_the_unknown_by_name(item: pb.TriageItem, said: str) -> None:
    assert because(item) == said


def test_the_import_that_judged_is_named() -> None:
    said = judged_by(RANSOM)
    assert said == "T1486 impact × 1.43, used by 33 that it knows; attack, at position 7 of the provider's ledger"
    quiet = pb.TechniqueWeight(technique_id="T1", weight_percent=100, source="s", attack_version="18.0", position=1)
    assert judged_by(quiet) == "T1 × 1.00; s 18.0, at position 1 of the provider's ledger"


ITEM = pb.TriageItem(
    tenant_id="clinic",
    detection_id="detection-08fhj4jxsw4474307s8791r1g1",
    priority=29,
    severity_id=4,
    asset_value=5,
    technique=RANSOM,
    headline=common.SealedText(value="Shadow copies deleted on ward-7"),
    count=2,
    state=pb.TRIAGE_STATE_OPEN,
)


def test_the_queue_says_why_beneath_in_a_terminal_and_in_one_line_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    _show_queue([ITEM])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(ITEM.detection_id in line for line in lines)
    assert any("T1486" in line for line in lines)
    monkeypatch.delenv("COLUMNS")
    _show_queue([ITEM])
    _, _, row = capsys.readouterr().out.splitlines()
    assert "ward-7" in row
    assert "severity 4, value 5, T1486 impact × 1.43" in row
