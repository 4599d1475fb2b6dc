"""The rule for detections, findings and customers' reports alike: what a person validated has its case at once."""

from typing import Any, ClassVar

from contracts.events.base import Recorded
from contracts.events.subjects import CALLS_FOR_RESPONSE, SubjectKind
from contracts.labels import Label
from infra.read_database.policies import Origin, Policy
from infra.read_database.reader.queries import Reader
from services.cases.application import CasesApplication
from services.cases.domain.commands import LinkSubject, OpenCase, TakeUpAgain
from services.cases.projections.resting import awaits_verdict, resting_on, taken_up


class OpenCaseWhenSubjectValidated(Policy):
    """A validated subject goes to the case that rested on an earlier verdict on it, or has one opened."""

    KIND: ClassVar[SubjectKind]
    SUBJECT: ClassVar[str]
    """The event's field that names the subject."""

    def __init__(self, application: CasesApplication, reader: Reader) -> None:
        self._application, self._reader = application, reader

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        if recorded.event.verdict not in CALLS_FOR_RESPONSE:
            return
        subject_id: str = getattr(recorded.event, self.SUBJECT)
        call, work = origin.call(), self._application.case_work
        named: dict[str, Any] = {
            "tenant_id": call.tenant_id,
            "request_id": call.request_id,
            "subject_kind": self.KIND,
            "subject_id": subject_id,
        }
        resting = await resting_on(self._reader, call.tenant_id, recorded.position, self.KIND, subject_id)
        if any(taken_up(row, subject_id, recorded.position) for row in resting):
            return  # A person was quicker.
        again = next((row.case_id for row in resting if awaits_verdict(row)), None)
        if again is not None:
            await work.take_up_again(call, TakeUpAgain(case_id=again, **named))
        elif (other := await self.joined(recorded)) is not None:
            await work.link_subject(call, LinkSubject(case_id=other, **named))
        else:
            await work.open_case(call, OpenCase(title="", label=Label.AMBER, **named))

    async def joined(self, recorded: Recorded[Any]) -> str | None:
        """A case of other subjects that this one belongs to."""
        del recorded
        return None
