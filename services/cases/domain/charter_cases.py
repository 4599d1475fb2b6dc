"""Cases that a charter is tried on: what happened, and what the charter must make of it.

A file of cases is YAML: `cases`, each with a `name`, what is `given` and what to `expect`. What is left out of `given`
takes the defaults below; what is left out of `expect` is not looked at. Times without an offset are the charter's own.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import FieldViolation, TenetError
from contracts.events.assets import AssetClass, AssetKind
from contracts.events.cases import Authority, Mode, Precedence, Priority
from contracts.events.subjects import SubjectKind, Verdict
from contracts.ids import TenantId, derive_id
from services.cases.domain.charter import Charter, charter_digest
from services.cases.domain.charter_versions import charter_id_of
from services.cases.domain.errors import CharterCasesInvalid
from services.cases.domain.ruling import CharterInForce, Ruling, Situation, priority_of, rule
from services.cases.domain.subjects import Asset, Subject, Validation

MAX_CASES = 1_000
MAX_TEXT_LENGTH = 1_048_576
_KIND_OF_EVENT = {
    "detection": SubjectKind.DETECTION,
    "customer_report": SubjectKind.CUSTOMER_REPORT,
}
"""All other kinds of events are findings."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class GivenAsset(_Part):
    asset_class: AssetClass = Field(default=AssetClass.UNCLASSIFIED, alias="class")
    kind: AssetKind = AssetKind.SERVER
    value: Annotated[int, Field(ge=1, le=5)] = 3
    group: str = ""


class Given(_Part):
    kind: Annotated[str, Field(pattern="^(detection|exposure|insecure_change|newcomer|customer_report)$")] = "detection"
    severity: Annotated[int, Field(ge=0, le=6)] = 3
    confidence: Annotated[int, Field(ge=0, le=100)] = 90
    verdict: Verdict = Verdict.MALICIOUS
    techniques: tuple[str, ...] = ()
    assets: Annotated[tuple[GivenAsset, ...], Field(min_length=1, max_length=100)] = (GivenAsset(),)
    at: datetime
    desired_outcome: Mode | None = None


class Expected(_Part):
    """`steps` are the identifiers in the charter's line; `authority` and `not_before` are given for some of them."""

    refused: str | None = None
    line: str | None = None
    mode: Mode | None = None
    precedence: Precedence | None = None
    priority: Priority | None = None
    steps: tuple[str, ...] | None = None
    authority: Mapping[str, Authority] = {}
    not_before: Mapping[str, datetime] = {}


class CharterCase(_Part):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    given: Given
    expect: Expected


class _File(_Part):
    cases: Annotated[tuple[CharterCase, ...], Field(min_length=1, max_length=MAX_CASES)]


def read_cases(text: str) -> tuple[CharterCase, ...]:
    """Raises CharterCasesInvalid with a violation for each place of wrong shape."""
    if len(text) > MAX_TEXT_LENGTH:
        raise CharterCasesInvalid("The file of cases is too long.", metadata={"limit": str(MAX_TEXT_LENGTH)})
    try:
        return _File.model_validate(yaml.load(text, Loader=yaml.BaseLoader)).cases  # noqa: S506  # Makes plain data only.
    except (yaml.YAMLError, RecursionError) as error:
        raise CharterCasesInvalid("The file of cases is not readable as YAML.") from error
    except ValidationError as error:
        violations = tuple(
            FieldViolation(".".join(map(str, item["loc"])), item["msg"].removeprefix("Value error, "))
            for item in error.errors()
        )
        raise CharterCasesInvalid("The file of cases is wrong.", violations=violations) from error


def differences(charter: Charter, case: CharterCase) -> list[str]:
    """What the charter makes of a case and was not expected; empty when all is as expected."""
    force = CharterInForce(charter, charter_id_of(TenantId("test")), 1, charter_digest(charter))
    situation = _situation(charter, case.given)
    try:
        ruling = rule(force, situation)
    except TenetError as error:
        if error.reason == case.expect.refused:
            return []
        return [f"refused with {error.reason}: {error.message}"]
    if case.expect.refused is not None:
        return [f"was not refused with {case.expect.refused}: line {ruling.line.id}"]
    return list(_compared(charter, situation, ruling, case.expect))


def _situation(charter: Charter, given: Given) -> Situation:
    assets = tuple(
        Asset(derive_id("asset", number), each.kind, each.asset_class, each.value, each.group, f"asset-{number + 1}")
        for number, each in enumerate(given.assets)
    )
    subject = Subject(
        kind=_KIND_OF_EVENT.get(given.kind, SubjectKind.FINDING),
        id=derive_id("detection", "test"),
        event_kind=given.kind,
        severity_id=given.severity,
        techniques=given.techniques,
        asset_ids=tuple(asset.asset_id for asset in assets),
        validation=Validation(0, given.verdict, given.confidence, "test"),
    )
    return Situation((subject,), assets, _moment(charter, given.at), given.desired_outcome)


def _compared(charter: Charter, situation: Situation, ruling: Ruling, expected: Expected) -> Iterator[str]:
    priority, _ = priority_of(charter, situation)
    order = [step.id for step in ruling.line.then.steps]
    laid_out = {rule_id for rule_id in order if any(step.line.endswith(f"/{rule_id}") for step in ruling.steps)}
    found = {
        "line": (expected.line, ruling.line.id),
        "mode": (expected.mode, ruling.mode),
        "precedence": (expected.precedence, ruling.precedence),
        "priority": (expected.priority, priority),
        "steps": (expected.steps, tuple(rule_id for rule_id in order if rule_id in laid_out)),
    }
    for name, (wanted, got) in found.items():
        if wanted is not None and wanted != got:
            yield f"{name}: {_shown(got)}, expected {_shown(wanted)}"
    for step in ruling.steps:
        rule_id = step.line.partition("/")[2]
        authority = expected.authority.get(rule_id)
        if authority is not None and step.authority is not authority:
            yield f"authority of {step.step_id}: {step.authority.value}, expected {authority.value}"
        waits = expected.not_before.get(rule_id)
        if waits is not None and step.not_before != _moment(charter, waits):
            yield f"{step.step_id} waits until {step.not_before}, expected {_moment(charter, waits)}"
    for rule_id in sorted({*expected.authority, *expected.not_before} - laid_out):
        yield f"the plan has no step {rule_id}"


def _moment(charter: Charter, at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=charter.zone)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(getattr(value, "value", value))
