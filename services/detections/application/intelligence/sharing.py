"""Sightings from one customer's verdict to what others are told, with nobody's name on the way, and back again where
the verdict is withdrawn.

What is contributed or retracted is appended to the provider's ledger under a keyed digest, in a call that carries
neither trace nor correlation of the verdict; what is told is appended to each receiver's own ledger in a call of its
own.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.errors import TenetError
from contracts.events.base import Recorded
from contracts.events.detections import DetectionValidated, DetectionValidationWithdrawn
from contracts.events.intelligence import SightingSubject
from contracts.ids import PROVIDER, TenantId, derive_id
from contracts.roles import Role
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from infra.keys import KeyStore
from infra.keys.blind_index import text_index
from services.detections.application.aggregates import SIGHTING, SIGHTING_SHARING
from services.detections.config import SIGHTING_WINDOW
from services.detections.domain import detection
from services.detections.domain.commands import (
    ContributeSighting,
    JoinSightingSharing,
    LeaveSightingSharing,
    ReportSightings,
    RetractSighting,
)
from services.detections.domain.intelligence import sightings
from services.detections.domain.intelligence.sightings import Sharing, Subject, Terms, Verdicts

REPORTING = "report_sightings"
Malicious = Callable[[Sequence[TenantId], str, datetime], AsyncIterator[tuple[TenantId, str]]]
"""The detections of some tenants that a rule or indicator raised and whose verdict since a time is malicious, as the
ledgers have it now, the latest first."""
_INDEX = "sighting_contributor"

log = structlog.get_logger()


class SharingSightings:
    """`ancestors` gives the tenants above one in its customer tree, the parent first; `tenants` those that are open;
    `malicious` whose verdicts a sighting may still rest on."""

    def __init__(
        self,
        handler: CommandHandler,
        repository: Repository,
        keys: KeyStore,
        terms: Terms,
        ancestors: Callable[[TenantId], tuple[TenantId, ...]],
        tenants: Callable[[], list[TenantId]],
        malicious: Malicious,
    ) -> None:
        self._handler, self._repository, self._keys, self._terms = handler, repository, keys, terms
        self._ancestors, self._tenants, self._malicious = ancestors, tenants, malicious

    async def join_sighting_sharing(self, call: Call) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(SIGHTING_SHARING, sightings.stream_of(call.tenant_id))
            unit.append(loaded, sightings.join(loaded.state))

        command = JoinSightingSharing(tenant_id=call.tenant_id, request_id=call.request_id)
        return await self._handler.handle(call, command, work)

    async def leave_sighting_sharing(self, call: Call) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(SIGHTING_SHARING, sightings.stream_of(call.tenant_id))
            unit.append(loaded, sightings.leave(loaded.state))

        command = LeaveSightingSharing(tenant_id=call.tenant_id, request_id=call.request_id)
        return await self._handler.handle(call, command, work)

    async def sharing_of(self, tenant_id: TenantId, at: int | None = None) -> Sharing:
        """A tenant's part in it, now or as known at a position."""
        return (await self._repository.load(tenant_id, SIGHTING_SHARING, sightings.stream_of(tenant_id), at=at)).state

    async def contribute(self, call: Call, recorded: Recorded[DetectionValidated]) -> None:
        """A tenant's verdict as a sighting, if the tenant shares them and the verdict was not withdrawn by now. `call`
        is about the provider's ledger."""
        tenant_id = recorded.tenant_id
        if not (await self.sharing_of(tenant_id)).joined:
            return
        verdicts = await self._verdicts(tenant_id, recorded.event.detection_id)
        subject = verdicts.subject_at(recorded.position)
        if subject is not None and verdicts.standing is not None and verdicts.standing.position == recorded.position:
            await self._contribute(call, tenant_id, subject)

    async def retract(self, call: Call, recorded: Recorded[DetectionValidationWithdrawn]) -> None:
        """Takes a sighting back whose verdict was withdrawn, also where its tenant shares none any more; unless another
        verdict of the tenant's tree still says the same. `call` is about the provider's ledger."""
        tenant_id, event = recorded.tenant_id, recorded.event
        subject = (await self._verdicts(tenant_id, event.detection_id)).subject_at(event.validation_position)
        if subject is None or await self._stands(tenant_id, subject, call.now):
            return
        contributor = await self._digest(tenant_id, subject)
        command = RetractSighting(
            tenant_id=PROVIDER,
            request_id=call.request_id,
            subject_kind=subject.kind,
            subject_id=subject.id,
            contributor=contributor,
        )

        async def work(unit: Unit) -> None:
            loaded = await unit.load(SIGHTING, subject.stream)
            unit.append(loaded, sightings.retract(loaded.state, subject, contributor, self._terms, call.now))

        await self._handler.handle(_anonymous(call), command, work)
        if await self._stands(tenant_id, subject, call.now):
            # Somebody of the tree judged so meanwhile, and found the sighting contributed already.
            again = replace(call, request_id=derive_id("request", call.request_id, "again"))
            await self._contribute(again, tenant_id, subject)

    async def _contribute(self, call: Call, tenant_id: TenantId, subject: Subject) -> None:
        contributor = await self._digest(tenant_id, subject)
        command = ContributeSighting(
            tenant_id=PROVIDER,
            request_id=call.request_id,
            subject_kind=subject.kind,
            subject_id=subject.id,
            contributor=contributor,
        )

        async def work(unit: Unit) -> None:
            loaded = await unit.load(SIGHTING, subject.stream)
            unit.append(loaded, sightings.contribute(loaded.state, subject, contributor, self._terms, call.now))

        await self._handler.handle(_anonymous(call), command, work)

    async def _verdicts(self, tenant_id: TenantId, detection_id: str) -> Verdicts:
        return sightings.verdicts_of(await self._repository.history(tenant_id, detection.CATEGORY, detection_id))

    async def _stands(self, tenant_id: TenantId, subject: Subject, now: datetime) -> bool:
        """Whether the tenant's tree has another verdict, within the window, that its sighting may rest on."""
        top = self._top_of(tenant_id)
        tree = {tenant_id, *(each for each in self._tenants() if self._top_of(each) == top)}
        joined = {each: at for each in tree if (at := (await self.sharing_of(each)).joined_at) is not None}
        async for found_in, detection_id in self._malicious(sorted(joined), subject.id, now - SIGHTING_WINDOW):
            verdicts = await self._verdicts(found_in, detection_id)
            standing = verdicts.standing
            if standing is None or standing.recorded_at < joined[found_in]:
                continue  # It was withdrawn since, or given before the tenant shared anything.
            if verdicts.subject_at(standing.position) == subject:
                return True
        return False

    async def report(self, call: Call, payload: Mapping[str, Any]) -> None:
        """The timer of a subject: tells everyone who takes part what may be told now. One who cannot be told keeps
        nobody else from it; then the timer is tried again."""
        subject = Subject(SightingSubject(payload["subject_kind"]), payload["subject_id"])
        failed: TenetError | None = None
        for tenant_id in self._tenants():
            try:
                await self._tell(tenant_id, subject, call, str(payload["told_from"]))
            except TenetError as error:
                log.warning("sightings_not_reported", reason=error.reason)
                failed = error
        if failed is not None:
            raise failed

    async def _tell(self, tenant_id: TenantId, subject: Subject, call: Call, told_from: str) -> None:
        if not (await self.sharing_of(tenant_id)).joined:
            return
        # Nothing of how the news came to be is in what the receiver's ledger holds of it.
        own_call = Call(
            tenant_id=tenant_id,
            actor=Actor(f"policy:{REPORTING}", AuthenticatedBy.SERVICE, PROVIDER),
            rpc=f"policy:{REPORTING}",
            request_id=derive_id("request", REPORTING, subject.kind.value, subject.id, told_from, tenant_id),
            now=call.now,
            roles=frozenset({Role.SERVICE}),
        )
        own = await self._digest(tenant_id, subject)
        seen = (await self._repository.load(PROVIDER, SIGHTING, subject.stream)).state
        command = ReportSightings(
            tenant_id=tenant_id,
            request_id=own_call.request_id,
            subject_kind=subject.kind,
            subject_id=subject.id,
        )

        async def work(unit: Unit) -> None:
            loaded = await unit.load(SIGHTING_SHARING, sightings.stream_of(tenant_id))
            unit.append(loaded, sightings.report(loaded.state, seen, subject, own, self._terms, call.now))

        await self._handler.handle(own_call, command, work)

    async def _digest(self, tenant_id: TenantId, subject: Subject) -> str:
        """What a tenant's whole customer tree contributes to a subject under."""
        search_key = await self._keys.search_key(PROVIDER)
        return text_index(search_key, _INDEX, f"{self._top_of(tenant_id)}\x1f{subject.kind.value}\x1f{subject.id}")

    def _top_of(self, tenant_id: TenantId) -> TenantId:
        return (tenant_id, *self._ancestors(tenant_id))[-1]


def _anonymous(call: Call) -> Call:
    """Without what would lead from the provider's ledger back to the verdict."""
    return replace(call, correlation_id="", causation=None, trace_parent="")
