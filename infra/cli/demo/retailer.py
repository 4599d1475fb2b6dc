"""The retailer: a weakness in the ERP while the season runs. Nothing active is done until the freeze ends.

In two acts, because the freeze ends in between; the demonstration's freeze ends within the minute.
"""

from datetime import UTC, datetime, timedelta

from tenet.assets.v1 import assets_pb2 as assets_shown
from tenet.assets.v1 import assets_write_pb2 as assets
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from infra.cli.demo.casework import Casework, Notice, observed_at
from infra.cli.demo.cast import RETAILER
from infra.cli.demo.on_call import answered
from infra.cli.demo.stage import Stage
from infra.cli.demo.telemetry import process, send, usual_day
from infra.cli.demo.world import agree_on_charter, furnish

TENANT = RETAILER.tenant_id
WEAKNESS = "CVE-2025-31324"
"""The upload weakness in SAP NetWeaver's Visual Composer, which was exploited in the wild in 2025."""


async def during_the_freeze(stage: Stage, freeze_seconds: float) -> tuple[Casework, str]:
    """The first act. Returns the case and the finding."""
    stage.audience.title(
        "The retailer: a weakness in the ERP, in the busiest weeks of the year",
        "INVESTIGATE: nothing active until the season is over, and watch more closely",
    )
    now = datetime.now(UTC)
    await furnish(stage, RETAILER)
    freeze = {"freeze-start": now - timedelta(days=20), "freeze-end": now + timedelta(seconds=freeze_seconds)}
    await agree_on_charter(stage, RETAILER, freeze)
    stage.audience.line(
        "rita", f"approves the charter; its holiday freeze lasts {freeze_seconds:.0f} more seconds in this play"
    )
    await send(stage, TENANT, [*usual_day(["erp-01", "web-01"], now), *_for_later(now)])
    finding_id = await _reported(stage)
    await stage.refused(
        "ana",
        "asks to open a case on a finding that nobody has validated",
        "NOT_VALIDATED",
        write.OpenCaseRequest(
            tenant_id=TENANT,
            subject=common.SubjectRef(kind=common.SUBJECT_KIND_FINDING, id=finding_id),
            title="ERP exposure",
            label=common.LABEL_AMBER,
        ),
        write.OpenCaseResponse,
    )
    await _validated(stage, finding_id)
    case = await Casework.of_subject(stage, TENANT, finding_id)
    await answered(stage, case)
    plan = await case.decide()
    waiting = next(step for step in plan.steps if step.step_id == "patch-1")
    stage.audience.line(
        "ana",
        f"decides the plan of charter line {plan.line.line}: {len(plan.steps)} steps, the patch not before "
        f"{waiting.not_before.ToDatetime():%H:%M:%S} UTC",
    )
    await case.complete(
        "examine", "Reachable from the internet through the shop's proxy; the proxy can filter the path."
    )
    await case.dispatch("raise-monitoring-1")
    stage.audience.verified("monitoring of erp-01 is raised: read back by another path than the receiver's reply")
    await _told(stage, case)
    await case.approve("rita")
    stage.audience.line("rita", "approves the patch for when the season is over")
    await stage.refused(
        "ana",
        "asks to patch the ERP now",
        "INVESTIGATE_ONLY",
        await case.dispatch_request("patch-1"),
        write.DispatchActionResponse,
    )
    return case, finding_id


async def after_the_freeze(stage: Stage, case: Casework, finding_id: str) -> None:
    """The second act: the timer of Tenet has released the step by itself."""
    stage.audience.title("The retailer again: the freeze has ended", "The patch that waited")
    released = await case.step("patch-1", pb.STEP_STATUS_WAITING, pb.STEP_STATUS_DISPATCHED)
    if not released.released:

        async def look() -> bool | None:
            steps = (await case.look()).case.plan.steps
            return next((True for step in steps if step.step_id == "patch-1" and step.released), None)

        await stage.until("the end of the freeze", look)
    stage.audience.shown("the timer released the step when the freeze ended, as planned")
    patched = await case.dispatch("patch-1")
    stage.audience.verified("erp-01 is patched: read back by another path")
    erp = stage.assets[TENANT, "erp-01"]
    fixed = assets.ReportFindingFixRequest(
        tenant_id=TENANT, finding_id=finding_id, asset_ids=[erp], detail="Vendor's patch installed in the window."
    )
    await stage.ask("ana", fixed, assets.ReportFindingFixResponse)
    verified = assets.VerifyFindingFixRequest(
        tenant_id=TENANT,
        finding_id=finding_id,
        asset_ids=[erp],
        observation=common.EvidenceInput(
            label=common.LABEL_AMBER,
            summary="The component answers with the patched version.",
            position=observed_at(patched),
        ),
    )
    await stage.ask("ana", verified, assets.VerifyFindingFixResponse)
    await case.close(
        "The ERP's maintenance was put off until after the season, and nobody watched the vendor's notices meanwhile.",
        "Monitoring and a filter at the proxy carried the weeks in which the patch could not.",
        "Subscribe the ERP team to the vendor's security notices before the next season.",
    )
    stage.audience.line("ana", "verifies the fix by what was read back; closes the case with cause and advice")


def _for_later(now: datetime) -> list[str]:
    """What nobody looks at in the play, so that the queue has something left in it."""
    command = r"schtasks.exe /create /tn Stocktaking /tr C:\Shop\count.cmd /sc daily"
    return [process("web-01", r"C:\Windows\System32\schtasks.exe", command, now - timedelta(minutes=2))]


async def _reported(stage: Stage) -> str:
    request = assets.ReportFindingRequest(
        tenant_id=TENANT,
        kind=assets_shown.FINDING_KIND_EXPOSURE,
        asset_ids=[stage.assets[TENANT, "erp-01"]],
        title="ERP component lets anybody upload files",
        vulnerability_id=WEAKNESS,
        severity_id=5,
        exposure=assets_shown.EXPOSURE_INTERNET,
        known_exploited=True,
        detail="The scan found the vulnerable component reachable at erp-01 through the shop's proxy.",
        label=common.LABEL_AMBER,
        source="scanner",
    )
    finding_id = (await stage.ask("ana", request, assets.ReportFindingResponse)).finding_id
    stage.audience.line("ana", f"reports {WEAKNESS} on erp-01: critical, exploited, likelihood missing")
    return finding_id


async def _validated(stage: Stage, finding_id: str) -> None:
    request = assets.ValidateFindingRequest(
        tenant_id=TENANT,
        finding_id=finding_id,
        verdict=common.VERDICT_CONFIRMED_EXPOSURE,
        confidence_percent=95,
        rationale="Reproduced the request without harm; the component answers as the vulnerable version does.",
    )
    await stage.ask("ana", request, assets.ValidateFindingResponse)
    stage.audience.line("ana", "validates it: a confirmed exposure; Tenet opens the case by itself")


async def _told(stage: Stage, case: Casework) -> None:
    notice = Notice(
        recipient="rita",
        channel="phone",
        what=f"{WEAKNESS} is open in your ERP and is being exploited elsewhere.",
        where="erp-01, through the shop's proxy",
        when="found today; no attempt seen so far",
        options=("Filter the path at the proxy today, patch when the freeze ends", "Accept the risk until January"),
        evidence="Version answer of the component, and the scan's record.",
    )
    await case.tell(notice, "filter_now_patch_later")
    await case.complete("tell-head-of-it", "Rita was told by phone and chose to filter now and patch later.")
    stage.audience.line("ana", "tells Rita what, where, when, evidence, options, deadline; Rita decides")
