"""Events of the cases service about people: rotas, pages, service levels, calendars, handovers and questions.

Rotas and handovers are the provider's own, and lie in its ledger; the others lie in the customer's. People are named by
opaque principals only.
"""

from enum import StrEnum

from contracts.events.base import Event, Instant, Sealed, Value, event
from contracts.events.cases import CharterLine, Priority
from contracts.ids import TenantId
from contracts.labels import Label


class Shift(Value):
    """One person's shift by local wall clock (`2026-01-05T08:00:00`), from `starts` to `ends`.

    `recurrence` is a rule of RFC 5545 (`FREQ=WEEKLY;INTERVAL=3`) or empty for once; `exceptions` are starts left out.
    """

    principal_id: str
    starts: str
    ends: str
    recurrence: str
    exceptions: tuple[str, ...]


class Layer(Value):
    """Shifts in one IANA time zone. Of several layers the first that has somebody on a shift is on call."""

    name: str
    time_zone: str
    shifts: tuple[Shift, ...]


class Desk(Value):
    """Who answers questions on a topic, and within how many minutes of the customer's calendar (empty: any hour)."""

    topic: str
    certification: str
    principal_ids: tuple[str, ...]
    answer_minutes: int
    calendar: str


class RotaDefinition(Value):
    """A group of tenants, its layers from the first called on, and the leads who are called last.

    `answer_minutes` is how long each person has for a page, `probe_minutes` how often the person on call is asked to
    show that somebody is there (None: never), `horizon_days` how far ahead coverage is looked at.
    """

    name: str
    tenant_ids: tuple[TenantId, ...]
    layers: tuple[Layer, ...]
    leads: tuple[str, ...]
    answer_minutes: int
    probe_minutes: int | None
    horizon_days: int
    desks: tuple[Desk, ...]


@event("tenet.cases.RotaPublished", category="rota")
class RotaPublished(Event):
    """`digest` is the SHA-256 of the definition's canonical form, by which decisions cite this version."""

    rota_id: str
    rota_version: int
    digest: str
    definition: RotaDefinition


@event("tenet.cases.RotaAssigned", category="rota_assignment")
class RotaAssigned(Event):
    """From here on this rota is the tenant's; None: no rota is."""

    tenant_id: TenantId
    rota_id: str | None


@event("tenet.cases.RotaOverridden", category="rota")
class RotaOverridden(Event):
    """From `starts_at` to `ends_at` this person is on call, whatever the layers say."""

    rota_id: str
    override_id: str
    principal_id: str
    starts_at: Instant
    ends_at: Instant
    reason: Sealed


@event("tenet.cases.RotaOverrideRemoved", category="rota")
class RotaOverrideRemoved(Event):
    rota_id: str
    override_id: str


@event("tenet.cases.CoverageGapFound", category="rota")
class CoverageGapFound(Event):
    """Nobody is on call from `starts_at` to `ends_at`. The same gap is found again when its end moves."""

    rota_id: str
    gap_id: str
    starts_at: Instant
    ends_at: Instant


@event("tenet.cases.CoverageGapClosed", category="rota")
class CoverageGapClosed(Event):
    """Somebody is on call there now, or (`passed`) its time has gone by uncovered."""

    rota_id: str
    gap_id: str
    passed: bool


@event("tenet.cases.CoverageChecked", category="rota")
class CoverageChecked(Event):
    """Every minute up to `through` was looked at; what is uncovered has a CoverageGapFound."""

    rota_id: str
    rota_version: int
    through: Instant


class PageAbout(StrEnum):
    CASE = "case"
    DETECTION = "detection"
    SERVICE_LEVEL = "service_level"
    QUESTION = "question"
    COVERAGE_GAP = "coverage_gap"
    PROBE = "probe"
    """Nothing but: is somebody there?"""


class PageChannel(StrEnum):
    PORTAL = "portal"
    PHONE = "phone"
    """A person of the provider's desk rings."""


@event("tenet.cases.PageSent", category="page")
class PageSent(Event):
    """The intent to reach a person: whoever delivers it takes it from here. Acknowledged by `deadline`, or it climbs.

    `detail` tells more of what it is about: a service level's objective, empty otherwise.
    """

    page_id: str
    about: PageAbout
    about_id: str
    detail: str
    priority: Priority
    rota_id: str
    principal_id: str
    channel: PageChannel
    deadline: Instant


@event("tenet.cases.PageEscalated", category="page")
class PageEscalated(Event):
    """Nobody acknowledged in time: the next person of the ladder is called. `rung` counts from 1, the first call."""

    page_id: str
    rung: int
    principal_id: str
    channel: PageChannel
    deadline: Instant


@event("tenet.cases.PageAcknowledged", category="page")
class PageAcknowledged(Event):
    """The actor has it. `about` repeats the page's, so that a reader of this event alone knows what was taken up."""

    page_id: str
    about: PageAbout
    about_id: str
    rung: int


@event("tenet.cases.PageUnanswered", category="page")
class PageUnanswered(Event):
    """Everybody on the ladder was called and nobody acknowledged: an alarm."""

    page_id: str
    rungs: int


class OpenHours(Value):
    """One opening by local wall clock, `09:00` to `17:30`; `24:00` is the end of the day."""

    day: str
    start: str
    end: str


class CalendarDefinition(Value):
    """Business hours in an IANA time zone. On `holidays` (`2026-12-25`) nothing is open."""

    name: str
    time_zone: str
    hours: tuple[OpenHours, ...]
    holidays: tuple[str, ...]


