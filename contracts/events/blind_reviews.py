"""Events of blind reviews: a drawn share of verdicts is judged again by somebody who does not see the first verdict."""

from contracts.events.base import Event, Sealed, Value, event
from contracts.events.subjects import Verdict


class RuleShare(Value):
    """Another share for the verdicts on one rule's detections, in thousandths."""

    rule_id: str
    share_permille: int


@event("tenet.detections.BlindReviewShareSet", category="blind_review_sampling")
class BlindReviewShareSet(Event):
    """From here on this share of the tenant's verdicts is drawn, in thousandths; 0 draws none.

    A detection is drawn where HMAC-SHA-256 of its identifier under `seed` (hexadecimal, drawn by the service), read as
    a fraction, lies below the share. The seed is sealed, so that who gives a verdict cannot know whether it is drawn,
    and kept, so that every draw can be checked later.
    """

    share_permille: int
    rules: tuple[RuleShare, ...]
    seed: Sealed
    reason: Sealed


@event("tenet.detections.BlindReviewDrawn", category="blind_review")
class BlindReviewDrawn(Event):
    """The verdict at `validation_position`, which `validator_id` gave, waits for a second one.

    `sampling_position` is that of the share it was drawn under, `share_permille` the share that applied.
    """

    review_id: str
    detection_id: str
    rule_id: str
    validation_position: int
    validator_id: str
    sampling_position: int
    share_permille: int


@event("tenet.detections.BlindReviewGiven", category="blind_review")
class BlindReviewGiven(Event):
    """A second person's verdict, given without sight of the first. It changes nothing about the first.

    `agrees`: both verdicts are the same. `first_verdict` is the one that was reviewed.
    """

    review_id: str
    detection_id: str
    validation_position: int
    reviewer_id: str
    verdict: Verdict
    confidence_percent: int
    rationale: Sealed
    first_verdict: Verdict
    agrees: bool
