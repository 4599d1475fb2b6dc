"""A month at a clinic: ransomware contained, an odd sign-in asked about, an exposure fixed, a sensor fallen silent."""

from datetime import timedelta

from contracts.events.assets import (
    AssetClass,
    AssetKind,
    AssetRegistered,
    FindingFixReported,
    FindingFixVerified,
    FindingKind,
    FindingReassessed,
    FindingReported,
    FindingValidated,
    SensorRegistered,
    SensorSilenceEnded,
    SensorSilenceStarted,
)
from contracts.events.cases import (
    ActionAcknowledged,
    ActionDispatched,
    ActionFact,
    ActionRehearsed,
    ActionVerified,
    Authority,
    CaseClosed,
    CaseNoted,
    CaseOpened,
    CharterLine,
    EnquirySent,
    Mode,
    NoticeAcknowledged,
    NoticeSent,
    PlanApproved,
    PlanDecided,
    Precedence,
    Priority,
    ResponseType,
    Step,
)
from contracts.events.detections import (
    DetectionClaimed,
    DetectionRaised,
    DetectionRepeated,
    DetectionValidated,
    PutAside,
    RuleRef,
    TelemetryReceived,
)
from contracts.events.subjects import Evidence, SubjectKind, SubjectRef, Verdict
from contracts.labels import Label
from tests.services.reporting.history import APPROVER, RULE, History, sealed

LINE = CharterLine(charter_id="charter-1", version=2, digest="d" * 64, line="ransomware")


def rule(name: str = "shadow-copies") -> RuleRef:
    return RuleRef(rule_id=name, title=f"Rule {name}", sha256="a" * 64, pack_sha256="b" * 64, level="high")


def asset(history: History, asset_id: str, *, name: str = "ward-7", owner: str | None = "Ada Keller") -> int:
    return history.record(
        f"asset-{asset_id}",
        AssetRegistered(
            asset_id=asset_id,
            kind=AssetKind.DESKTOP,
            asset_class=AssetClass.CLINICAL,
            value=4,
            group="wards",
            name=sealed(name),
            addresses=(),
            owner=sealed(owner) if owner else None,
            business_context=None,
            name_index="i",
            address_indexes=(),
            external_id=None,
            external_id_index=None,
        ),
    )


def sensor(history: History, sensor_id: str = "sensor-1", asset_id: str | None = None) -> int:
    return history.record(
        f"sensor-{sensor_id}",
        SensorRegistered(
            sensor_id=sensor_id, system_type="endpoint", asset_id=asset_id, interval_seconds=60, principal_id=None
        ),
    )


def silence(history: History, sensor_id: str = "sensor-1", *, minutes: int = 30) -> None:
    began = history.at
    history.wait(minutes=2, seconds=1)
    history.record(f"sensor-{sensor_id}", SensorSilenceStarted(sensor_id=sensor_id, last_heard_at=began))
    history.wait(minutes=minutes - 2, seconds=-1)
    ended = SensorSilenceEnded(sensor_id=sensor_id, silent_from=began, silent_until=history.at)
    history.record(f"sensor-{sensor_id}", ended)


def telemetry(history: History, *, accepted: int = 100, broken: int = 2) -> int:
    return history.record(
        f"telemetry-{len(history.entries)}",
        TelemetryReceived(
            batch_id=f"batch-{len(history.entries)}",
            sensor_id="sensor-1",
            format="sysmon",
            records=accepted + broken,
            accepted=accepted,
            repeated=0,
            put_aside=(PutAside(reason="NOT_JSON", records=broken),) if broken else (),
            skewed=0,
            bytes=accepted * 512,
            sha256="c" * 64,
            put_aside_sha256=None,
            first_occurred_at=history.at,
            last_occurred_at=history.at,
        ),
    )


def detection(
    history: History,
    detection_id: str,
    *,
    name: str = "shadow-copies",
    asset_ids: tuple[str, ...] = (),
    label: Label = Label.AMBER,
    lag: timedelta = timedelta(seconds=4),
) -> int:
    return history.record(
        f"detection-{detection_id}",
        DetectionRaised(
            detection_id=detection_id,
            rule=rule(name),
            source="sigma",
            severity_id=5,
            techniques=("T1490",),
            asset_ids=asset_ids,
            asset_value=4 if asset_ids else None,
            sensor_id="sensor-1",
            group_key="g",
            first_seen_at=history.at - lag,
            last_seen_at=history.at,
            count=1,
            headline=sealed(f"vssadmin deletes shadow copies ({detection_id})"),
            observables=(),
            evidence=(),
            label=label,
        ),
    )


def verdict(history: History, detection_id: str, judged: Verdict) -> int:
    history.record(f"detection-{detection_id}", DetectionClaimed(detection_id=detection_id, principal_id="principal-1"))
    history.wait(seconds=40)
    return history.record(
        f"detection-{detection_id}",
        DetectionValidated(
            detection_id=detection_id,
            verdict=judged,
            confidence_percent=90,
            rationale=sealed(f"Because of {detection_id}."),
            evidence=(),
            seen=(),
            duplicate_of=None,
        ),
    )


