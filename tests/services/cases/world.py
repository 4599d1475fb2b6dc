"""The cases service over a ledger in memory: the real application, policies, views and timers, without a database.

The ledger keeps what the real one promises and these tests rest on: streams with versions, preconditions that are
checked in the append, a decision made anew after a conflict, and one effect for one request.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.calls import Actor, AuthenticatedBy, Authentication, Call
from contracts.commands import Command
from contracts.errors import TenetError
from contracts.events.assets import (
    AssetClass,
    AssetKind,
    AssetRegistered,
    FindingKind,
    FindingReported,
    FindingValidated,
)
from contracts.events.base import Event, Recorded, Sealed
from contracts.events.detections import (
    DetectionClaimed,
    DetectionRaised,
    DetectionValidated,
    DetectionValidationWithdrawn,
    RuleRef,
)
from contracts.events.subjects import SubjectKind, Verdict
from contracts.ids import PROVIDER, TenantId, derive_id, stream_name
from contracts.labels import Label
from contracts.roles import Role
from infra.keys.blind_index import external_id_index
from infra.read_database.policies import Origin, Policy
from infra.read_database.timers import TimerHandler
from services.cases.application import CasesApplication
from services.cases.application.acting import Acting
from services.cases.application.calling import Calling
from services.cases.application.carrying_out import CarryingOut
from services.cases.application.case_work import CaseWork
from services.cases.application.charters import Charters
from services.cases.application.contacts import Contacts
from services.cases.application.content import Content
from services.cases.application.conversing import Conversing
from services.cases.application.delivery import Delivery
from services.cases.application.joining import Joining
from services.cases.application.merging import Merging
from services.cases.application.messaging import Messaging
from services.cases.application.outbox import Intent
from services.cases.application.page_messages import PageMessages
from services.cases.application.permitting import Permitting
from services.cases.application.planning import Planning
from services.cases.application.posting import Posting
from services.cases.application.rotas import Rotas
from services.cases.application.suggesting import Suggesting
from services.cases.connectors.messages import Messenger
from services.cases.connectors.port import Acknowledged, NotSeen, Order, Refused, Unknown
from services.cases.connectors.registry import Connectors
from services.cases.connectors.rehearsal import Rehearsal
from services.cases.domain import commands as ask
from services.cases.domain.repertoire import deed_of
from services.cases.policies.act_when_time_comes import Timers
from services.cases.policies.cancel_actions_when_validation_withdrawn import CancelActionsWhenValidationWithdrawn
from services.cases.policies.decide_plan_when_tripwire_hit import DecidePlanWhenTripwireHit
from services.cases.policies.suggest_link_when_traces_drawn import SuggestLinkWhenTracesDrawn
from services.cases.projections import VIEWS
from services.cases.wiring import policies_of
from tests.services.cases.charters import principal, text_of
from tests.services.cases.memory import MemoryLedger, MemoryReader, Objects, PlainOpenings, SearchKeys, search_key_of

TENANT = TenantId("clinic")
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Receiver:
    """A connector with state of its own that can be told how to behave."""

    rehearsal = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: dict[str, dict[str, str]] = {}
        self.taken: dict[str, Acknowledged | Refused] = {}
        self.effects: list[str] = []
        self.behaviour = "obey"
        self.up = True

    async def healthy(self) -> bool:
        return self.up

    async def find(self, order: Order) -> Acknowledged | Refused | NotSeen | Unknown:
        if self.behaviour == "silent":
            return Unknown("NO_ANSWER")
        return self.taken.get(order.action_id) or NotSeen()

    async def send(self, order: Order) -> Acknowledged | Refused | Unknown:
        if self.behaviour == "refuse":
            return Refused("403", "no")
        if order.action_id in self.taken:
            return self.taken[order.action_id]
        if self.behaviour != "lie":
            deed = deed_of(order.action, order.argument)
            assert deed is not None
            self.state.setdefault(order.target, {})[deed.effect[0]] = deed.effect[1]
            self.effects.append(order.action_id)
        self.taken[order.action_id] = Acknowledged("receipt")
        return Unknown("NO_ANSWER") if self.behaviour == "hang_after" else self.taken[order.action_id]

    async def read_back(self, target: str) -> dict[str, str] | Unknown:
        return self.state.get(target, {})

    async def close(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Post:
    """Stands in for the messages' outbox: hands over at once."""

    app: CasesApplication

    async def take(self, intent: Intent) -> None:
        await self.app.posting.carry_out(intent)


