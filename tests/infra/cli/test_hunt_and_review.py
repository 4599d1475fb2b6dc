"""`tenet hunt` and `tenet review` as people use them, on a whole running system."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tenet.common.v1 import common_pb2 as common
from typer.testing import CliRunner

from infra.cli.__main__ import app
from tests.fixtures.customers import Provider
from tests.fixtures.running_system import RunningSystem, running_system
from tests.services.detections.records import harmless, lines

TENANT = "hunted"
LIMIT_SECONDS = 120.0
runner = CliRunner()
RULE = """
title: Notepad was started
id: 5a1e3f0c-0000-4000-8000-000000000003
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: notepad}
  condition: selection
level: medium
"""


@pytest.fixture(scope="module")
def system() -> Iterator[RunningSystem]:
    with running_system() as running:
        yield running


def run(*words: str, who: str = "", fails: bool = False) -> str:
    result = runner.invoke(app, [*words, *(("--as", who) if who else ())])
    assert (result.exit_code != 0) is fails, (words, result.output)
    return result.output


def wait(*words: str, who: str, for_: str) -> str:
    """What a command prints, once it holds a text."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while for_ not in (told := run(*words, who=who)):
        assert time.monotonic() < deadline, told
        time.sleep(0.2)
    return told


def test_people_hunt_by_rule_and_indicators_and_judge_a_share_twice(
    system: RunningSystem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def people() -> tuple[str, str, str, str]:
        async with Provider(system) as provider:
            customer = await provider.onboard(TENANT)
            _, second = await provider.person("provider", common.ROLE_ANALYST, TENANT)
            _, lead = await provider.person("provider", common.ROLE_LEAD, TENANT)
            return customer.analyst, second, lead, customer.sensor

    analyst, second, lead, sensor = asyncio.run(people())
    monkeypatch.setenv("TENET_STATE", str(system.state))
    monkeypatch.setenv("COLUMNS", "300")
    records, rule, listed = tmp_path / "records.json", tmp_path / "rule.yml", tmp_path / "list.csv"
    records.write_bytes(lines(harmless("desk-1", 1), harmless("desk-2", 2)))
    rule.write_text(RULE)
    listed.write_text("kind,value\nfile_name,notepad.exe\n")
    with monkeypatch.context() as machine:
        machine.setenv("TENET_API_KEY", sensor)
        run("ingest", "--tenant", TENANT, str(records))

    asked = ("hunt", "--tenant", TENANT, "--reason", "a test", "--from", "2026-11-01T00:00:00Z")
    wait(*asked, "--sql", "SELECT count(*) AS n FROM telemetry", "--json", who=analyst, for_='"n": 2')
    dry = run(*asked, "--rule", f"@{rule}", "--dry-run", who=analyst)
    assert "2 hits" in dry
    assert "raised or added to" not in dry
    found = json.loads(run(*asked, "--rule", f"@{rule}", "--json", who=analyst))
    assert len(found["hits"]) == len(found["result"]["detection_ids"]) == 2
    assert "2 had counted before" in run(*asked, "--rule", f"@{rule}", who=analyst)
    assert "indicator: file name notepad.exe" in run(*asked, "--indicators", str(listed), who=analyst)
    detection = found["result"]["detection_ids"][0]
    assert "in retrospect" in run("detection", "show", "--tenant", TENANT, detection, who=analyst)
    listed.write_text("kind,value\nmd5,nothing\n")
    assert "INDICATOR_LIST_UNREADABLE" in run(*asked, "--indicators", str(listed), who=analyst, fails=True)
    run(*asked, who=analyst, fails=True)
    run(*asked, "--rule", "@/nowhere", who=analyst, fails=True)

    run("review", "share", "--tenant", TENANT, "100%", "--reason", "quality", who=lead)
    assert "100 %" in run("review", "share", "--tenant", TENANT, who=lead)
    run("review", "share", "--tenant", TENANT, "120%", "--reason", "quality", who=lead, fails=True)
    judged = ("detection", "validate", "--tenant", TENANT, detection, "benign_expected", "--rationale", "known here")
    run(*judged, who=analyst)
    queue = json.loads(wait("review", "queue", "--tenant", TENANT, "--json", who=second, for_="review_id"))
    review = queue["items"][0]["review_id"]
    assert "known here" not in json.dumps(queue)
    given = (
        "review",
        "give",
        "--tenant",
        TENANT,
        review,
        "malicious",
        "--confidence",
        "60",
        "--rationale",
        "I doubt it",
    )
    run(*given, who=analyst, fails=True)
    assert "another one" in run(*given, who=second)
    assert "benign_expected" in run("review", "list", "--tenant", TENANT, who=lead)
    told = run("review", "agreement", "--tenant", TENANT, who=lead)
    assert "0 %" in told
    assert "Cohen's kappa" in told
