"""Blind reviews: which verdicts are judged a second time, and the second verdicts.

Not to be mixed up with the second opinion that somebody asks for on a case: nobody asks for this one, and who gives it
does not see what the first person said.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from contracts.calls import Call
from contracts.events.base import Recorded, Sealed
from contracts.events.blind_reviews import BlindReviewDrawn, BlindReviewGiven, BlindReviewShareSet, RuleShare
from contracts.events.subjects import Verdict
from contracts.ids import TenantId, derive_id
from services.detections.domain.commands import DrawBlindReview, GiveBlindReview, SetBlindReviewShare
from services.detections.domain.detection import Detection
from services.detections.domain.errors import (
    AlreadyReviewed,
    BlindReviewUnknown,
    SecondAnalystNeeded,
    VerdictUnsuitable,
)
from services.detections.domain.validation import (
    require_human,
    require_reasoned,
    require_standing,
    require_suitable,
)

CATEGORY = "blind_review"
SAMPLING_CATEGORY = "blind_review_sampling"
PERMILLE = 1_000
_FRACTION_BITS = 64


@dataclass(frozen=True, slots=True)
class Sampling:
    """The share that stands, in thousandths, and where it was set; `position` -1 while none ever was."""

    position: int = -1
    share_permille: int = 0
    rules: Mapping[str, int] = field(default_factory=dict)
    seed: Sealed | None = None

    def share_of(self, rule_id: str) -> int:
        return self.rules.get(rule_id, self.share_permille)


def sampling_stream_of(tenant_id: TenantId) -> str:
    return derive_id(SAMPLING_CATEGORY, tenant_id)


def no_sampling() -> Sampling:
    return Sampling()


def evolve_sampling(_state: Sampling, recorded: Recorded[BlindReviewShareSet]) -> Sampling:
    event = recorded.event
    match event:
        case BlindReviewShareSet():
            rules = {each.rule_id: each.share_permille for each in event.rules}
            return Sampling(recorded.position, event.share_permille, rules, event.seed)
        case _:
            assert_never(event)


def set_share(call: Call, command: SetBlindReviewShare, seed: str) -> list[BlindReviewShareSet]:
    """`seed`: 64 hexadecimal digits that nobody could foresee. Raises NotAPerson, NotAnAnalyst, RationaleMissing."""
    require_human(call)
    require_reasoned(command.reason)
    subject = sampling_stream_of(call.tenant_id)
    shares = {each.rule_id: each.share_permille for each in command.rules}
    return [
        BlindReviewShareSet(
            share_permille=command.share_permille,
            rules=tuple(RuleShare(rule_id=rule_id, share_permille=share) for rule_id, share in sorted(shares.items())),
            seed=Sealed.of(seed, subject=subject),
            reason=Sealed.of(command.reason, subject=subject),
        )
    ]


def is_drawn(seed: str, detection_id: str, share_permille: int) -> bool:
    """HMAC-SHA-256 of the identifier under the seed, its first 64 bits read as a fraction, lies below the share.

    By the detection and nothing of the verdict: whoever takes a verdict back and gives another draws no other lot.
    """
    digest = hmac.digest(bytes.fromhex(seed), detection_id.encode(), hashlib.sha256)
    return int.from_bytes(digest[: _FRACTION_BITS // 8], "big") * PERMILLE < share_permille << _FRACTION_BITS


@dataclass(frozen=True, slots=True)
class BlindReview:
    drawn: BlindReviewDrawn | None = None
    given: bool = False


def initial() -> BlindReview:
    return BlindReview()


def evolve(state: BlindReview, recorded: Recorded[BlindReviewDrawn | BlindReviewGiven]) -> BlindReview:
    event = recorded.event
    match event:
        case BlindReviewDrawn():
            return BlindReview(event)
        case BlindReviewGiven():
            return BlindReview(state.drawn, given=True)
        case _:
            assert_never(event)


def review_id_of(detection_id: str, validation_position: int) -> str:
    return derive_id(CATEGORY, detection_id, validation_position)


def draw(
    state: BlindReview, command: DrawBlindReview, detection: Detection, sampling: Sampling, seed: str | None
) -> list[BlindReviewDrawn]:
    """Nothing for a verdict that is not drawn, was drawn before, or does not stand any more.

    `seed` None: it was erased, and nothing can be drawn by it.
    """
    rule_id = detection.rule.rule_id if detection.rule else ""
    standing = detection.standing
    share = sampling.share_of(rule_id)
    if state.drawn is not None or standing is None or standing.position != command.validation_position:
        return []
    if standing.verdict is Verdict.DUPLICATE or seed is None or not is_drawn(seed, command.detection_id, share):
        return []
    return [
        BlindReviewDrawn(
            review_id=review_id_of(command.detection_id, command.validation_position),
            detection_id=command.detection_id,
            rule_id=rule_id,
            validation_position=command.validation_position,
            validator_id=command.validator_id,
            sampling_position=sampling.position,
            share_permille=share,
        )
    ]


def require_drawn(state: BlindReview) -> BlindReviewDrawn:
    if state.drawn is None:
        raise BlindReviewUnknown("Nothing of that name was drawn.")
    return state.drawn


def give(state: BlindReview, call: Call, command: GiveBlindReview, detection: Detection) -> list[BlindReviewGiven]:
    """Raises BlindReviewUnknown, NotAPerson, NotAnAnalyst, SecondAnalystNeeded, AlreadyReviewed, NotValidated,
    ValidationChanged, RationaleMissing, VerdictUnsuitable."""
    drawn = require_drawn(state)
    require_human(call)
    if call.actor.id == drawn.validator_id:
        raise SecondAnalystNeeded("The second verdict is somebody else's than the first.")
    if state.given:
        raise AlreadyReviewed("The second verdict was given already.")
    require_standing(detection.standing, drawn.validation_position)
    require_reasoned(command.rationale)
    require_suitable(command.verdict)
    if command.verdict is Verdict.DUPLICATE:
        raise VerdictUnsuitable("A second verdict says what the activity is, not that it repeats another.")
    assert detection.standing is not None  # It was required above.
    first = detection.standing.verdict
    return [
        BlindReviewGiven(
            review_id=command.review_id,
            detection_id=drawn.detection_id,
            validation_position=drawn.validation_position,
            reviewer_id=call.actor.id,
            verdict=command.verdict,
            confidence_percent=command.confidence_percent,
            rationale=Sealed.of(command.rationale, subject=drawn.detection_id),
            first_verdict=first,
            agrees=command.verdict is first,
        )
    ]