def subject(history: History, detection_id: str, position: int) -> SubjectRef:
    return SubjectRef(
        kind=SubjectKind.DETECTION,
        id=detection_id,
        stream_version=history.versions[f"detection-{detection_id}"],
        validation_position=position,
    )


def case(history: History, case_id: str, resting_on: SubjectRef, asset_ids: tuple[str, ...]) -> int:
    return history.record(
        f"case-{case_id}",
        CaseOpened(
            case_id=case_id,
            subject=resting_on,
            priority=Priority.P1,
            severity_id=5,
            event_kind="ransomware",
            asset_ids=asset_ids,
            title=sealed(f"Ransomware on the wards ({case_id})"),
            label=Label.AMBER,
            charter=LINE,
        ),
    )


def step(step_id: str, target: str | None, authority: Authority, kind: ResponseType = ResponseType.ELIMINATE) -> Step:
    return Step(
        step_id=step_id,
        response_type=kind,
        action="contain",
        target_asset_id=target,
        argument="network",
        active=True,
        authority=authority,
        connector="edr",
        after=(),
        reason="Stops the spread before anything else.",
        line=f"ransomware/{step_id}",
        ring=None,
        not_before=None,
        limit_seconds=None,
        verify_by="read_back",
    )


def plan(history: History, case_id: str, resting_on: SubjectRef, steps: tuple[Step, ...]) -> int:
    return history.record(
        f"case-{case_id}",
        PlanDecided(
            case_id=case_id,
            plan_id=f"plan-{case_id}",
            digest="p" * 64,
            subject=resting_on,
            mode=Mode.STOP,
            steps=steps,
            desired_outcome="wards_keep_working",
            observe_until=None,
            line=LINE,
            precedence=Precedence.CHARTER,
            why=("The clinic wants encryption stopped at once.",),
            seen=(),
        ),
    )


def approve(history: History, case_id: str) -> int:
    return history.record(
        f"case-{case_id}",
        PlanApproved(
            case_id=case_id,
            plan_id=f"plan-{case_id}",
            digest="p" * 64,
            step_ids=("step-1",),
            acr="2",
            amr=("pwd", "otp"),
            auth_time=history.at,
            expires_at=history.at + timedelta(hours=1),
            seen=(),
        ),
        APPROVER,
    )


def basis(case_id: str, resting_on: SubjectRef, step_id: str = "step-1") -> ActionFact:
    return ActionFact(
        case_id=case_id,
        plan_id=f"plan-{case_id}",
        plan_digest="p" * 64,
        step_id=step_id,
        subject=resting_on,
        approval_positions=(),
        preauthorisation_position=None,
    )


def dispatch(history: History, action_id: str, fact: ActionFact, target: str) -> int:
    return history.record(
        f"action-{action_id}",
        ActionDispatched(
            action_id=action_id,
            attempt=1,
            basis=fact,
            response_type=ResponseType.ELIMINATE,
            action="contain",
            target_asset_id=target,
            argument="network",
            connector="edr",
            target=sealed("ward-7"),
            verify_by="read_back",
            expires_at=None,
            reverses_action_id=None,
        ),
        RULE,
    )


def acknowledge(history: History, action_id: str) -> int:
    return history.record(f"action-{action_id}", ActionAcknowledged(action_id=action_id, receipt="r"), RULE)


def verify(history: History, action_id: str) -> int:
    seen = Evidence(id="evidence-1", label=Label.AMBER, summary=sealed("isolated: true"))
    return history.record(
        f"action-{action_id}", ActionVerified(action_id=action_id, observation=seen, path="read_back"), RULE
    )


def rehearse(history: History, action_id: str, fact: ActionFact, target: str) -> int:
    return history.record(
        f"action-{action_id}",
        ActionRehearsed(
            action_id=action_id, basis=fact, action="contain", target_asset_id=target, argument="x", outcome="ok"
        ),
        RULE,
    )


def notice(history: History, notice_id: str, case_id: str, resting_on: SubjectRef, label: Label = Label.AMBER) -> int:
    return history.record(
        f"notice-{notice_id}",
        NoticeSent(
            notice_id=notice_id,
            case_id=case_id,
            subject=resting_on,
            channel="phone",
            recipient_principal_id="principal-approver",
            what=sealed("Encryption of files began and was stopped."),
            where=sealed("ward-7"),
            when=sealed("09:10"),
            evidence=(),
            options=(sealed("Restore from backup"),),
            deadline=history.at + timedelta(hours=1),
            label=label,
        ),
    )


def acknowledge_notice(history: History, notice_id: str) -> int:
    answer = NoticeAcknowledged(notice_id=notice_id, decision="restore", comment=None)
    return history.record(f"notice-{notice_id}", answer, APPROVER)