@event("tenet.cases.CalendarPublished", category="calendar")
class CalendarPublished(Event):
    """`tzdata_version` is the release of the IANA database that this program reads the time zone from."""

    calendar_id: str
    calendar_version: int
    digest: str
    definition: CalendarDefinition
    tzdata_version: str


class CalendarRef(Value):
    """A version of a calendar that a timer was started on; it stays on that one."""

    calendar_id: str
    version: int
    digest: str


class Objective(StrEnum):
    """What a charter sets a time for, from the opening of a case."""

    ACKNOWLEDGE = "acknowledge"
    DECIDE = "decide"
    NOTIFY = "notify"
    CONTAIN = "contain"
    RESOLVE = "resolve"


@event("tenet.cases.CasePriorityChanged", category="case")
class CasePriorityChanged(Event):
    case_id: str
    previous: Priority
    priority: Priority
    reason: Sealed


@event("tenet.cases.ServiceLevelStarted", category="service_level")
class ServiceLevelStarted(Event):
    """A clock began to run. Calendar, time zone release and deadline are those of this moment and stay.

    `minutes` are of the calendar, or of any hour without one. `episode` counts from 1; a reopening begins the next.
    """

    case_id: str
    episode: int
    objective: Objective
    priority: Priority
    minutes: int
    calendar: CalendarRef | None
    tzdata_version: str
    started_at: Instant
    deadline: Instant
    charter: CharterLine


@event("tenet.cases.ServiceLevelPaused", category="service_level")
class ServiceLevelPaused(Event):
    """`used_seconds` of the objective's time had gone by. It runs on only when somebody resumes it."""

    case_id: str
    episode: int
    objective: Objective
    used_seconds: int
    reason: Sealed


@event("tenet.cases.ServiceLevelResumed", category="service_level")
class ServiceLevelResumed(Event):
    case_id: str
    episode: int
    objective: Objective
    resumed_at: Instant
    deadline: Instant


@event("tenet.cases.ServiceLevelRetimed", category="service_level")
class ServiceLevelRetimed(Event):
    """Another priority, or a case that was merged into this one, moved the deadline. `relaxed`: later, as a lead said.

    Minutes and calendar are those that count from here on; `used_seconds` of them had gone by before the clock last
    began to run. While it is paused, the deadline is the one it was paused with.
    """

    case_id: str
    episode: int
    objective: Objective
    priority: Priority
    minutes: int
    calendar: CalendarRef | None
    used_seconds: int
    deadline: Instant
    relaxed: bool


@event("tenet.cases.ServiceLevelMet", category="service_level")
class ServiceLevelMet(Event):
    """What the objective asks for is on record at `by_position`; None: in the entry before, of the same command.

    After a breach it is met late.
    """

    case_id: str
    episode: int
    objective: Objective
    met_at: Instant
    by_position: int | None
    late: bool


@event("tenet.cases.ServiceLevelBreached", category="service_level")
class ServiceLevelBreached(Event):
    case_id: str
    episode: int
    objective: Objective
    priority: Priority
    deadline: Instant


@event("tenet.cases.ServiceLevelEnded", category="service_level")
class ServiceLevelEnded(Event):
    """The case was closed without anything that this objective is about: neither met nor breached."""

    case_id: str
    episode: int
    objective: Objective


class HandoverItemKind(StrEnum):
    CASE = "case"
    """An open case of priority P1 or P2."""
    APPROVAL = "approval"
    """A plan that waits for a customer's word; `version` is its digest."""
    GAP = "gap"
    """Hours ahead in which nobody is on call; `version` is its end."""


class HandoverItem(Value):
    kind: HandoverItemKind
    tenant_id: TenantId
    id: str
    version: str


class LedgerPosition(Value):
    """Up to where a tenant's ledger had been looked at."""

    tenant_id: TenantId
    position: int


@event("tenet.cases.HandoverStarted", category="handover")
class HandoverStarted(Event):
    handover_id: str
    rota_id: str
    rota_version: int
    from_principal_id: str
    to_principal_id: str


@event("tenet.cases.HandoverItemAccepted", category="handover")
class HandoverItemAccepted(Event):
    """The incoming person takes this one item over, as it stood at these positions."""

    handover_id: str
    item: HandoverItem
    position: LedgerPosition


@event("tenet.cases.HandoverCompleted", category="handover")
class HandoverCompleted(Event):
    """Every item that was open at these positions had been accepted."""

    handover_id: str
    rota_id: str
    to_principal_id: str
    items: tuple[HandoverItem, ...]
    positions: tuple[LedgerPosition, ...]


class QuestionKind(StrEnum):
    QUESTION = "question"
    CHANGE = "change"
    SECOND_OPINION = "second_opinion"
    """Asked by one of the provider's people about a case or a detection, and answered by another one."""


@event("tenet.cases.QuestionAsked", category="question")
class QuestionAsked(Event):
    question_id: str
    kind: QuestionKind
    topic: str
    case_id: str | None
    detection_id: str | None
    text: Sealed
    label: Label
    certification: str
    answer_minutes: int
    calendar: CalendarRef | None
    tzdata_version: str
    deadline: Instant


@event("tenet.cases.QuestionRouted", category="question")
class QuestionRouted(Event):
    """To a person of the topic's desk who is qualified at this moment; where there is none, to a lead."""

    question_id: str
    principal_id: str
    qualified: bool


@event("tenet.cases.QuestionAnswered", category="question")
class QuestionAnswered(Event):
    """`agrees` is what a second opinion says to the first; None for other questions."""

    question_id: str
    text: Sealed
    label: Label
    late: bool
    agrees: bool | None


@event("tenet.cases.QuestionOverdue", category="question")
class QuestionOverdue(Event):
    question_id: str
    deadline: Instant
