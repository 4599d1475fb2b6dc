"""Actions, each with the validation that it rests on and every stage of its life: the auditor's list."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Sealed, Value
from contracts.events.cases import (
    ActionAcknowledged,
    ActionCancelled,
    ActionDispatched,
    ActionExpired,
    ActionFact,
    ActionLost,
    ActionRefused,
    ActionRehearsed,
    ActionReversed,
    ActionVerificationFailed,
    ActionVerified,
    ResponseType,
)
from contracts.events.subjects import Evidence
from infra.read_database.views import DocumentView, Due
from services.cases.domain.action import Status
from services.cases.domain.repertoire import READ_BACK
from services.cases.projections.stamp import Stamp

EXPIRE_ACTION = "expire_action"
_ENDED = frozenset({Status.REFUSED, Status.REVERSED, Status.EXPIRED, Status.CANCELLED, Status.REHEARSED})


class Stage(Value):
    stamp: Stamp
    event: str
    detail: str


class ActionRow(Value):
    """A cancelled or rehearsed action has neither a target's address nor a connector: nothing was sent."""

    action_id: str
    basis: ActionFact
    status: Status
    attempt: int = 1
    response_type: ResponseType | None = None
    action: str = ""
    argument: str = ""
    target_asset_id: str = ""
    target: Sealed | None = None
    connector: str = ""
    verify_by: str = ""
    expires_at: Instant | None = None
    reverses_action_id: str | None = None
    receipt: str = ""
    observation: Evidence | None = None
    stages: tuple[Stage, ...] = ()
    trace_parent: str = ""
    correlation_id: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether the outbox still has something to do: to send it, or to look at its effect."""
        if self.status is Status.DISPATCHED:
            return True
        return self.status is Status.ACKNOWLEDGED and self.verify_by == READ_BACK


class Actions(DocumentView[ActionRow]):
    NAME = "actions"
    VERSION = 1
    TABLE = "actions"
    TOPICS = frozenset(
        {
            ActionDispatched,
            ActionAcknowledged,
            ActionRefused,
            ActionLost,
            ActionVerified,
            ActionVerificationFailed,
            ActionReversed,
            ActionExpired,
            ActionCancelled,
            ActionRehearsed,
        }
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "case_id": "text",
        "status": "text",
        "first_position": "bigint",
        "unfinished": "boolean",
    }
    DOCUMENT = ActionRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.action_id]

    def fold(self, key: str, document: ActionRow | None, recorded: Recorded[Any]) -> ActionRow | None:
        begun = _begun(recorded.event)
        if begun is not None:
            envelope = recorded.envelope
            begun = begun.model_copy(
                update={"trace_parent": envelope.trace_parent, "correlation_id": envelope.correlation_id}
            )
        begun = begun or document
        if begun is None:
            return None
        update, detail = _change(recorded.event)
        stage = Stage(stamp=Stamp.of(recorded), event=type(recorded.event).__name__, detail=detail)
        return begun.model_copy(update={**update, "stages": (*begun.stages, stage)})

    def columns(self, document: ActionRow) -> Mapping[str, object]:
        first = document.stages[0].stamp.position
        return {
            "case_id": document.basis.case_id,
            "status": document.status.value,
            "first_position": first,
            "unfinished": document.unfinished,
        }

    def timers(self, key: str, document: ActionRow) -> Sequence[Due]:
        if document.expires_at is None or document.status in _ENDED:
            return ()
        return [Due(EXPIRE_ACTION, document.expires_at, {"action_id": key})]


def _begun(event: Any) -> ActionRow | None:
    match event:
        case ActionDispatched():
            return ActionRow(
                action_id=event.action_id,
                basis=event.basis,
                status=Status.DISPATCHED,
                attempt=event.attempt,
                response_type=event.response_type,
                action=event.action,
                argument=event.argument,
                target_asset_id=event.target_asset_id,
                target=event.target,
                connector=event.connector,
                verify_by=event.verify_by,
                expires_at=event.expires_at,
                reverses_action_id=event.reverses_action_id,
            )
        case ActionCancelled():
            return ActionRow(action_id=event.action_id, basis=event.basis, status=Status.CANCELLED)
        case ActionRehearsed():
            return ActionRow(
                action_id=event.action_id,
                basis=event.basis,
                status=Status.REHEARSED,
                action=event.action,
                argument=event.argument,
                target_asset_id=event.target_asset_id,
            )
        case _:
            return None


def _change(event: Any) -> tuple[dict[str, object], str]:
    """What an event changes in the row, and the detail of its stage."""
    match event:
        case ActionAcknowledged():
            return {"status": Status.ACKNOWLEDGED, "receipt": event.receipt}, event.receipt
        case ActionRefused():
            return {"status": Status.REFUSED}, event.reason
        case ActionLost():
            return {"status": Status.LOST}, event.reason
        case ActionVerified():
            return {"status": Status.VERIFIED, "observation": event.observation}, event.path
        case ActionVerificationFailed():
            failed = f"{event.path}: {event.reason}"
            return {"status": Status.VERIFICATION_FAILED, "observation": event.observation}, failed
        case ActionReversed():
            return {"status": Status.REVERSED}, event.by_action_id
        case ActionExpired():
            return {"status": Status.EXPIRED}, ""
        case ActionCancelled():
            return {}, event.reason
        case ActionRehearsed():
            return {}, event.outcome
        case _:
            return {}, ""