def enquiry(history: History, enquiry_id: str, detection_id: str) -> int:
    return history.record(
        f"enquiry-{enquiry_id}",
        EnquirySent(
            enquiry_id=enquiry_id,
            detection_id=detection_id,
            case_id=None,
            recipient_principal_id="principal-approver",
            channel="phone",
            question=sealed("Did you sign in from Lisbon last night?"),
            deadline=history.at + timedelta(hours=4),
            label=Label.AMBER,
        ),
    )


def close(history: History, case_id: str) -> int:
    return history.record(
        f"case-{case_id}",
        CaseClosed(
            case_id=case_id,
            outcome="contained_and_restored",
            root_cause=sealed("A macro in a mailed document."),
            cause_addressed=True,
            lessons=sealed("Macros from the internet are blocked now."),
            recommendation=sealed("Block macros on all wards by policy."),
            no_recommendation_reason=None,
        ),
    )


def finding(history: History, finding_id: str, *, exploited: bool | None = True, likelihood: int | None = None) -> int:
    return history.record(
        f"finding-{finding_id}",
        FindingReported(
            finding_id=finding_id,
            kind=FindingKind.EXPOSURE,
            asset_ids=("asset-1",),
            title="Remote desktop reachable from the internet",
            vulnerability_id=None,
            severity_id=4,
            exposure="internet",
            likelihood_millionths=likelihood,
            known_exploited=exploited,
            detail=sealed("Port 3389 on ward-7 answers from outside."),
            label=Label.AMBER,
            source="scanner",
        ),
    )


def reassess_finding(history: History, finding_id: str, *, exploited: bool, likelihood: int) -> int:
    return history.record(
        f"finding-{finding_id}",
        FindingReassessed(finding_id=finding_id, likelihood_millionths=likelihood, known_exploited=exploited, feeds=()),
    )


def confirm_finding(history: History, finding_id: str) -> int:
    return history.record(
        f"finding-{finding_id}",
        FindingValidated(
            finding_id=finding_id,
            verdict=Verdict.CONFIRMED_EXPOSURE,
            confidence_percent=95,
            rationale=sealed("Seen from outside by our own probe."),
            evidence=(),
            seen=(),
        ),
    )


def fix_finding(history: History, finding_id: str) -> int:
    fixed = FindingFixReported(finding_id=finding_id, asset_ids=("asset-1",), detail=sealed("Rule removed."))
    history.record(f"finding-{finding_id}", fixed, APPROVER)
    history.wait(hours=2)
    seen = Evidence(id="evidence-2", label=Label.AMBER, summary=sealed("port closed"), position=0)
    verified = FindingFixVerified(finding_id=finding_id, asset_ids=("asset-1",), observation=seen)
    return history.record(f"finding-{finding_id}", verified)


def note(history: History, case_id: str, text: str, label: Label) -> int:
    return history.record(
        f"case-{case_id}", CaseNoted(case_id=case_id, note_id="note-1", text=sealed(text), label=label)
    )


def repeat(history: History, detection_id: str, count: int) -> int:
    return history.record(
        f"detection-{detection_id}",
        DetectionRepeated(
            detection_id=detection_id,
            batch_id="batch-1",
            count=count,
            first_seen_at=history.at,
            last_seen_at=history.at,
            evidence=(),
        ),
    )


def month() -> History:
    """The whole story, in the order in which it was recorded."""
    history = History()
    asset(history, "asset-1")
    asset(history, "asset-2", name="reception", owner=None)
    sensor(history, asset_id="asset-1")
    history.wait(minutes=5)
    telemetry(history)
    detection(history, "detection-1", asset_ids=("asset-1",))
    repeat(history, "detection-1", 7)
    history.wait(seconds=50)
    position = verdict(history, "detection-1", Verdict.MALICIOUS)
    resting_on = subject(history, "detection-1", position)
    history.wait(seconds=1)
    case(history, "case-1", resting_on, ("asset-1",))
    plan(history, "case-1", resting_on, (step("step-1", "asset-1", Authority.CUSTOMER),))
    history.wait(seconds=20)
    approve(history, "case-1")
    fact = basis("case-1", resting_on)
    dispatch(history, "action-1", fact, "asset-1")
    history.wait(seconds=1)
    acknowledge(history, "action-1")
    history.wait(seconds=5)
    verify(history, "action-1")
    rehearse(history, "action-2", fact, "asset-1")
    notice(history, "notice-1", "case-1", resting_on)
    history.wait(minutes=10)
    acknowledge_notice(history, "notice-1")
    note(history, "case-1", "The source named a <b>person</b>.", Label.RED)
    history.wait(hours=5)
    close(history, "case-1")
    history.wait(hours=1)
    detection(history, "detection-2", name="odd-sign-in")
    enquiry(history, "enquiry-1", "detection-2")
    detection(history, "detection-3", name="shadow-copies")
    verdict(history, "detection-3", Verdict.FALSE_POSITIVE)
    silence(history)
    finding(history, "finding-1")
    confirm_finding(history, "finding-1")
    finding(history, "finding-2", exploited=None)
    confirm_finding(history, "finding-2")
    history.wait(days=2)
    fix_finding(history, "finding-1")
    return history
