"""Whose signatures on rule packs count, in the provider's ledger.

All publishers share one stream, so that an import and a deployment are decided on all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.rule_publishers import RulePublisherDistrusted, RulePublisherTrusted
from contracts.ids import PROVIDER, derive_id
from services.detections.config import MAX_RULE_PUBLISHERS
from services.detections.domain import errors
from services.detections.domain.commands import DistrustRulePublisher, TrustRulePublisher
from services.detections.domain.validation import require_reasoned

CATEGORY = "rule_publisher"
STREAM = derive_id(CATEGORY, PROVIDER)
PublisherEvent = RulePublisherTrusted | RulePublisherDistrusted


@dataclass(frozen=True, slots=True)
class Publisher:
    """`names` are those of the packs that it signs; they ask for a signature also while it is distrusted. `reason`,
    `since`, `principal_id` and `position` are of the latest decision on it."""

    verifier_key: str
    names: tuple[str, ...]
    trusted: bool
    reason: Sealed
    since: datetime
    principal_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Publishers:
    """By verifier key; without those that are distrusted and whose names were released."""

    by_key: Mapping[str, Publisher] = field(default_factory=dict)

    def signer_for(self, name: str, signed_by: Sequence[str] | None) -> str | None:
        """Whose signature lets a pack of that name in; None for one that needs none and has none.

        `signed_by` are the keys whose signatures it bears, None where it came without any. Raises RulePackUnsigned,
        RulePackSignerUntrusted.
        """
        if signed_by is None:
            if any(name in each.names for each in self.by_key.values()):
                raise errors.RulePackUnsigned("Packs of this name have to be signed.", metadata={"name": name})
            return None
        for key in signed_by:
            publisher = self.by_key.get(key)
            if publisher is not None and publisher.trusted and name in publisher.names:
                return key
        raise errors.RulePackSignerUntrusted(
            "Nobody who is trusted for packs of this name has signed it.", metadata={"name": name}
        )


def initial() -> Publishers:
    return Publishers()


def evolve(state: Publishers, recorded: Recorded[PublisherEvent]) -> Publishers:
    event = recorded.event
    known = dict(state.by_key)
    match event:
        case RulePublisherTrusted():
            known[event.verifier_key] = Publisher(
                event.verifier_key,
                event.names,
                trusted=True,
                reason=event.reason,
                since=recorded.recorded_at,
                principal_id=recorded.envelope.actor.id,
                position=recorded.position,
            )
        case RulePublisherDistrusted(names_released=True):
            del known[event.verifier_key]
        case RulePublisherDistrusted():
            known[event.verifier_key] = replace(
                known[event.verifier_key],
                trusted=False,
                reason=event.reason,
                since=recorded.recorded_at,
                principal_id=recorded.envelope.actor.id,
                position=recorded.position,
            )
        case _:
            assert_never(event)
    return Publishers(known)


def trust(state: Publishers, command: TrustRulePublisher) -> list[RulePublisherTrusted]:
    """Nothing where it is trusted for just these names. Raises RationaleMissing, RulePublishersTooMany."""
    require_reasoned(command.reason)
    names = tuple(sorted(set(command.names)))
    known = state.by_key.get(command.verifier_key)
    if known is not None and known.trusted and known.names == names:
        return []
    if known is None and len(state.by_key) >= MAX_RULE_PUBLISHERS:
        raise errors.RulePublishersTooMany(f"At most {MAX_RULE_PUBLISHERS} publishers are kept.")
    return [RulePublisherTrusted(verifier_key=command.verifier_key, names=names, reason=_sealed(command))]


def distrust(state: Publishers, command: DistrustRulePublisher) -> list[RulePublisherDistrusted]:
    """Nothing where it is distrusted and keeps its names. Raises RationaleMissing, RulePublisherUnknown."""
    require_reasoned(command.reason)
    known = state.by_key.get(command.verifier_key)
    if known is None:
        raise errors.RulePublisherUnknown("Nobody is known by this key.")
    if not known.trusted and not command.release_names:
        return []
    return [
        RulePublisherDistrusted(
            verifier_key=command.verifier_key, names_released=command.release_names, reason=_sealed(command)
        )
    ]


def _sealed(command: TrustRulePublisher | DistrustRulePublisher) -> Sealed:
    return Sealed.of(command.reason, subject=derive_id(CATEGORY, command.verifier_key))