class World:
    """One tenant with people, assets, detections, receivers and a clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = START
        self.ledger = MemoryLedger(lambda: self.now)
        self.reader = MemoryReader(self.ledger)
        self.edr, self.idp = Receiver("edr"), Receiver("idp")
        self.objects = Objects()
        self.parents: dict[TenantId, TenantId] = {}
        self.deliver_by()
        self.reacted = 0
        self.fired: set[tuple[object, ...]] = set()
        self.refused: list[str] = []
        self._requests = 0

    def deliver_by(self, *messengers: Messenger) -> None:
        """Configures these messengers, and no other."""
        self.connectors = Connectors(
            {"edr": self.edr, "idp": self.idp, "rehearsal": Rehearsal("rehearsal")},
            messengers={each.name: each for each in messengers},
        )
        self.app = self._application()

    def _application(self) -> CasesApplication:
        ledger: Any = self.ledger
        charters = Charters(ledger, self.objects, self.parents.get)  # type: ignore[arg-type]  # what is used of it
        acting = Acting(ledger, ledger, charters, self.connectors, lambda: self.now)
        delivery = Delivery(PlainOpenings(), self.connectors)  # type: ignore[arg-type]  # what is used of it
        messaging = Messaging(ledger, ledger, ledger, charters)
        openings: Any = PlainOpenings()
        contacts = Contacts(ledger, ledger, self.connectors)
        pages = PageMessages(ledger, ledger, ledger, openings, Calling(ledger, Rotas(ledger, ledger)), contacts)
        posting = Posting(messaging, pages, openings, self.connectors, lambda: self.now)
        return CasesApplication(
            charters,
            CaseWork(ledger, charters),
            Merging(ledger, charters),
            Content(ledger, ledger, PlainOpenings(), self.objects, SearchKeys()),  # type: ignore[arg-type]  # what is used
            Joining(ledger, charters, lambda: self.now),
            Suggesting(ledger),
            Planning(ledger, ledger, charters),
            acting,
            CarryingOut(acting, delivery, lambda: self.now),
            Conversing(ledger, charters, SearchKeys()),  # type: ignore[arg-type]  # what is used of it
            messaging,
            contacts,
            pages,
            posting,
            Permitting(ledger, charters, self.objects, self.connectors),  # type: ignore[arg-type]  # what is used of it
        )

    # People and calls.

    def call(self, name: str = "analyst", *, acr: str = "", home: str | None = None, tenant: TenantId = TENANT) -> Call:
        self._requests += 1
        organisation = home or (PROVIDER if name in ("analyst", "lead") else TENANT)
        actor = Actor(principal(name), AuthenticatedBy.OIDC, TenantId(organisation))
        authentication = Authentication(acr, ("pwd",), self.now)
        return Call(
            tenant,
            actor,
            "test",
            f"request-{self._requests:06}",
            self.now,
            authentication=authentication,
            roles=frozenset({Role.ANALYST}),
        )

    def make(self, command: type[Command], call: Call, **fields: Any) -> Any:
        return command(tenant_id=call.tenant_id, request_id=call.request_id, **fields)

    # What other services record.

    def asset(
        self,
        name: str,
        asset_class: AssetClass,
        *,
        kind: AssetKind = AssetKind.SERVER,
        group: str = "all",
        value: int = 3,
        clear: bool = False,
    ) -> str:
        """`clear`: registered when the identifier for connectors was not sealed yet."""
        asset_id = derive_id("asset", name)
        event = AssetRegistered(
            asset_id=asset_id,
            kind=kind,
            asset_class=asset_class,
            value=value,
            group=group,
            name=Sealed.of(name, subject=asset_id),
            addresses=(),
            owner=None,
            business_context=None,
            name_index="",
            address_indexes=(),
            external_id=name if clear else Sealed.of(name, subject=asset_id),
            external_id_index=None if clear else external_id_index(search_key_of(TENANT), name),
        )
        self.ledger.record(event, stream_name("asset", asset_id), self.call())
        return asset_id

    def detection(
        self,
        *assets: str,
        techniques: tuple[str, ...] = ("T1486",),
        severity: int = 5,
        name: str = "d",
        observables: tuple[str, ...] = (),
    ) -> str:
        detection_id = derive_id("detection", name)
        rule = RuleRef(rule_id="r", title="Something bad", sha256="", pack_sha256="", level="high")
        event = DetectionRaised(
            detection_id=detection_id,
            rule=rule,
            source="test",
            severity_id=severity,
            techniques=techniques,
            asset_ids=assets,
            sensor_id="sensor",
            group_key="",
            first_seen_at=self.now,
            last_seen_at=self.now,
            count=1,
            asset_value=3,
            headline=Sealed.of("x", subject=detection_id),
            observables=tuple(Sealed.of(text, subject=detection_id) for text in observables),
            evidence=(),
            label=Label.AMBER,
        )
        self.ledger.record(event, stream_name("detection", detection_id), self.call())
        return detection_id

    def claim(self, detection_id: str) -> None:
        event = DetectionClaimed(detection_id=detection_id, principal_id=principal("analyst"))
        self.ledger.record(event, stream_name("detection", detection_id), self.call())

    def validate(self, detection_id: str, verdict: Verdict = Verdict.MALICIOUS) -> int:
        event = DetectionValidated(
            detection_id=detection_id,
            verdict=verdict,
            confidence_percent=80,
            rationale=Sealed.of("x", subject=detection_id),
            evidence=(),
            seen=(),
            duplicate_of=None,
        )
        return self.ledger.record(event, stream_name("detection", detection_id), self.call()).position

    def withdraw(self, detection_id: str, position: int = 0) -> None:
        event = DetectionValidationWithdrawn(
            detection_id=detection_id, validation_position=position, reason=Sealed.of("x", subject=detection_id)
        )
        self.ledger.record(event, stream_name("detection", detection_id), self.call())

    def finding(self, *assets: str, kind: FindingKind = FindingKind.EXPOSURE, severity: int = 5) -> str:
        finding_id = derive_id("finding", "f")
        event = FindingReported(
            finding_id=finding_id,
            kind=kind,
            asset_ids=assets,
            title="A weakness",
            vulnerability_id="CVE-2026-0001",
            severity_id=severity,
            exposure=None,
            likelihood_millionths=None,
            known_exploited=None,
            detail=Sealed.of("x", subject=finding_id),
            label=Label.AMBER,
            source="scanner",
        )
        stream = stream_name("finding", finding_id)
        self.ledger.record(event, stream, self.call())
        validated = FindingValidated(
            finding_id=finding_id,
            verdict=Verdict.CONFIRMED_EXPOSURE,
            confidence_percent=90,
            rationale=Sealed.of("x", subject=finding_id),
            evidence=(),
            seen=(),
        )
        self.ledger.record(validated, stream, self.call())
        return finding_id

    # What people ask of the service.

    async def charter(
        self, name: str = "clinic", text: str | None = None, tenant: TenantId = TENANT, **times: str
    ) -> str:
        proposing = self.call(tenant=tenant)
        proposal = self.make(ask.ProposeCharter, proposing, text=text or text_of(name, **times))
        proposed = (await self.app.permitting.propose_charter(proposing, proposal)).recorded[0].event
        approving = self.call("approver-one", tenant=tenant)
        approval = self.make(
            ask.ApproveCharter, approving, charter_version=proposed.charter_version, digest=proposed.digest
        )
        await self.app.permitting.approve_charter(approving, approval)
        return str(proposed.digest)

    async def preauthorise(self, digest: str, actions: Sequence[str], groups: Sequence[str], *, days: int = 30) -> str:
        call = self.call("approver-one")
        command = self.make(
            ask.SignPreauthorisation,
            call,
            actions=tuple(actions),
            groups=tuple(groups),
            charter_digest=digest,
            expires_at=self.now + timedelta(days=days),
        )
        done = await self.app.permitting.sign_preauthorisation(call, command)
        return str(done.recorded[0].event.preauthorisation_id)

    async def open(self, subject_id: str, kind: SubjectKind = SubjectKind.DETECTION) -> str:
        call = self.call()
        command = self.make(
            ask.OpenCase, call, subject_kind=kind, subject_id=subject_id, title="Case", label=Label.AMBER
        )
        return str((await self.app.case_work.open_case(call, command)).recorded[0].event.case_id)

    async def decide(self, case_id: str, **fields: Any) -> Any:
        call = self.call()
        command = self.make(ask.DecidePlan, call, case_id=case_id, **fields)
        return (await self.app.planning.decide_plan(call, command)).recorded[0].event

    async def approve(self, plan: Any, name: str = "approver-one", *, digest: str = "", **call: Any) -> Any:
        calling = self.call(name, **call)
        command = self.make(
            ask.ApprovePlan, calling, case_id=plan.case_id, plan_id=plan.plan_id, digest=digest or plan.digest
        )
        return (await self.app.planning.approve_plan(calling, command)).recorded[0]

    async def dispatch(self, plan: Any, step_id: str, attempt: int = 1) -> Any:
        call = self.call()
        command = self.make(
            ask.DispatchAction, call, case_id=plan.case_id, plan_id=plan.plan_id, step_id=step_id, attempt=attempt
        )
        return (await self.app.acting.dispatch_action(call, command)).recorded[0].event

    async def complete(self, plan: Any, step_id: str) -> Any:
        call = self.call()
        command = self.make(
            ask.CompleteStep, call, case_id=plan.case_id, plan_id=plan.plan_id, step_id=step_id, result="done"
        )
        return await self.app.planning.complete_step(call, command)

    # What happens by itself.

    async def settle(self) -> None:
        """Lets policies react and due timers fire until nothing is left to do."""
        for _ in range(200):
            if self.reacted < len(self.ledger.entries):
                entry = self.ledger.entries[self.reacted]
                self.reacted += 1
                await self._react(entry)
            elif not await self._fire():
                return
        raise AssertionError("the world does not come to rest")

    def policies(self) -> list[Policy]:
        cancelling = CancelActionsWhenValidationWithdrawn(self.app, self.reader)  # type: ignore[arg-type]  # as above
        tripwires = DecidePlanWhenTripwireHit(self.app, self.reader)  # type: ignore[arg-type]  # as above
        suggesting = SuggestLinkWhenTracesDrawn(self.app, self.reader)  # type: ignore[arg-type]  # as above
        return [
            *policies_of(self.app, self.reader, self, Post(self.app)),  # type: ignore[arg-type]  # as above
            cancelling,
            tripwires,
            suggesting,
        ]

    def timers(self) -> Mapping[str, TimerHandler]:
        return Timers(self.app).handlers()

    async def _react(self, entry: Recorded[Any]) -> None:
        for policy in self.policies():
            if type(entry.event) in policy.TOPICS:
                await self._tolerantly(policy.react(entry, Origin(policy.ID, entry, lambda: self.now)))

    async def take(self, intent: Intent) -> None:
        """Stands in for the outbox: carries out at once."""
        await self.app.carrying_out.carry_out(intent)

    async def _fire(self) -> bool:
        handlers, fired = self.timers(), False
        for view in VIEWS:
            for key, document in self.reader.fold(view).items():
                for due in view.timers(key, document):
                    identity = (view.NAME, key, due.kind, due.name, due.at)
                    if due.at <= self.now and identity not in self.fired:
                        self.fired.add(identity)
                        actor = Actor(f"timer:{due.kind}", AuthenticatedBy.SERVICE, PROVIDER)
                        call = Call(TENANT, actor, "timer", derive_id("request", *map(str, identity)), self.now)
                        await self._tolerantly(handlers[due.kind](call, due.payload))
                        fired = True
        return fired

    async def _tolerantly(self, work: Awaitable[None]) -> None:
        try:
            await work
        except TenetError as error:
            self.refused.append(error.reason)

    def events(self, *kinds: type[Event]) -> list[Any]:
        return [entry.event for entry in self.ledger.entries if isinstance(entry.event, kinds)]

    def names(self) -> list[str]:
        return [type(entry.event).__name__ for entry in self.ledger.entries]
