"""What more than one service's events speak of: verdicts, evidence, the subject that a response rests on."""

from enum import StrEnum

from contracts.events.base import Sealed, Value
from contracts.labels import Label


class SubjectKind(StrEnum):
    DETECTION = "detection"
    FINDING = "finding"
    CUSTOMER_REPORT = "customer_report"


class SubjectRef(Value):
    """The validated thing that a response rests on, by the position of its standing validation in the same ledger."""

    kind: SubjectKind
    id: str
    stream_version: int
    validation_position: int


class Verdict(StrEnum):
    """The result of a human validation, mapped to OCSF `verdict_id` by `OCSF_VERDICT_ID`."""

    MALICIOUS = "malicious"
    AUTHORISED_TEST = "authorised_test"
    BENIGN_EXPECTED = "benign_expected"
    BENIGN_UNEXPECTED = "benign_unexpected"
    FALSE_POSITIVE = "false_positive"
    DUPLICATE = "duplicate"
    UNDETERMINED = "undetermined"
    CONFIRMED_EXPOSURE = "confirmed_exposure"
    """For findings: the exposure, insecure change or newcomer is real and needs a response."""


OCSF_VERDICT_ID = {
    Verdict.MALICIOUS: 2,
    Verdict.AUTHORISED_TEST: 6,
    Verdict.BENIGN_EXPECTED: 5,
    Verdict.BENIGN_UNEXPECTED: 5,
    Verdict.FALSE_POSITIVE: 1,
    Verdict.DUPLICATE: 10,
    Verdict.UNDETERMINED: 7,
    Verdict.CONFIRMED_EXPOSURE: 8,
}
"""OCSF 1.x incident/finding `verdict_id`: 1 False Positive, 2 True Positive, 5 Benign, 6 Test, 7 Insufficient Data,
8 Security Risk, 10 Duplicate."""

CALLS_FOR_RESPONSE = frozenset({Verdict.MALICIOUS, Verdict.CONFIRMED_EXPOSURE})
"""The verdicts on which a case may be opened and a response decided."""


class Evidence(Value):
    """A piece of evidence: a telemetry record or file in the object store by hash, or an entry by position.

    `summary` is what a person reads, sealed; `offset` the 0-based record number within a telemetry batch's object.
    """

    id: str
    label: Label
    summary: Sealed
    sha256: str | None = None
    offset: int | None = None
    position: int | None = None


class Sight(Value):
    """What the maker of a decision had been shown: a read model, its version, and its position in the ledger."""

    view: str
    view_version: int
    position: int
