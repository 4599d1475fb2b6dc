"""The clinic: ransomware. Every affected device is off the network within a minute, by a signature given before."""

from datetime import UTC, datetime, timedelta

import aiohttp
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_write_pb2 as write
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_pb2 as detections

from infra.actuator.credentials import Credentials
from infra.actuator.state import Behaviour
from infra.cli.demo.casework import Casework, Notice, claim, queue, validate
from infra.cli.demo.cast import CLINIC
from infra.cli.demo.on_call import answered
from infra.cli.demo.stage import Stage, StoryBroken
from infra.cli.demo.telemetry import end_of_attack, file_made, process, send, usual_day
from infra.cli.demo.world import agree_on_charter, furnish, sign_beforehand

TENANT = CLINIC.tenant_id
HOSTS = ("admission-01", "ward-ws-01", "ward-ws-02")
UNRELIABLE = "ward-ws-02"
"""Its protection says yes and does nothing, until a person has looked after it."""
ENCRYPTOR = r"C:\Users\Public\svch0st.exe"
NOTES = 3
ATTACK_SECONDS = 30
CASE_CAUSE = "A phishing attachment was opened on ward-ws-01; shared local administrators let it spread."


async def play(stage: Stage) -> list[Casework]:
    """Returns the cases, one for each affected device."""
    stage.audience.title(
        "The clinic: ransomware on admission and two wards", "ELIMINATE: just stop it, on every affected device"
    )
    await furnish(stage, CLINIC)
    digest = await agree_on_charter(stage, CLINIC)
    month = datetime.now(UTC) + timedelta(days=30)
    deeds = ["contain network", "stop process"]
    await sign_beforehand(stage, CLINIC, "carla", deeds, ["wards", "admission"], digest, month)
    stage.audience.line("carla", "approves the charter, and signs beforehand: isolate and stop, for 30 days")
    await _misbehave(stage, Behaviour.LIE)
    stage.audience.shown(f"(the stand-in for the clinic's protection is told to lie about {UNRELIABLE})")
    found = await _attack(stage)
    cases = await _validated(stage, found)
    await _isolated(stage, cases)
    await _evidence_first(stage, cases)
    await _rebuilt(stage, cases)
    return list(cases.values())


async def _attack(stage: Stage) -> dict[str, dict[str, str]]:
    """Sends what happened. Returns detections by kind and host."""
    now = datetime.now(UTC)
    receipt = await send(stage, TENANT, [*usual_day(HOSTS, now), *encryption(now)])
    stage.audience.line(
        CLINIC.sensor, f"sends {receipt.records} records; {receipt.raised} detections, repeats counted within each"
    )
    items = await queue(stage, TENANT, 2 * len(HOSTS))
    names = {asset_id: name for (tenant_id, name), asset_id in stage.assets.items() if tenant_id == TENANT}
    found: dict[str, dict[str, str]] = {"copies": {}, "note": {}}
    for item in items:
        kind = "note" if "T1486" in item.techniques else "copies"
        found[kind][_host(item, names)] = item.detection_id
    return found


def encryption(now: datetime) -> list[str]:
    """On each host the copies are deleted and ransom notes written, within half a minute."""
    end, lines = end_of_attack(now, ATTACK_SECONDS), []
    for number, host in enumerate(HOSTS):
        moment = end - timedelta(seconds=ATTACK_SECONDS - number)
        command = "vssadmin.exe delete shadows /all /quiet"
        lines.append(process(host, r"C:\Windows\System32\vssadmin.exe", command, moment, ENCRYPTOR))
        for note in range(NOTES):
            path = rf"C:\Patients\{note}\HOW_TO_RESTORE_FILES.txt"
            lines.append(file_made(host, ENCRYPTOR, path, moment + timedelta(seconds=note)))
    return lines


def _host(item: detections.TriageItem, names: dict[str, str]) -> str:
    if not item.asset_ids:
        raise StoryBroken("a detection names none of the clinic's assets")
    return names[item.asset_ids[0]]


