"""From firings to groups of activity: what a correlation saw becomes a detection like that of any other rule."""

from collections.abc import Mapping, Sequence

from contracts.events.detections import GroupIdentity
from services.detections.config import MAX_EVIDENCE_PER_CORRELATION, MAX_SUMMARY_CHARACTERS
from services.detections.domain.correlation.batches import moment_of
from services.detections.domain.correlation.hits import Firing, Hit
from services.detections.domain.description import Description
from services.detections.domain.grouping import BlindIndex, Fired, Group, Place, Sample, group_key, window_of

SOURCE = "correlation"


def group_of(known: Group | None, firing: Firing, fired: Fired, index: BlindIndex, titles: Mapping[str, str]) -> Group:
    """The group that a firing belongs to, with the firing in it; `known` if this batch has it already."""
    first, last = moment_of(firing.hits[0].at), moment_of(firing.hits[-1].at)
    if known is None:
        key, identity = group_key_of(firing, index), _identity(firing, index)
        known = Group(key, identity, fired, SOURCE, Place(*firing.hits[-1].place), first, last)
    known.count += len(firing.hits)
    known.first, known.last = min(known.first, first), max(known.last, last)
    room = MAX_EVIDENCE_PER_CORRELATION - len(known.samples)
    known.samples.extend(_sample(hit, firing, titles) for hit in _telling(firing.hits, room))
    return known


def group_key_of(firing: Firing, index: BlindIndex) -> str:
    """The key of the group that a firing belongs to."""
    return group_key(index, firing.correlation.rule_id, _identity(firing, index), window_of(moment_of(firing.at)))


def key_of(firing: Firing) -> tuple[str, tuple[str, ...], int]:
    """Firings with the same key belong to the same group."""
    return firing.correlation.rule_id, firing.group, window_of(moment_of(firing.at))


def _identity(firing: Firing, index: BlindIndex) -> GroupIdentity:
    """A correlation that groups by nothing looks at the tenant as a whole, and so does its detection."""
    if not firing.group:
        return GroupIdentity()
    return GroupIdentity(values=index.text("correlation_group", "\x1f".join(firing.group)))


def _telling(hits: Sequence[Hit], room: int) -> Sequence[Hit]:
    """The first hit of each rule, then the latest of all, within the room that is left."""
    firsts = {hit.rule_id: hit for hit in reversed(hits)}
    chosen = {id(hit): hit for hit in (*firsts.values(), *reversed(hits))}
    return sorted(list(chosen.values())[: max(0, room)], key=lambda hit: hit.at)


def summary_of(hit: Hit, firing: Firing, titles: Mapping[str, str]) -> str:
    """What a person reads of a hit."""
    lines = [
        f"{moment_of(hit.at).isoformat()} {titles.get(hit.rule_id, hit.rule_id)}",
        *(f"{kind}: {text}" for kind, text in _told(hit, firing)),
        *(f"{name}: {text}" for name, text in hit.values.items()),
    ]
    return "\n".join(dict.fromkeys(lines))[:MAX_SUMMARY_CHARACTERS]


def _sample(hit: Hit, firing: Firing, titles: Mapping[str, str]) -> Sample:
    observables = tuple(f"{kind}: {text}" for kind, text in _told(hit, firing))
    return Sample(hit.offset, Description(summary_of(hit, firing, titles), observables), hit.batch)


def _told(hit: Hit, firing: Firing) -> list[tuple[str, str]]:
    grouped = zip(firing.correlation.group_by, firing.group, strict=True)
    named = zip(("host", "address", "account", "source address", "destination address"), hit.place, strict=True)
    return [(kind, text) for kind, text in (*named, *grouped) if text]
