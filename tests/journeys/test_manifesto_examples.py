"""The manifesto's five worked examples, end to end, through the public API, on one whole system.

Each asserts by reading: the order in which things happened, the refusal, the effect at the receiver, and the figures
of the report that the customer gets.
"""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from infra.cli.demo import bank, clinic, holding, manufacturer, retailer
from infra.cli.demo.casework import Casework
from infra.cli.demo.cast import BANK, CLINIC, HOLDING, MANUFACTURER, RETAILER
from infra.cli.demo.ending import suggestions
from infra.cli.demo.stage import Stage
from infra.runtime.settings import CHECKOUT, Settings
from tests.journeys.readings import entries, first, in_order, rebuilt_equal, receivers_state, refusals, report

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(150)]
FREEZE_SECONDS = 20.0
ISOLATED_WITHIN_MILLISECONDS = 60_000


async def test_the_retailers_erp_is_watched_during_the_freeze_and_patched_when_it_ends(
    stage: Stage, tmp_path: Path
) -> None:
    case, finding_id = await retailer.during_the_freeze(stage, FREEZE_SECONDS)
    erp = await receivers_state(stage, "ret-erp-01")
    assert erp["monitoring"] == "raised"
    assert "patch" not in erp
    dispatched = [e.data["action"] for e in await entries(stage, "retailer") if e.event == "ActionDispatched"]
    assert dispatched == ["set"], "nothing active was dispatched during the freeze"

    await retailer.after_the_freeze(stage, case, finding_id)

    found = await entries(stage, "retailer")
    assert in_order(
        first(found, "FindingReported", finding_id=finding_id),
        first(found, "FindingValidated", finding_id=finding_id),
        first(found, "CaseOpened", case_id=case.case_id),
        first(found, "PlanDecided", precedence="freeze", mode="understand"),
        first(found, "NoticeSent"),
        first(found, "PlanApproved"),
        first(found, "StepReleased", step_id="patch-1"),
        first(found, "ActionDispatched", action="update"),
        first(found, "FindingFixVerified"),
        first(found, "CaseClosed", cause_addressed=True),
    )
    assert refusals(stage, "retailer") == ["NOT_VALIDATED", "INVESTIGATE_ONLY"]
    assert (await receivers_state(stage, "ret-erp-01"))["patch"] == "applied"
    published, figures = await report(stage, RETAILER, tmp_path)
    assert figures["findings.reported.exposure"] == 1
    assert figures["findings.missing.likelihood"] == 1
    assert figures["findings.exploited_open_at_end"] == 0
    assert figures["findings.fix_verified"] == 1
    assert figures["actions.remediate.verified"] == 1
    assert figures["actions.contain.dispatched"] == 0
    assert figures["cases.closed"] == 1
    assert await rebuilt_equal(stage, published)


async def test_the_clinics_affected_devices_are_all_isolated_by_a_signature_given_before(
    stage: Stage, tmp_path: Path
) -> None:
    cases = await clinic.play(stage)

    found = await entries(stage, "clinic")
    assert len(cases) == len(clinic.HOSTS)
    for case in cases:
        own = [e for e in found if case.case_id in (e.data.get("case_id"), e.data.get("basis", {}).get("case_id"))]
        assert in_order(
            first(own, "CaseOpened"),
            first(own, "PlanDecided", mode="stop"),
            first(own, "ActionDispatched", action="contain"),
            first(own, "ActionDispatched", action="copy"),
            first(own, "ActionDispatched", action="stop"),
            first(own, "NoticeSent"),
            first(own, "ActionDispatched", action="allow"),
            first(own, "CaseClosed", cause_addressed=True),
        )
    isolations = [e for e in found if e.event == "ActionDispatched" and e.data["action"] == "contain"]
    assert {e.data["basis"]["preauthorisation_position"] for e in isolations} == {
        first(found, "PreauthorisationSigned")
    }
    assert [e.data["attempt"] for e in isolations] == [1, 1, 1, 2]
    assert first(found, "ActionVerificationFailed", reason="NO_EFFECT") > first(found, "ActionAcknowledged")
    assert refusals(stage, "clinic") == ["NOT_VALIDATED", "STEP_ORDER"]
    for thing in CLINIC.things:
        state = await receivers_state(stage, thing.external)
        assert (state["network"], state["evidence"], state["process"]) == ("connected", "kept", "stopped")
    published, figures = await report(stage, CLINIC, tmp_path)
    assert figures["funnel.telemetry"] == 72
    assert figures["funnel.detections"] == 6
    assert figures["funnel.occurrences"] == 12
    assert figures["verdicts.detection.malicious"] == 3
    assert figures["verdicts.detection.duplicate"] == 3
    assert figures["actions.eliminate.failed"] == 1
    assert figures["actions.eliminate.verified"] == 10
    assert figures["durations.contain_first"] < ISOLATED_WITHIN_MILLISECONDS
    assert figures["cases.closed"] == 3
    assert await rebuilt_equal(stage, published)


