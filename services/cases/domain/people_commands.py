"""What people, policies and timers ask about rotas, pages, service levels, calendars, handovers and questions."""

from contracts.commands import Command, Private
from contracts.events.base import Instant, Value
from contracts.events.cases import Priority
from contracts.events.people import (
    CalendarDefinition,
    HandoverItem,
    Objective,
    PageAbout,
    QuestionKind,
    RotaDefinition,
)
from contracts.labels import Label


class PublishRota(Command):
    definition: RotaDefinition


class OverrideRota(Command):
    rota_id: str
    principal_id: str
    starts_at: Instant
    ends_at: Instant
    reason: Private


class RemoveRotaOverride(Command):
    rota_id: str
    override_id: str


class CheckCoverage(Command):
    rota_id: str


class SendPage(Command):
    """`cause` tells several pages about the same thing apart. `rota_id` empty: the rota of the tenant."""

    about: PageAbout
    about_id: str
    detail: str = ""
    priority: Priority
    cause: str
    rota_id: str = ""


class AcknowledgePage(Command):
    page_id: str


class EscalatePage(Command):
    """The call number `rung` was not acknowledged in time, or (`unreachable`) no messenger could bring it."""

    page_id: str
    rung: int
    unreachable: bool = False


class PageWayGiven(Value):
    channel: str
    messenger: str
    address: Private


class SetPageContact(Command):
    """How a person is reached from here on, in the order of trying; none: on the screen only."""

    principal_id: str
    ways: tuple[PageWayGiven, ...]


class DispatchPageMessage(Command):
    """Brings the call that stands at `about_position` to its person: by the first way, or the one after `after`."""

    about_position: int
    after: str = ""


class PublishCalendar(Command):
    definition: CalendarDefinition


class StartServiceLevels(Command):
    """The case was opened, or reopened, at that time. `if_open`: only if it is open now, which may not be known."""

    case_id: str
    at: Instant
    if_open: bool = False


class MeetServiceLevels(Command):
    """What was recorded at a position is what these objectives of the case ask for. `closed`: the case was closed."""

    case_id: str
    objectives: tuple[Objective, ...]
    by_position: int | None
    at: Instant
    closed: bool = False


class InheritServiceLevels(Command):
    """Another case was merged into this one; its earlier deadlines stay."""

    case_id: str
    merged_case_id: str


class BreachServiceLevel(Command):
    case_id: str
    episode: int
    objective: Objective


class PauseServiceLevel(Command):
    case_id: str
    objective: Objective
    reason: Private


class ResumeServiceLevel(Command):
    case_id: str
    objective: Objective


class ChangeCasePriority(Command):
    """`relax`: running service levels get the time of the lower priority, which takes a lead."""

    case_id: str
    priority: Priority
    reason: Private
    relax: bool


class StartHandover(Command):
    rota_id: str
    from_principal_id: str
    to_principal_id: str


class AcceptHandoverItem(Command):
    handover_id: str
    item: HandoverItem


class CompleteHandover(Command):
    handover_id: str


class AskQuestion(Command):
    kind: QuestionKind
    topic: str
    case_id: str | None
    detection_id: str | None = None
    text: Private
    label: Label


class AnswerQuestion(Command):
    """`agrees` is for a second opinion."""

    question_id: str
    text: Private
    label: Label
    agrees: bool | None = None


class MarkQuestionOverdue(Command):
    question_id: str
