"""What a customer allows before any incident: one book a tenant, so that revocation and dispatch see each other."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from contracts.events.base import Recorded, Sealed
from contracts.events.cases import PreauthorisationRevoked, PreauthorisationSigned
from contracts.ids import TenantId, derive_id
from services.cases.domain.commands import RevokePreauthorisation, SignPreauthorisation
from services.cases.domain.errors import (
    ApprovalMissing,
    CharterChanged,
    OutOfScope,
    PreauthorisationExpired,
    PreauthorisationInvalid,
    PreauthorisationUnknown,
)
from services.cases.domain.errors import (
    PreauthorisationRevoked as Revoked,
)
from services.cases.domain.repertoire import DEEDS
from services.cases.domain.who import Who, customers_person

MAX_PREAUTHORISATION_DAYS = 366
MAX_PREAUTHORISATIONS = 500
"""Most signatures in a tenant's book, those included that have ended not long ago."""
REMEMBERED = timedelta(days=366)
"""How long the book tells a signature that has ended from one that there never was."""

PreauthorisationEvent = PreauthorisationSigned | PreauthorisationRevoked


@dataclass(frozen=True, slots=True)
class Signed:
    preauthorisation_id: str
    position: int
    actions: tuple[str, ...]
    groups: tuple[str, ...]
    charter_digest: str
    expires_at: datetime
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Preauthorisations:
    signed: tuple[Signed, ...] = ()


def book_of(tenant_id: TenantId) -> str:
    """The stream that holds all pre-authorisations of a tenant."""
    return derive_id("preauthorisation", tenant_id)


def evolve_preauthorisations(state: Preauthorisations, recorded: Recorded[PreauthorisationEvent]) -> Preauthorisations:
    event = recorded.event
    match event:
        case PreauthorisationSigned():
            fresh = Signed(
                event.preauthorisation_id,
                recorded.position,
                event.actions,
                event.groups,
                event.charter_digest,
                event.expires_at,
            )
            return Preauthorisations((*_remembered(state, recorded.recorded_at), fresh))
        case PreauthorisationRevoked():
            revoked = event.preauthorisation_id
            return Preauthorisations(
                tuple(
                    replace(each, revoked=True) if each.preauthorisation_id == revoked else each
                    for each in state.signed
                )
            )
        case _:
            assert_never(event)


def _remembered(state: Preauthorisations, now: datetime) -> list[Signed]:
    # Without an end to it, a tenant that signs every month could one day sign nothing more.
    return [each for each in state.signed if each.expires_at + REMEMBERED > now]


def sign_preauthorisation(
    state: Preauthorisations,
    command: SignPreauthorisation,
    who: Who,
    digest_in_force: str,
    acr: tuple[str, ...],
    key: str,
) -> PreauthorisationSigned:
    """Raises NotACustomersPerson, StepUpRequired, CharterChanged, PreauthorisationInvalid."""
    customers_person(who, acr=acr)
    if command.charter_digest != digest_in_force:
        raise CharterChanged("The digest is not that of the charter in force.", metadata={"digest": digest_in_force})
    unknown = [action for action in command.actions if action not in DEEDS]
    if unknown:
        raise PreauthorisationInvalid(f"Unknown action {unknown[0]!r}.", metadata={"action": unknown[0]})
    latest = who.now + timedelta(days=MAX_PREAUTHORISATION_DAYS)
    if not who.now < command.expires_at <= latest:
        raise PreauthorisationInvalid(f"It has to end in the future and within {MAX_PREAUTHORISATION_DAYS} days.")
    if len(_remembered(state, who.now)) >= MAX_PREAUTHORISATIONS:
        raise PreauthorisationInvalid(f"The book holds {MAX_PREAUTHORISATIONS} signatures, which is its limit.")
    return PreauthorisationSigned(
        preauthorisation_id=derive_id("preauthorisation", key),
        actions=command.actions,
        groups=command.groups,
        charter_digest=command.charter_digest,
        expires_at=command.expires_at,
        acr=who.authentication.acr,
        amr=who.authentication.amr,
        auth_time=who.authentication.auth_time,
    )


def revoke_preauthorisation(
    state: Preauthorisations, command: RevokePreauthorisation, who: Who
) -> list[PreauthorisationRevoked]:
    """Either side may take it back at once: the customer, or the provider that no longer trusts it."""
    for signed in state.signed:
        if signed.preauthorisation_id == command.preauthorisation_id:
            if signed.revoked:
                return []
            reason = Sealed.of(command.reason, subject=who.id)
            return [PreauthorisationRevoked(preauthorisation_id=signed.preauthorisation_id, reason=reason)]
    raise PreauthorisationUnknown("There is no such pre-authorisation in this tenant.")


def covering(state: Preauthorisations, deed: str, group: str, charter_digest: str, now: datetime) -> Signed:
    """The signature that allows this action on this group now.

    Raises ApprovalMissing where nothing was ever signed, OutOfScope where nothing covers it, and
    PreauthorisationRevoked or PreauthorisationExpired where only what is spent would.
    """
    if not state.signed:
        raise ApprovalMissing("No pre-authorisation was signed, and nobody has approved the step.")
    in_scope = [
        each
        for each in state.signed
        if deed in each.actions and group in each.groups and each.charter_digest == charter_digest
    ]
    standing = [each for each in in_scope if not each.revoked and each.expires_at > now]
    if standing:
        return max(standing, key=lambda each: each.position)
    metadata = {"action": deed, "group": group}
    if not in_scope:
        raise OutOfScope("No pre-authorisation covers this action on this group under this charter.", metadata=metadata)
    if any(not each.revoked for each in in_scope):
        raise PreauthorisationExpired("The pre-authorisation has expired.", metadata=metadata)
    raise Revoked("The pre-authorisation was revoked.", metadata=metadata)
