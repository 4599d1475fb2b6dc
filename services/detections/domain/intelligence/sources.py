"""The sources of one ledger's intelligence: what each says in its present version, and where it is fetched from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from contracts.events.base import Recorded
from contracts.events.intelligence import (
    FetchKind,
    ImportMode,
    IntelligenceFetched,
    IntelligenceFetchScheduled,
    IntelligenceFormat,
    IntelligenceImported,
    IntelligenceSourceRetired,
    RefusedObject,
)
from contracts.ids import TenantId, derive_id
from services.detections.config import (
    MAX_INDICATORS,
    MAX_INDICATORS_PER_SOURCE,
    MAX_INTELLIGENCE_SOURCES,
    MAX_REFUSED_OBJECTS_NAMED,
    MAX_TECHNIQUE_USES_PER_SOURCE,
)
from services.detections.domain.commands import ImportIntelligence, ScheduleIntelligenceFetch
from services.detections.domain.errors import (
    IndicatorsTooMany,
    IntelligenceEmpty,
    IntelligenceSourcesTooMany,
    IntelligenceSourceUnknown,
    TechniqueUsesTooMany,
)
from services.detections.domain.intelligence.indicators import KEPT_BACK, IndicatorSet
from services.detections.domain.intelligence.stix_bundle import Gathered

CATEGORY = "intelligence"
IntelligenceEvent = IntelligenceImported | IntelligenceSourceRetired | IntelligenceFetchScheduled | IntelligenceFetched


@dataclass(frozen=True, slots=True)
class Source:
    """`imported` is the import that stands, `position` where it is recorded; `fetch` is its schedule, and `cursor`
    where the next fetch begins: None where nothing was fetched from there yet."""

    name: str
    imported: IntelligenceImported | None = None
    position: int = -1
    fetch: IntelligenceFetchScheduled | None = None
    cursor: str | None = None
    refusal: str | None = None
    retired: bool = False

    @property
    def standing(self) -> int:
        return self.imported.standing if self.imported is not None and not self.retired else 0


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources of a ledger by name."""

    by_name: Mapping[str, Source] = field(default_factory=dict)

    @property
    def at_work(self) -> Sequence[Source]:
        return [each for each in self.by_name.values() if each.imported is not None and not each.retired]

    def named(self, name: str) -> Source:
        return self.by_name.get(name, Source(name))


def stream_of(tenant_id: TenantId) -> str:
    """A ledger has one stream of intelligence, so that a batch is decided on all of it or not at all."""
    return derive_id(CATEGORY, tenant_id)


def initial() -> Sources:
    return Sources()


def evolve(state: Sources, recorded: Recorded[IntelligenceEvent]) -> Sources:
    event = recorded.event
    source = state.named(event.source)
    match event:
        case IntelligenceImported():
            source = replace(
                source,
                imported=event,
                position=recorded.position,
                cursor=event.cursor if _is_of(source.fetch, event) else None,
                refusal=None,
                retired=False,
            )
        case IntelligenceSourceRetired():
            source = replace(source, retired=True, fetch=None, cursor=None)
        case IntelligenceFetchScheduled():
            cursor = source.cursor if _same_place(source.fetch, event) else None
            source = replace(source, fetch=event, cursor=cursor, refusal=None, retired=False)
        case IntelligenceFetched():
            source = replace(source, refusal=event.refusal)
        case _:
            assert_never(event)
    return Sources({**state.by_name, source.name: source})


def _is_of(schedule: IntelligenceFetchScheduled | None, event: IntelligenceImported) -> bool:
    """Whether an import may have come by a schedule: while it was fetched, the schedule may have become another one."""
    return schedule is not None and (schedule.kind is FetchKind.TAXII) == (event.format is IntelligenceFormat.STIX)


