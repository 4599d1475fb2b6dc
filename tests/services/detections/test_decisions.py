"""Given a history, when a command, then events or an error: the triage without a database."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import TenetError
from contracts.events.base import Envelope, Event, Recorded, Sealed
from contracts.events.detections import (
    CustomerReportFiled,
    DetectionClaimed,
    DetectionRaised,
    DetectionReleased,
    DetectionValidated,
    DetectionValidationWithdrawn,
    RuleRef,
    TelemetryReceived,
)
from contracts.events.subjects import Sight, Verdict
from contracts.ids import StreamName, TenantId
from contracts.labels import Label
from contracts.roles import Role
from services.detections.config import DEDUPE_BATCHES
from services.detections.domain import customer_report, detection, telemetry
from services.detections.domain.commands import (
    EvidenceInput,
    FileCustomerReport,
    ValidateCustomerReport,
    ValidateDetection,
    WithdrawDetectionValidation,
)

TENANT = TenantId("clinic")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ID = "detection-1"


def call(person: str = "ann", role: Role = Role.ANALYST, means: AuthenticatedBy = AuthenticatedBy.OIDC) -> Call:
    return Call(TENANT, Actor(person, means, TenantId("provider")), "rpc", "request-1", NOW, roles=frozenset({role}))


def recorded(event: Event, position: int, person: str = "ann") -> Recorded[Any]:
    envelope = Envelope(
        id=f"event-{position}",
        tenant_id=TENANT,
        stream=StreamName("s"),
        version=position + 1,
        topic=event.TOPIC,
        schema_version=event.VERSION,
        occurred_at=NOW,
        actor=Actor(person, AuthenticatedBy.OIDC, TenantId("provider")),
        grant_id=None,
        correlation_id="",
        causation=None,
        trace_parent="",
        facts=(),
        request_key=None,
        request_digest=None,
    )
    return Recorded(position, NOW, envelope, event)


def raised() -> DetectionRaised:
    return DetectionRaised(
        detection_id=ID,
        rule=RuleRef(rule_id="r", title="t", sha256="0" * 64, pack_sha256="", level="high"),
        source="windows",
        severity_id=4,
        techniques=(),
        asset_ids=(),
        asset_value=None,
        sensor_id="s",
        group_key="k",
        first_seen_at=NOW,
        last_seen_at=NOW,
        count=1,
        headline=Sealed.of("h", subject="x"),
        observables=(),
        evidence=(),
        label=Label.AMBER,
    )


def validated(verdict: Verdict = Verdict.MALICIOUS) -> DetectionValidated:
    return DetectionValidated(
        detection_id=ID,
        verdict=verdict,
        confidence_percent=90,
        rationale=Sealed.of("r", subject=ID),
        evidence=(),
        seen=(),
        duplicate_of=None,
    )


CLAIMED = DetectionClaimed(detection_id=ID, principal_id="ann")
WITHDRAWN = DetectionValidationWithdrawn(detection_id=ID, validation_position=1, reason=Sealed.of("r", subject=ID))


def given(*events: Event) -> detection.Detection:
    state = detection.initial()
    for position, event in enumerate(events):
        state = detection.evolve(state, recorded(event, position))
    return state


def command(**changes: Any) -> ValidateDetection:
    base = ValidateDetection(
        tenant_id=TENANT,
        request_id="request-1",
        detection_id=ID,
        verdict=Verdict.MALICIOUS,
        confidence_percent=80,
        rationale="Seen it before.",
    )
    return base.model_copy(update=changes)


def withdrawal(position: int = 1, reason: str = "wrong host") -> WithdrawDetectionValidation:
    return WithdrawDetectionValidation(
        tenant_id=TENANT, request_id="request-1", detection_id=ID, validation_position=position, reason=reason
    )


def reason_of(act: Any) -> str:
    with pytest.raises(TenetError) as refused:
        act()
    return refused.value.reason


def validate(state: detection.Detection, by: Call, **changes: Any) -> list[DetectionValidated]:
    original = given(raised()) if changes.pop("original", False) else None
    return detection.validate(state, by, command(**changes), original, head=10)


def test_a_verdict_holds_what_its_maker_said_and_saw() -> None:
    seen = (Sight(view="triage_queue", view_version=1, position=4),)
    evidence = (EvidenceInput(label=Label.RED, summary="the note"),)
    (event,) = validate(given(raised(), CLAIMED), call(), seen=seen, evidence=evidence)
    assert (event.verdict, event.confidence_percent, event.seen) == (Verdict.MALICIOUS, 80, seen)
    assert event.rationale.plaintext == "Seen it before."
    assert [(piece.label, piece.summary.plaintext) for piece in event.evidence] == [(Label.RED, "the note")]


@pytest.mark.parametrize(
    ("state", "by", "changes", "reason"),
    [
        (given(), call(), {}, "DETECTION_UNKNOWN"),
        (given(raised()), call(means=AuthenticatedBy.API_KEY), {}, "NOT_A_PERSON"),
        (given(raised()), call(means=AuthenticatedBy.SERVICE, role=Role.SERVICE), {}, "NOT_A_PERSON"),
        (given(raised()), call(role=Role.CUSTOMER_APPROVER), {}, "NOT_AN_ANALYST"),
        (given(raised()), call(role=Role.ON_CALL), {}, "NOT_AN_ANALYST"),
        (given(raised(), validated()), call(), {}, "ALREADY_VALIDATED"),
        (given(raised(), CLAIMED), call("bob"), {}, "ALREADY_CLAIMED"),
        (given(raised()), call(), {"rationale": " \n"}, "RATIONALE_MISSING"),
        (given(raised()), call(), {"verdict": Verdict.CONFIRMED_EXPOSURE}, "VERDICT_UNSUITABLE"),
        (given(raised()), call(), {"verdict": Verdict.DUPLICATE}, "VERDICT_UNSUITABLE"),
        (given(raised()), call(), {"duplicate_of": "detection-2", "original": True}, "VERDICT_UNSUITABLE"),
        (
            given(raised()),
            call(),
            {"verdict": Verdict.DUPLICATE, "duplicate_of": ID, "original": True},
            "VERDICT_UNSUITABLE",
        ),
        (given(raised()), call(), {"verdict": Verdict.DUPLICATE, "duplicate_of": "detection-2"}, "DETECTION_UNKNOWN"),
        (given(raised()), call(), {"seen": (Sight(view="v", view_version=1, position=10),)}, "SIGHT_IN_FUTURE"),
    ],
)
def test_a_verdict_is_refused(state: detection.Detection, by: Call, changes: dict[str, Any], reason: str) -> None:
    assert reason_of(lambda: validate(state, by, **changes)) == reason


def test_a_lead_may_judge_what_another_has_claimed() -> None:
    assert validate(given(raised(), CLAIMED), call("bob", Role.LEAD))


def test_after_a_withdrawal_another_verdict_can_be_given_but_new_activity_stays_apart() -> None:
    state = given(raised(), validated(), WITHDRAWN)
    assert state.standing is None
    assert state.judged
    assert validate(state, call())


@pytest.mark.parametrize(
    ("state", "by", "named", "reason"),
    [
        (given(raised()), call(), withdrawal(), "NOT_VALIDATED"),
        (given(raised(), validated()), call(), withdrawal(7), "VALIDATION_CHANGED"),
        (given(raised(), validated()), call(means=AuthenticatedBy.API_KEY), withdrawal(), "NOT_A_PERSON"),
        (given(raised(), validated()), call(), withdrawal(reason=""), "RATIONALE_MISSING"),
    ],
)
def test_a_withdrawal_is_refused(
    state: detection.Detection, by: Call, named: WithdrawDetectionValidation, reason: str
) -> None:
    assert reason_of(lambda: detection.withdraw(state, by, named)) == reason


def test_a_withdrawal_names_the_verdict_that_it_takes_back() -> None:
    (event,) = detection.withdraw(given(raised(), validated()), call(), withdrawal())
    assert event.validation_position == 1


def test_claiming_is_once_and_giving_back_is_the_claimers_or_a_leads() -> None:
    free, claimed = given(raised()), given(raised(), CLAIMED)
    assert [event.principal_id for event in detection.claim(free, call())] == ["ann"]
    assert detection.claim(claimed, call()) == []
    assert reason_of(lambda: detection.claim(claimed, call("bob"))) == "ALREADY_CLAIMED"
    assert reason_of(lambda: detection.claim(given(raised(), validated()), call())) == "ALREADY_VALIDATED"
    assert reason_of(lambda: detection.release(free, call())) == "NOT_CLAIMED"
    assert reason_of(lambda: detection.release(claimed, call("bob"))) == "ALREADY_CLAIMED"
    assert detection.release(claimed, call("bob", Role.LEAD)) == detection.release(claimed, call())
    released = DetectionReleased(detection_id=ID, principal_id="ann")
    assert given(raised(), CLAIMED, released).claimed_by is None


def test_a_customers_report_is_filed_in_words_and_judged_by_a_person() -> None:
    filing = FileCustomerReport(
        tenant_id=TENANT, request_id="r", severity_id=4, asset_ids=(), summary="A strange call.", label=Label.AMBER
    )
    (filed,) = customer_report.file("customer_report-1", filing)
    assert isinstance(filed, CustomerReportFiled)
    assert reason_of(lambda: customer_report.file("c", filing.model_copy(update={"summary": " "}))) == "SUMMARY_MISSING"
    state = customer_report.evolve(customer_report.initial(), recorded(filed, 0))
    judging = ValidateCustomerReport(
        tenant_id=TENANT,
        request_id="r",
        customer_report_id="customer_report-1",
        verdict=Verdict.MALICIOUS,
        confidence_percent=50,
        rationale="The number is known.",
    )
    (event,) = customer_report.validate(state, call(), judging, 1)
    assert event.verdict is Verdict.MALICIOUS
    by_key = call(means=AuthenticatedBy.API_KEY)
    assert reason_of(lambda: customer_report.validate(state, by_key, judging, 1)) == "NOT_A_PERSON"
    duplicate = judging.model_copy(update={"verdict": Verdict.DUPLICATE})
    assert reason_of(lambda: customer_report.validate(state, call(), duplicate, 1)) == "VERDICT_UNSUITABLE"
    standing = customer_report.evolve(state, recorded(event, 1))
    assert reason_of(lambda: customer_report.validate(standing, call(), judging, 2)) == "ALREADY_VALIDATED"


def test_the_window_of_a_sensor_forgets_the_oldest_batches() -> None:
    batch = TelemetryReceived(
        batch_id="b",
        sensor_id="s",
        format="automatic",
        records=1,
        accepted=1,
        repeated=0,
        put_aside=(),
        skewed=0,
        bytes=1,
        sha256="0" * 64,
        put_aside_sha256=None,
        first_occurred_at=None,
        last_occurred_at=None,
    )
    state = telemetry.initial()
    for position in range(DEDUPE_BATCHES + 5):
        sent = recorded(batch.model_copy(update={"batch_id": f"b{position}"}), position)
        state = telemetry.evolve(state, replace(sent, envelope=sent.envelope._replace(version=position + 1)))
    assert len(state.batches) == DEDUPE_BATCHES
    assert state.oldest == 6
    assert telemetry.sent_before(state, "b0", "0" * 64) is None
    found = telemetry.sent_before(state, "b9", "0" * 64)
    assert found is not None
    assert found.version == 10
    assert reason_of(lambda: telemetry.sent_before(state, "b9", "1" * 64)) == "BATCH_ID_REUSED"