async def test_the_administrator_is_asked_over_a_way_that_the_suspected_account_does_not_control(
    stage: Stage, tmp_path: Path
) -> None:
    case = await bank.play(stage)

    found = await entries(stage, "bank")
    answer = first(found, "EnquiryAnswered", expected=False)
    assert in_order(
        first(found, "DetectionRaised"),
        first(found, "DetectionClaimed"),
        first(found, "EnquirySent", channel="phone"),
        answer,
        first(found, "DetectionValidated", verdict="malicious"),
        first(found, "CaseOpened", case_id=case.case_id),
        first(found, "NoticeSent"),
        first(found, "NoticeAcknowledged", decision="lock_out"),
        first(found, "ActionDispatched", action="deny"),
        first(found, "ActionReversed"),
        first(found, "CaseClosed"),
    )
    validated = next(e for e in found if e.event == "DetectionValidated")
    assert [piece["position"] for piece in validated.data["evidence"]] == [answer]
    approvers = [e for e in found if e.event == "PlanApproved"]
    denied = next(e for e in found if e.event == "ActionDispatched" and e.data["action"] == "deny")
    assert denied.data["basis"]["approval_positions"] == [e.position for e in approvers]
    assert len(approvers) == 2
    assert refusals(stage, "bank") == ["ENQUIRY_CHANNEL_SUSPECT", "NOTICE_INCOMPLETE", "SAME_PERSON"]
    assert (await receivers_state(stage, "acct-it-admin"))["sign_in"] == "allowed"
    published, figures = await report(stage, BANK, tmp_path)
    assert figures["actions.contain.verified"] == 2
    assert figures["actions.contain.reversed"] == 1
    assert figures["approvals.given"] == 2
    assert figures["funnel.occurrences"] == 5
    assert await rebuilt_equal(stage, published)


async def test_the_executives_roles_are_cut_and_restored_while_the_account_stays(stage: Stage, tmp_path: Path) -> None:
    case = await holding.play(stage)

    found = await entries(stage, "holding")
    cut = next(e for e in found if e.event == "ActionDispatched" and e.data["argument"] == "roles_reduced")
    assert cut.data["expires_at"] is not None, "containing ends by itself"
    assert in_order(
        first(found, "DetectionValidated", verdict="malicious"),
        first(found, "CaseOpened", case_id=case.case_id),
        first(found, "PlanDecided"),
        cut.position,
        first(found, "NoticeAcknowledged", decision="it_was_me"),
        first(found, "PlanApproved"),
        first(found, "ActionDispatched", action="restore"),
        first(found, "ActionReversed"),
        first(found, "CaseClosed", cause_addressed=True),
    )
    assert not [e for e in found if e.event == "ActionDispatched" and e.data["argument"] == "sign_in"]
    assert refusals(stage, "holding") == ["NOT_A_CUSTOMERS_PERSON", "CAUSE_NOT_ADDRESSED"]
    state = await receivers_state(stage, "acct-managing-director")
    assert state == {"roles": "full"}
    published, figures = await report(stage, HOLDING, tmp_path)
    assert figures["actions.contain.verified"] == 2
    assert figures["actions.contain.reversed"] == 1
    assert figures["mandates.preauthorisations"] == 1
    assert await rebuilt_equal(stage, published)


