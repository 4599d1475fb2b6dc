"""How a charter comes into force: proposed as a text, approved by the customer over its digest."""

from dataclasses import dataclass, replace
from typing import assert_never

from contracts.events.base import Recorded
from contracts.events.cases import CharterApproved, CharterProposed
from contracts.ids import TenantId, derive_id
from services.cases.domain.charter import Charter, charter_digest
from services.cases.domain.commands import ApproveCharter
from services.cases.domain.errors import CharterChanged, CharterVersionUnknown, SelfApproval
from services.cases.domain.who import Who, customers_person

CharterEvent = CharterProposed | CharterApproved


@dataclass(frozen=True, slots=True)
class Version:
    number: int
    digest: str
    sha256: str
    proposer: str
    approved_at: int | None = None
    """The position of its approval."""


@dataclass(frozen=True, slots=True)
class CharterVersions:
    versions: tuple[Version, ...] = ()

    @property
    def in_force(self) -> Version | None:
        """The version that was approved last."""
        approved = [version for version in self.versions if version.approved_at is not None]
        return max(approved, key=lambda version: version.number, default=None)


def charter_id_of(tenant_id: TenantId) -> str:
    return derive_id("charter", tenant_id)


def evolve_charter_versions(state: CharterVersions, recorded: Recorded[CharterEvent]) -> CharterVersions:
    event = recorded.event
    match event:
        case CharterProposed():
            proposer = recorded.envelope.actor.id
            version = Version(event.charter_version, event.digest, event.sha256, proposer)
            return CharterVersions((*state.versions, version))
        case CharterApproved():
            return CharterVersions(
                tuple(
                    replace(version, approved_at=recorded.position)
                    if version.number == event.charter_version
                    else version
                    for version in state.versions
                )
            )
        case _:
            assert_never(event)


def propose_charter(
    state: CharterVersions, tenant_id: TenantId, charter: Charter, sha256: str
) -> list[CharterProposed]:
    """A new version; nothing when the latest one says the same in the same words."""
    digest = charter_digest(charter)
    if state.versions and (state.versions[-1].digest, state.versions[-1].sha256) == (digest, sha256):
        return []
    return [
        CharterProposed(
            charter_id=charter_id_of(tenant_id),
            charter_version=len(state.versions) + 1,
            digest=digest,
            sha256=sha256,
            lines=len(charter.lines),
        )
    ]


def approve_charter(
    state: CharterVersions, tenant_id: TenantId, command: ApproveCharter, who: Who, acr: tuple[str, ...]
) -> list[CharterApproved]:
    """Raises NotACustomersPerson, StepUpRequired, SelfApproval, CharterVersionUnknown, CharterChanged.

    `acr` are the authentication classes that the charter itself asks for.
    """
    version = next((each for each in state.versions if each.number == command.charter_version), None)
    if version is None:
        raise CharterVersionUnknown("There is no such version of the charter.")
    customers_person(who, acr=acr)
    if version.digest != command.digest:
        raise CharterChanged("The digest is not that of this version.", metadata={"digest": version.digest})
    if who.id == version.proposer:
        raise SelfApproval("Whoever proposed the charter cannot approve it.")
    if version.approved_at is not None:
        return []
    newer = [each for each in state.versions if each.number > version.number and each.approved_at is not None]
    if newer:
        raise CharterChanged("A newer version is in force.", metadata={"version": str(newer[-1].number)})
    return [
        CharterApproved(
            charter_id=charter_id_of(tenant_id),
            charter_version=version.number,
            digest=version.digest,
            acr=who.authentication.acr,
            amr=who.authentication.amr,
            auth_time=who.authentication.auth_time,
        )
    ]
