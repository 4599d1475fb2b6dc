"""`tenet demo --from FILE…`: the same on telemetry that was recorded elsewhere."""

from pathlib import Path

from tenet.assets.v1 import assets_write_pb2 as assets
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_pb2 as detections

from infra.cli.batches import Format, batches_of, format_of
from infra.cli.demo import world
from infra.cli.demo.casework import Casework, claim, queue, validate
from infra.cli.demo.cast import APPROVER, Customer, Person
from infra.cli.demo.stage import Stage
from infra.cli.demo.world import deploy_own_rules, take_on
from infra.cli.ingesting import Sending, Totals, send_batches
from infra.cli.words import sealed

RECORDED = Customer(
    "recorded",
    "Recorded telemetry",
    "recorded",
    "UTC",
    (Person("rose", "Rose, who answers for the recorded systems", APPROVER, "owner"),),
    (),
)
SHOWN = 10
"""Lines of the queue that are shown."""
VALIDATED = 3
"""Of these, the analyst of the play validates so many."""


async def play(stage: Stage, paths: list[Path]) -> list[Casework]:
    """Returns the cases. Raises Problem for files that cannot be sent."""
    tenant_id = RECORDED.tenant_id
    await take_on(stage, (RECORDED,))
    stage.audience.shown(f"{await deploy_own_rules(stage)} rules of Tenet's own imported and deployed")
    await world.agree_on_charter(stage, RECORDED)
    stage.audience.title("Recorded telemetry", f"{len(paths)} file(s) into the tenant {tenant_id}")
    for wanted, group in _by_format(paths).items():
        sensor_id = await _sensor(stage, wanted)
        totals = Totals()
        session = await stage.session(RECORDED.sensor)
        with stage.audience.sending(group) as taken:
            await send_batches(session, Sending(tenant_id, sensor_id, wanted), batches_of(group), totals, taken)
        stage.audience.line("the sensor", f"{wanted.value}: {totals.sentence()}")
    return await _worked(stage)


def _by_format(paths: list[Path]) -> dict[Format, list[Path]]:
    groups: dict[Format, list[Path]] = {}
    for path in paths:
        groups.setdefault(format_of(path), []).append(path)
    return groups


async def _sensor(stage: Stage, wanted: Format) -> str:
    request = assets.RegisterSensorRequest(
        tenant_id=RECORDED.tenant_id,
        system_type=wanted.value,
        interval_seconds=86_400,
        principal_id=stage.principals[RECORDED.sensor],
    )
    return (await stage.ask("ana", request, assets.RegisterSensorResponse)).sensor_id


async def _worked(stage: Stage) -> list[Casework]:
    items = await queue(stage, RECORDED.tenant_id, 0)
    if not items:
        stage.audience.shown("nothing fired: no rule of this pack matches these records")
        return []
    stage.audience.shown(
        f"the queue, its first {min(SHOWN, len(items))} lines by severity and value of what is involved:"
    )
    for item in items[:SHOWN]:
        stage.audience.shown(f"  {item.priority:2d}  {sealed(item.headline)}  ×{item.count}")
    return [await _judged(stage, item) for item in items[:VALIDATED]]


async def _judged(stage: Stage, item: detections.TriageItem) -> Casework:
    tenant_id = RECORDED.tenant_id
    await claim(stage, tenant_id, item.detection_id)
    reason = "Validated by the demonstration without a person's judgement, to show what follows a verdict."
    await validate(stage, tenant_id, item.detection_id, common.VERDICT_MALICIOUS, reason)
    case = await Casework.of_subject(stage, tenant_id, item.detection_id)
    plan = await case.decide()
    stage.audience.line(
        "ana",
        f"validates “{item.rule_title}” for the play (no person judged it); its plan has {len(plan.steps)} steps",
    )
    return case