async def _validated(stage: Stage, found: dict[str, dict[str, str]]) -> dict[str, Casework]:
    first = found["copies"][HOSTS[0]]
    await stage.refused(
        "ana",
        "asks to open a case on a detection that nobody has validated",
        "NOT_VALIDATED",
        write.OpenCaseRequest(
            tenant_id=TENANT,
            subject=common.SubjectRef(kind=common.SUBJECT_KIND_DETECTION, id=first),
            title="Ransomware",
            label=common.LABEL_AMBER,
        ),
        write.OpenCaseResponse,
    )
    cases: dict[str, Casework] = {}
    for host in HOSTS:
        detection_id = found["copies"][host]
        await claim(stage, TENANT, detection_id)
        reason = f"Shadow copies deleted by an unknown program on {host}, ransom notes beside the files."
        await validate(stage, TENANT, detection_id, common.VERDICT_MALICIOUS, reason)
        same = "The ransom notes belong to the same attack on the same device."
        note = found["note"][host]
        await validate(stage, TENANT, note, common.VERDICT_DUPLICATE, same, duplicate_of=detection_id)
    stage.audience.line("ana", "validates: malicious on three devices; the ransom notes are the same attack")
    for host in HOSTS:
        cases[host] = await Casework.of_subject(stage, TENANT, found["copies"][host])
    await answered(stage, *cases.values())
    return cases


async def _isolated(stage: Stage, cases: dict[str, Casework]) -> None:
    """The policy has dispatched the isolation of every device; one of them did not take effect."""
    for host, case in cases.items():
        action = await case.automatic("isolate-1")
        if action.status == pb.ACTION_STATUS_VERIFIED:
            stage.audience.verified(f"{host} is off the network by Carla's signature: read back")
            continue
        stage.audience.shown(f"{host}: acknowledged, yet its state shows no effect; a person takes over")
        await _misbehave(stage, Behaviour.OBEY)
        await case.dispatch("isolate-1", attempt=2)
        stage.audience.verified(f"{host} is off the network at the second attempt: read back")


async def _evidence_first(stage: Stage, cases: dict[str, Casework]) -> None:
    some = cases["admission-01"]
    await stage.refused(
        "ana",
        "asks to stop the process before its memory is kept",
        "STEP_ORDER",
        await some.dispatch_request("stop-process-1"),
        write.DispatchActionResponse,
    )
    for case in cases.values():
        await case.dispatch("keep-evidence-1")
    for case in cases.values():
        await case.automatic("stop-process-1")
        await case.step("stop-process-1", pb.STEP_STATUS_DONE)
    stage.audience.verified("evidence is kept on all three, then the process is stopped: read back")


async def _rebuilt(stage: Stage, cases: dict[str, Casework]) -> None:
    for host, case in cases.items():
        notice = Notice(
            recipient="carla",
            channel="phone",
            what="Ransomware; the device is isolated and its process stopped.",
            where=host,
            when="encryption began a minute before it was cut off",
            options=("Rebuild from the clean image tonight", "Keep it isolated for the police"),
            evidence="Deleted shadow copies, ransom notes, the program's memory.",
        )
        await case.tell(notice, "rebuild_tonight")
        await case.complete("tell-clinic-it", "Carla was told by phone; admission works on paper.")
        await case.approve("carla")
        await case.complete("rebuild", "Rebuilt from the clean image, data restored from last night's copy, checked.")
        # The attempt whose effect never showed is reversed like the other: nobody can be sure that it never will.
        for action in (await case.look()).actions:
            if action.step_id == "isolate-1" and not action.reverses_action_id:
                await case.reverse(action.action_id)
        await case.close(CASE_CAUSE, "Isolation within the minute kept the rest of the clinic working.", _ADVICE[host])
    stage.audience.line("carla", "is told and approves the rebuild; devices are back (read back), cases closed")


_ADVICE = {
    "admission-01": "Keep an offline copy of the admission's data, and rehearse admission on paper twice a year.",
    "ward-ws-01": "Give every workstation its own local administrator, and block macros from outside.",
    "ward-ws-02": "Try every month, on one device of each kind, whether its protection does what it says.",
}


async def _misbehave(stage: Stage, behaviour: Behaviour) -> None:
    """Steers the stand-in; a customer's real protection has no such door."""
    target = next(thing.external for thing in CLINIC.things if thing.name == UNRELIABLE)
    credentials = Credentials.of(stage.place.secrets_dir)
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        session.post(
            f"http://{stage.place.actuator}/control",
            json={"behaviour": behaviour.value, "target": target},
            headers={"Authorization": f"Bearer {credentials.control}"},
        ),
    ):
        return
