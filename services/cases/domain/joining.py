"""By which rules two cases are taken for parts of one attack, and the suggestion that a person settles.

Two cases of a tenant are suggested to each other when they share
- an asset, within 3 days;
- a weak observable (a host's name, an address inside the network), within 3 days;
- a strong observable (a file hash, a domain, an account, a public address), within 90 days, so that stages a month
  apart still come together.
What more than 20 cases have is no mark of one attack and is passed over. Nothing is merged without a person.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.case_work import (
    JoiningReason,
    JoiningRule,
    LinkAccepted,
    LinkDeclined,
    LinkSuggested,
)
from contracts.ids import derive_id
from services.cases.domain.case import Case
from services.cases.domain.errors import SuggestionSettled, SuggestionUnknown
from services.cases.domain.work_commands import DeclineLink

SHORT_WINDOW = timedelta(days=3)
LONG_WINDOW = timedelta(days=90)
WINDOWS: Mapping[JoiningRule, timedelta] = {
    JoiningRule.SAME_ASSET: SHORT_WINDOW,
    JoiningRule.SAME_OBSERVABLE: SHORT_WINDOW,
    JoiningRule.SAME_STRONG_OBSERVABLE: LONG_WINDOW,
}
WEIGHTS: Mapping[JoiningRule, int] = {
    JoiningRule.SAME_STRONG_OBSERVABLE: 5,
    JoiningRule.SAME_ASSET: 2,
    JoiningRule.SAME_OBSERVABLE: 1,
}
MAX_SHARED_BY = 20
"""What more cases than these have in common joins none of them."""
MAX_SUGGESTIONS = 10
"""Most cases that are suggested to one at a time, the likeliest first."""
MAX_REASONS = 50

SuggestionEvent = LinkSuggested | LinkAccepted | LinkDeclined


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that a case has and another one may have as well."""

    case_id: str
    rule: JoiningRule
    shared: str
    seen_at: datetime


class SuggestionStatus(StrEnum):
    NONE = "none"
    SUGGESTED = "suggested"
    ACCEPTED = "accepted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Suggestion:
    suggestion_id: str = ""
    case_id: str = ""
    with_case_id: str = ""
    status: SuggestionStatus = SuggestionStatus.NONE


def evolve_suggestion(state: Suggestion, recorded: Recorded[SuggestionEvent]) -> Suggestion:
    event = recorded.event
    match event:
        case LinkSuggested():
            return Suggestion(event.suggestion_id, event.case_id, event.with_case_id, SuggestionStatus.SUGGESTED)
        case LinkAccepted():
            return Suggestion(state.suggestion_id, state.case_id, state.with_case_id, SuggestionStatus.ACCEPTED)
        case LinkDeclined():
            return Suggestion(state.suggestion_id, state.case_id, state.with_case_id, SuggestionStatus.DECLINED)
        case _:
            assert_never(event)


def suggestion_id_of(case_id: str, other: str) -> str:
    """One and the same for two cases, whichever is named first: what was declined is not asked again."""
    return derive_id("suggestion", *sorted((case_id, other)))


def related(case_id: str, own: Iterable[Mark], others: Iterable[Mark]) -> dict[str, tuple[JoiningReason, ...]]:
    """The cases that are parts of one attack with this one by the rules above, the likeliest first."""
    mine: dict[tuple[JoiningRule, str], list[datetime]] = defaultdict(list)
    for mark in own:
        mine[mark.rule, mark.shared].append(mark.seen_at)
    theirs: dict[tuple[JoiningRule, str], list[Mark]] = defaultdict(list)
    for mark in others:
        if mark.case_id != case_id:
            theirs[mark.rule, mark.shared].append(mark)
    found: dict[str, list[JoiningReason]] = defaultdict(list)
    for (rule, shared), moments in mine.items():
        having = theirs[rule, shared]
        if len({mark.case_id for mark in having}) > MAX_SHARED_BY:
            continue
        for mark in having:
            apart = min(abs(mark.seen_at - moment) for moment in moments)
            if apart <= WINDOWS[rule]:
                found[mark.case_id].append(
                    JoiningReason(rule=rule, shared=shared, apart_seconds=int(apart.total_seconds()))
                )
    ordered = sorted(found, key=lambda other: (-score(found[other]), other))
    return {other: tuple(found[other][:MAX_REASONS]) for other in ordered[:MAX_SUGGESTIONS]}


def score(reasons: Iterable[JoiningReason]) -> int:
    return sum(WEIGHTS[reason.rule] for reason in reasons)


def suggest_link(
    suggestion: Suggestion, case: Case, other: Case, reasons: tuple[JoiningReason, ...]
) -> list[LinkSuggested]:
    """Nothing when it was suggested before, when nothing is shared, when they are one case, or when neither is open."""
    apart = case.case_id and other.case_id and not case.merged_into and not other.merged_into
    if suggestion.status is not SuggestionStatus.NONE or not reasons or not apart or not (case.open or other.open):
        return []
    identifier = suggestion_id_of(case.case_id, other.case_id)
    return [LinkSuggested(suggestion_id=identifier, case_id=case.case_id, with_case_id=other.case_id, reasons=reasons)]


def pending(suggestion: Suggestion) -> Suggestion:
    """Raises SuggestionUnknown, SuggestionSettled."""
    if suggestion.status is SuggestionStatus.NONE:
        raise SuggestionUnknown("There is no such suggestion in this tenant.")
    if suggestion.status is not SuggestionStatus.SUGGESTED:
        raise SuggestionSettled(f"The suggestion was {suggestion.status.value} already.")
    return suggestion


def accept_link(suggestion: Suggestion, first: Case, second: Case) -> LinkAccepted:
    """The later case is merged into the earlier one, which `with_case_id` names, unless only the later one is open."""
    pending(suggestion)
    into, merged = (second, first) if second.open else (first, second)
    return LinkAccepted(
        suggestion_id=suggestion.suggestion_id, merged_case_id=merged.case_id, into_case_id=into.case_id
    )


def decline_link(suggestion: Suggestion, command: DeclineLink) -> LinkDeclined:
    settled = pending(suggestion)
    return LinkDeclined(
        suggestion_id=settled.suggestion_id, reason=Sealed.of(command.reason, subject=settled.suggestion_id)
    )
