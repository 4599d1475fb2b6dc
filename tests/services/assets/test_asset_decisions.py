"""Decisions of the assets service without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.assets import FindingKind, SensorSilenceEnded, SensorSilenceStarted
from contracts.events.subjects import Verdict
from contracts.ids import PROVIDER, TenantId
from contracts.labels import Label
from infra.keys.blind_index import address_index, name_index
from services.assets.domain import finding, sensor
from services.assets.domain.asset import Asset
from services.assets.domain.commands import EvidenceBrought, ReportFinding, ValidateFinding, VerifyFindingFix
from services.assets.domain.errors import (
    AssetUnknown,
    FindingWithoutAsset,
    ObservationWithoutSource,
    RationaleMissing,
    ValidatorNotHuman,
    VerdictNotForFindings,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ANALYST = Actor("principal-analyst", AuthenticatedBy.OIDC, PROVIDER)
REPORTED = finding.Finding("finding-1", ("asset-1",))
TENANT = TenantId("clinic")


def validation(**more: Any) -> ValidateFinding:
    fields: dict[str, Any] = {
        "tenant_id": TENANT,
        "request_id": "request-1",
        "finding_id": "finding-1",
        "verdict": Verdict.CONFIRMED_EXPOSURE,
        "confidence_percent": 80,
        "rationale": "Seen.",
        "evidence": (),
        "seen": (),
    }
    return ValidateFinding(**fields | more)


def report(kind: FindingKind, *asset_ids: str) -> ReportFinding:
    return ReportFinding(
        tenant_id=TENANT,
        request_id="request-1",
        kind=kind,
        asset_ids=asset_ids,
        title="A host nobody knows",
        vulnerability_id=None,
        severity_id=3,
        exposure=None,
        likelihood_millionths=None,
        known_exploited=None,
        detail="10.0.0.9",
        label=Label.AMBER,
        source="flows",
    )


@pytest.mark.parametrize("means", [AuthenticatedBy.API_KEY, AuthenticatedBy.SERVICE])
def test_only_a_person_can_validate_a_finding(means: AuthenticatedBy) -> None:
    with pytest.raises(ValidatorNotHuman):
        finding.validate(REPORTED, validation(), Actor("machine", means, PROVIDER))


def test_a_verdict_needs_a_rationale_and_must_say_something_about_a_finding() -> None:
    with pytest.raises(RationaleMissing):
        finding.validate(REPORTED, validation(rationale=" \n"), ANALYST)
    with pytest.raises(VerdictNotForFindings):
        finding.validate(REPORTED, validation(verdict=Verdict.DUPLICATE), ANALYST)


def test_only_a_newcomer_may_name_no_asset() -> None:
    with pytest.raises(FindingWithoutAsset):
        finding.report(report(FindingKind.EXPOSURE), "finding-1", [])
    assert len(finding.report(report(FindingKind.NEWCOMER), "finding-1", [])) == 1


def test_a_finding_on_a_retired_asset_is_refused() -> None:
    with pytest.raises(AssetUnknown):
        finding.report(report(FindingKind.EXPOSURE, "a"), "finding-1", [("a", Asset("a", retired=True))])


def test_a_fix_is_verified_by_an_observation_that_can_be_looked_up() -> None:
    seen = EvidenceBrought(label=Label.AMBER, summary="closed", sha256=None, offset=None, position=None)
    command = VerifyFindingFix(
        tenant_id=TENANT, request_id="r", finding_id="finding-1", asset_ids=("asset-1",), observation=seen
    )
    with pytest.raises(ObservationWithoutSource):
        finding.verify_fix(REPORTED, command)


@pytest.mark.parametrize(("seconds", "silent"), [(119, False), (120, False), (121, True)])
def test_a_sensor_is_silent_once_two_intervals_have_passed(seconds: int, silent: bool) -> None:
    state = sensor.Sensor("sensor-1", 60, None, NOW - timedelta(days=1))
    events = sensor.start_silence(state, NOW - timedelta(seconds=seconds), NOW)
    assert [type(event) for event in events] == ([SensorSilenceStarted] if silent else [])


def test_a_silence_is_recorded_once_and_ends_only_by_something_heard_after_it_began() -> None:
    silent = sensor.Sensor("sensor-1", 60, None, NOW - timedelta(days=1), silent_from=NOW)
    assert sensor.start_silence(silent, None, NOW + timedelta(days=1)) == []
    assert sensor.end_silence(silent, NOW) == []
    (ended,) = sensor.end_silence(silent, NOW + timedelta(minutes=9))
    assert isinstance(ended, SensorSilenceEnded)
    assert ended.silent_until - ended.silent_from == timedelta(minutes=9)


def test_a_sensor_that_was_never_heard_is_silent_from_its_registration() -> None:
    state = sensor.Sensor("sensor-1", 60, None, NOW)
    (started,) = sensor.start_silence(state, None, NOW + timedelta(seconds=121))
    assert isinstance(started, SensorSilenceStarted)
    assert started.last_heard_at == NOW


def test_blind_indexes_meet_for_all_ways_of_writing_and_never_across_tenants() -> None:
    one, other = b"1" * 32, b"2" * 32
    assert name_index(one, "Ward-7.") == name_index(one, " ward-7")
    assert address_index(one, "::ffff:10.0.0.7") == address_index(one, "10.0.0.7")
    assert address_index(one, "2001:db8:0:0::1") == address_index(one, "[2001:DB8::1]")
    assert address_index(one, "AA-BB-CC-00-11-22") == address_index(one, "aabb.cc00.1122")
    assert address_index(one, "10.0.0.7") != name_index(one, "10.0.0.7")
    assert name_index(one, "ward-7") != name_index(other, "ward-7")
