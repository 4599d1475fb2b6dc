"""R0a: every charter of the demonstration, walked over all that can happen; exactly one rule has the last word."""

import itertools
from collections import Counter
from datetime import UTC, datetime

import pytest

from contracts.errors import TenetError
from contracts.events.assets import AssetClass, AssetKind
from contracts.events.cases import Mode, Precedence, ResponseType
from contracts.events.subjects import SubjectKind, Verdict
from services.cases.domain.charter import Charter, Line, read_charter
from services.cases.domain.ruling import CONTAINING, Situation, frozen_for, rule
from services.cases.domain.subjects import Asset, Subject, Validation
from tests.services.cases.charters import in_force, text_of

NAMES = ("retailer", "clinic", "finance", "executive", "manufacturer")
KINDS = ("detection", "exposure", "insecure_change", "newcomer", "customer_report")
VERDICTS = (Verdict.MALICIOUS, Verdict.BENIGN_UNEXPECTED)
OUTCOMES = (None, *Mode)
TIMES = (datetime(2026, 11, 24, 9, tzinfo=UTC), datetime(2027, 3, 1, 12, tzinfo=UTC))
CONFIDENCES = (40, 95)
REFUSALS = {"CHARTER_LINE_MISSING", "MODE_FORBIDDEN", "PROTECTED_CLASS", "TARGET_UNADDRESSABLE"}


def situations(charter: Charter) -> list[Situation]:
    techniques = sorted({technique for line in charter.lines for technique in line.when.techniques}) or ["T1059"]
    groups = sorted({group for line in charter.lines for group in line.when.groups} | {"elsewhere"})
    table = itertools.product(
        KINDS, (1, 4, 6), (1, 5), AssetClass, groups, (techniques[0], "T9999"), VERDICTS, CONFIDENCES, OUTCOMES, TIMES
    )
    found = []
    for kind, severity, value, asset_class, group, technique, verdict, confidence, outcome, now in table:
        kind_of_asset = AssetKind.ACCOUNT if "identity" in asset_class.value else AssetKind.SERVER
        asset = Asset("asset-1", kind_of_asset, asset_class, value, group, "x-1")
        subject = Subject(
            SubjectKind.DETECTION, "d", kind, severity, (technique,), ("asset-1",), "t",
            validation=Validation(1, verdict, confidence, "a"),
        )  # fmt: skip
        found.append(Situation((subject,), (asset,), now, outcome))
    return found


def first_line(charter: Charter, situation: Situation, protected: bool) -> Line | None:
    """The line that applies, found by the words of the charter alone."""
    (asset,), (subject,) = situation.assets, situation.subjects
    assert subject.validation is not None
    for line in charter.lines:
        when, then = line.when, line.then
        wanted = [
            not when.kinds or subject.event_kind in when.kinds,
            not when.techniques
            or any(t == w or t.startswith(w + ".") for t in subject.techniques for w in when.techniques),
            subject.severity_id >= when.min_severity,
            subject.validation.confidence_percent >= when.min_confidence,
            not when.classes or asset.asset_class in when.classes,
            not when.groups or asset.group in when.groups,
            asset.value >= when.min_value,
            not when.desired_outcome or situation.desired_outcome in when.desired_outcome,
            situation.desired_outcome is None or then.mode is situation.desired_outcome,
            not (protected and then.mode is Mode.OBSERVE),
        ]
        if all(wanted) and not when.during and not when.outside:
            return line
    return None


@pytest.mark.parametrize("name", NAMES)
def test_of_all_that_can_happen_each_has_one_answer_by_the_total_precedence(name: str) -> None:
    charter = read_charter(text_of(name))
    force = in_force(charter)
    by_windows = any(line.when.during or line.when.outside for line in charter.lines)
    seen: Counter[str] = Counter()
    for situation in situations(charter):
        (asset,) = situation.assets
        protected = situation.under_attack and charter.protection(asset.asset_class) is not None
        try:
            ruling = rule(force, situation)
        except TenetError as error:
            seen[error.reason] += 1
            continue
        assert ruling == rule(force, situation)
        if not by_windows:
            assert ruling.line is first_line(charter, situation, protected)
        containing = any(
            step.type in CONTAINING and (step.do != "task" or step.type is not ResponseType.INVESTIGATE)
            for step in ruling.line.then.steps
        )
        expected = (
            Precedence.PROTECTED_CLASS
            if protected
            else Precedence.VALIDATED_CONTAINMENT
            if situation.under_attack and ruling.line.then.mode is Mode.STOP and containing
            else Precedence.FREEZE
            if frozen_for(charter, asset, situation.now)
            else Precedence.CHARTER
        )
        assert ruling.precedence is expected
        assert ruling.cited.line == ruling.line.id
        seen[ruling.precedence.value] += 1
    assert set(seen) <= REFUSALS | {each.value for each in Precedence}
    assert seen["charter"] + seen["validated_containment"] > 0
    if charter.protected_classes:
        assert seen["protected_class"] > 0


def test_a_clinics_server_and_a_kiosk_are_answered_differently() -> None:
    charter = read_charter(text_of("clinic"))
    force = in_force(charter)
    subject = Subject(
        SubjectKind.DETECTION, "d", "detection", 5, ("T1486",), ("a",), "t",
        validation=Validation(1, Verdict.MALICIOUS, 95, "a"),
    )  # fmt: skip
    now = TIMES[0]
    server = Asset("a", AssetKind.SERVER, AssetClass.CLINICAL, 5, "admission", "s-1")
    kiosk = Asset("a", AssetKind.SERVER, AssetClass.STANDARD, 1, "lobby", "k-1")
    answers = [rule(force, Situation((subject,), (asset,), now)) for asset in (server, kiosk)]
    assert [answer.precedence for answer in answers] == [Precedence.PROTECTED_CLASS, Precedence.VALIDATED_CONTAINMENT]