async def test_the_factorys_second_ring_waits_for_the_first_and_is_protected_meanwhile(
    stage: Stage, tmp_path: Path
) -> None:
    case = await manufacturer.play(stage)

    found = await entries(stage, "manufacturer")
    lines = {asset: name for (tenant, name), asset in stage.assets.items() if tenant == "manufacturer"}
    patched = [
        (lines[e.data["target_asset_id"]], e.position)
        for e in found
        if e.event == "ActionDispatched" and e.data["action"] == "update"
    ]
    protected = [
        e.position for e in found if e.event == "ActionDispatched" and e.data["argument"] == "protection_raised"
    ]
    healthy = first(found, "StepCompleted", step_id="line-1-runs")
    assert patched[0][0] == "plc-1a"
    assert {name for name, _ in patched[1:]} == {"plc-2a", "plc-2b"}
    assert max(protected) < patched[0][1] < healthy < patched[1][1]
    assert in_order(first(found, "FindingFixVerified"), first(found, "CaseClosed", case_id=case.case_id))
    assert refusals(stage, "manufacturer") == ["RING_NOT_HEALTHY"]
    for thing in MANUFACTURER.things:
        state = await receivers_state(stage, thing.external)
        assert (state["patch"], state["protection"], state["monitoring"]) == ("applied", "raised", "raised")
    published, figures = await report(stage, MANUFACTURER, tmp_path)
    assert figures["actions.remediate.verified"] == 6
    assert figures["findings.fix_verified"] == 1
    assert figures["cases.closed"] == 1
    assert await rebuilt_equal(stage, published)


async def test_the_commands_that_the_demonstration_prints_work(
    stage: Stage, settings: Settings, tmp_path: Path
) -> None:
    """Last in this file: it looks at what the clinic's example left."""
    published, _ = await report(stage, CLINIC, tmp_path)
    (case, *_) = await _clinics_cases(stage)
    commands = await suggestions(case, [published], CLINIC)

    assert [len(lines) for lines in commands.values()] == [4, 3, 3]
    for words in [words for lines in commands.values() for words in lines]:
        code, output = await _run(words, settings, tmp_path)
        assert code == 0, f"./tenet {' '.join(words)} ended with {code}: {output}"
        assert output.strip(), f"./tenet {' '.join(words)} said nothing"
        # Lines of `ledger read` are one an entry, for grep and cut, and are never folded.
        if words[0] != "ledger":
            assert [line for line in output.splitlines() if len(line.rstrip()) > 100] == [], words
    assert (tmp_path / "clinic.html").read_bytes().lower().startswith(b"<!doctype html>")


async def _clinics_cases(stage: Stage) -> list[Casework]:
    found = [e.data["case_id"] for e in await entries(stage, "clinic") if e.event == "CaseOpened"]
    if not found:
        await clinic.play(stage)
        found = [e.data["case_id"] for e in await entries(stage, "clinic") if e.event == "CaseOpened"]
    return [Casework(stage, "clinic", case_id) for case_id in found]


async def _run(words: list[str], settings: Settings, directory: Path) -> tuple[int, str]:
    # Run where the file that a command writes may lie; this checkout is imported all the same.
    paths = os.pathsep.join((str(CHECKOUT), str(CHECKOUT / "contracts" / "gen")))
    # As on a terminal of this width; into a pipe each row goes as one line.
    environment = {**os.environ, "TENET_STATE": str(settings.state), "PYTHONPATH": paths, "COLUMNS": "100"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "infra.cli",
        *words,
        cwd=directory,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()
