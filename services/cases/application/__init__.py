"""Every command of the cases service: loads, decides by the domain, appends in one unit of work."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from infra.event_store.ledger import Ledger
from infra.keys import KeyStore
from infra.object_store import ObjectStore
from services.cases.application.acting import Acting
from services.cases.application.calling import Calling
from services.cases.application.carrying_out import CarryingOut
from services.cases.application.case_work import CaseWork
from services.cases.application.charters import Charters, Parent
from services.cases.application.contacts import Contacts
from services.cases.application.content import Content
from services.cases.application.conversing import Conversing
from services.cases.application.delivery import Delivery
from services.cases.application.joining import Joining
from services.cases.application.merging import Merging
from services.cases.application.messaging import Messaging
from services.cases.application.page_messages import PageMessages
from services.cases.application.permitting import Permitting
from services.cases.application.planning import Planning
from services.cases.application.posting import Posting
from services.cases.application.rotas import Rotas
from services.cases.application.suggesting import Suggesting
from services.cases.connectors.registry import Connectors

__all__ = ["CasesApplication"]


@dataclass(frozen=True, slots=True)
class CasesApplication:
    charters: Charters
    case_work: CaseWork
    merging: Merging
    content: Content
    joining: Joining
    suggesting: Suggesting
    planning: Planning
    acting: Acting
    carrying_out: CarryingOut
    conversing: Conversing
    messaging: Messaging
    contacts: Contacts
    page_messages: PageMessages
    posting: Posting
    permitting: Permitting

    @classmethod
    def of(
        cls,
        ledger: Ledger,
        objects: ObjectStore,
        keys: KeyStore,
        connectors: Connectors,
        parent: Parent,
        clock: Callable[[], datetime],
    ) -> Self:
        charters = Charters(ledger.repository, objects, parent)
        handler = ledger.handler
        messaging = Messaging(handler, ledger.repository, ledger.feed, charters)
        acting = Acting(handler, ledger.repository, charters, connectors, clock)
        contacts = Contacts(handler, ledger.repository, connectors)
        calling = Calling(handler, Rotas(handler, ledger.repository))
        pages = PageMessages(handler, ledger.repository, ledger.feed, ledger.openings, calling, contacts)
        return cls(
            charters,
            CaseWork(handler, charters),
            Merging(handler, charters),
            Content(handler, ledger.repository, ledger.openings, objects, keys),
            Joining(ledger.repository, charters, clock),
            Suggesting(handler),
            Planning(handler, ledger.repository, charters),
            acting,
            CarryingOut(acting, Delivery(ledger.openings, connectors), clock),
            Conversing(handler, charters, keys),
            messaging,
            contacts,
            pages,
            Posting(messaging, pages, ledger.openings, connectors, clock),
            Permitting(handler, charters, objects, connectors),
        )
