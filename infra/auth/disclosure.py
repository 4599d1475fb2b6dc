"""Opening sealed fields for somebody: the access is recorded first, durably, and the label is respected."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tenet.common.v1 import common_pb2

from contracts.calls import Call
from contracts.events.base import Sealed
from contracts.ids import TenantId
from contracts.labels import Audience, Label, may_see
from contracts.roles import CUSTOMER_ROLES, PROVIDER_ROLES, Role
from infra.auth.errors import PurposeMissing
from infra.event_store.openings import Erased

INVESTIGATOR_ROLES = PROVIDER_ROLES - {Role.ADMIN}


class OpensSealed(Protocol):
    """What is needed of `infra.event_store.openings.Openings`."""

    async def open(self, tenant_id: TenantId, references: Sequence[Sealed]) -> Mapping[Sealed, str | Erased]:
        """The value of each reference."""


class RecordsAccess(Protocol):
    """What is needed of `access_log.AccessLog`."""

    async def record(self, tenant_id: TenantId, person: str, *, subjects: Iterable[str], purpose: str) -> None:
        """Takes accesses down, durably."""


@dataclass(frozen=True, slots=True)
class Disclosed:
    """Opened values, by reference. A reference that is not among them was withheld."""

    values: Mapping[Sealed, str | Erased]

    def text(self, reference: Sealed | None) -> common_pb2.SealedText | None:
        """The value as it goes over the wire; None for None, so that an absent field stays absent."""
        if reference is None:
            return None
        value = self.values.get(reference)
        if value is None:
            return common_pb2.SealedText(withheld=True)
        return common_pb2.SealedText(erased=True) if value is Erased.ERASED else common_pb2.SealedText(value=str(value))


class Disclosure:
    def __init__(self, openings: OpensSealed, access_log: RecordsAccess) -> None:
        self._openings, self._access_log = openings, access_log

    async def open(
        self,
        call: Call,
        tenant_id: TenantId,
        references: Iterable[Sealed | None],
        *,
        purpose: str,
        label: Label = Label.AMBER,
    ) -> Disclosed:
        """Opens references of one tenant under one label, for a purpose that goes into the access log.

        What the caller may not see under the label is withheld, without any look at the store. `call.roles` must be the
        caller's for that tenant. Raises PurposeMissing, StoreUnavailable.
        """
        wanted = list(dict.fromkeys(reference for reference in references if reference is not None))
        if not purpose.strip():
            raise PurposeMissing("Say what the values are needed for.")
        if not wanted or not may_see(label, audience_of(call.roles)):
            return Disclosed({})
        subjects = dict.fromkeys(reference.subject for reference in wanted)
        await self._access_log.record(tenant_id, call.actor.id, subjects=subjects, purpose=purpose)
        return Disclosed(await self._openings.open(tenant_id, wanted))


def audience_of(roles: Iterable[Role]) -> Audience:
    """Whom somebody with these roles for a tenant belongs to, in the sense of the Traffic Light Protocol."""
    held = frozenset(roles)
    if held & INVESTIGATOR_ROLES:
        return Audience.INVESTIGATORS
    if held & (CUSTOMER_ROLES | {Role.AUDITOR, Role.ADMIN}):
        return Audience.CUSTOMER
    return Audience.COMMUNITY if held else Audience.PUBLIC
