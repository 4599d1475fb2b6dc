"""Everything that the service does about people, for one process."""

from dataclasses import dataclass
from typing import Self

from infra.event_store.ledger import Ledger
from services.cases.application.calling import Calling
from services.cases.application.charters import Charters
from services.cases.application.handovers import Handovers, OpenItems
from services.cases.application.questions import Questions
from services.cases.application.rotas import Rotas
from services.cases.application.service_levels import KeepingServiceLevels


@dataclass(frozen=True, slots=True)
class PeopleApplication:
    rotas: Rotas
    calling: Calling
    service_levels: KeepingServiceLevels
    handovers: Handovers
    questions: Questions

    @classmethod
    def of(cls, ledger: Ledger, charters: Charters, open_items: OpenItems) -> Self:
        handler, repository = ledger.handler, ledger.repository
        rotas = Rotas(handler, repository)
        return cls(
            rotas,
            Calling(handler, rotas),
            KeepingServiceLevels(handler, charters),
            Handovers(handler, repository, open_items),
            Questions(handler, repository, rotas),
        )