def _same_place(known: IntelligenceFetchScheduled | None, event: IntelligenceFetchScheduled) -> bool:
    """Whether what was read there says anything of what is still to be read: servers do not share their cursors."""
    return known is not None and (known.url, known.kind) == (event.url, event.kind)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an import comes to: content that was read, the source's whole set from here on, and the objects that hold
    it."""

    format: IntelligenceFormat
    gathered: Gathered
    content_bytes: int
    whole: IndicatorSet
    set_sha256: str
    refused_sha256: str | None


def take(state: Sources, command: ImportIntelligence, prepared: Prepared) -> list[IntelligenceImported]:
    """Nothing where the source says just that already.

    Raises IntelligenceEmpty, IntelligenceSourcesTooMany, IndicatorsTooMany, TechniqueUsesTooMany.
    """
    before = state.named(command.source)
    known, gathered, whole = before.imported, prepared.gathered, prepared.whole
    if known is not None and not before.retired and _same(known, command, prepared):
        return []
    if command.mode is ImportMode.REPLACE and not gathered.content.indicators and not gathered.content.techniques:
        first = ", ".join(f"{name}: {reason}" for name, reason in gathered.refused[:3])
        raise IntelligenceEmpty("Nothing of the content can be used.", metadata={"refused": first})
    _require_room(state, command.source, len(whole.indicators))
    if sum(map(len, whole.uses.values())) > MAX_TECHNIQUE_USES_PER_SOURCE:
        limit = str(MAX_TECHNIQUE_USES_PER_SOURCE)
        raise TechniqueUsesTooMany("The source says too much of who uses what.", metadata={"limit": limit})
    return [
        IntelligenceImported(
            source=command.source,
            version=(known.version if known is not None else 0) + 1,
            format=prepared.format,
            mode=command.mode,
            content_sha256=command.content_sha256,
            content_bytes=prepared.content_bytes,
            set_sha256=prepared.set_sha256,
            objects=gathered.objects,
            indicators=len(gathered.content.indicators),
            standing=len(whole.standing),
            revoked=len(whole.indicators) - len(whole.standing),
            kept_back=sum(each.label in KEPT_BACK for each in whole.standing),
            techniques=len(whole.techniques),
            attack_version=whole.attack_version,
            refused=named_refusals(gathered),
            refused_total=len(gathered.refused),
            refused_sha256=prepared.refused_sha256,
            cursor=command.cursor,
        )
    ]


def named_refusals(gathered: Gathered) -> tuple[RefusedObject, ...]:
    """The first objects that are not used, as many as an event can name."""
    return tuple(
        RefusedObject(object_id=name[:120], reason=reason.value)
        for name, reason in gathered.refused[:MAX_REFUSED_OBJECTS_NAMED]
    )


def retire(state: Sources, source: str) -> list[IntelligenceSourceRetired]:
    """Nothing for one that is retired. Raises IntelligenceSourceUnknown."""
    known = state.by_name.get(source)
    if known is None:
        raise IntelligenceSourceUnknown("There is no such source of intelligence.")
    return [] if known.retired else [IntelligenceSourceRetired(source=source)]


def schedule(state: Sources, command: ScheduleIntelligenceFetch) -> list[IntelligenceFetchScheduled]:
    """Nothing where it is scheduled just so. Raises IntelligenceSourcesTooMany."""
    _require_room(state, command.source, state.named(command.source).standing)
    event = IntelligenceFetchScheduled(
        source=command.source,
        url=command.url,
        credential=command.credential,
        interval_minutes=command.interval_minutes,
        label=command.label,
        kind=command.kind,
    )
    return [] if state.named(command.source).fetch == event else [event]


def fetched(state: Sources, source: str, refusal: str | None) -> list[IntelligenceFetched]:
    """What came of a fetch that brought nothing, only where that differs from the time before."""
    known = state.by_name.get(source)
    if known is None or known.fetch is None or known.refusal == refusal:
        return []
    return [IntelligenceFetched(source=source, refusal=refusal)]


def _same(known: IntelligenceImported, command: ImportIntelligence, prepared: Prepared) -> bool:
    return known.set_sha256 == prepared.set_sha256 and known.cursor == command.cursor


def _require_room(state: Sources, source: str, indicators: int) -> None:
    if source not in state.by_name and len(state.by_name) >= MAX_INTELLIGENCE_SOURCES:
        raise IntelligenceSourcesTooMany(
            "There are too many sources.", metadata={"limit": str(MAX_INTELLIGENCE_SOURCES)}
        )
    if indicators > MAX_INDICATORS_PER_SOURCE:
        raise IndicatorsTooMany("The source says too much.", metadata={"limit": str(MAX_INDICATORS_PER_SOURCE)})
    others = sum(each.standing for each in state.by_name.values() if each.name != source)
    if others + indicators > MAX_INDICATORS:
        raise IndicatorsTooMany("All sources together say too much.", metadata={"limit": str(MAX_INDICATORS)})
