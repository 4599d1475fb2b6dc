"""A recorded erasure is carried out, and again until it is done: whatever stops in between, the ledger remembers."""

from typing import Any

from contracts.events.base import Recorded
from contracts.events.ledger import FieldErased, SubjectErased
from infra.read_database.policies import Activation, Origin, Policy
from services.ledger.application.custody import Erasing


class EraseOpeningsWhenSubjectErased(Policy):
    ID = "erase_openings_when_subject_erased"
    TOPICS = frozenset({SubjectErased, FieldErased})
    ACTIVATION = Activation.START

    def __init__(self, erasing: Erasing) -> None:
        self._erasing = erasing

    async def react(self, recorded: Recorded[Any], origin: Origin) -> None:
        await self._erasing.carry_out(origin.call(), recorded)
