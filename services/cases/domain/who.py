"""Who asks or approves, as far as the domain's rules care, and the sealing of what people write."""

from dataclasses import dataclass
from datetime import datetime

from contracts.calls import AuthenticatedBy, Authentication, Call
from contracts.events.base import Sealed
from contracts.events.subjects import Evidence
from contracts.ids import PROVIDER, derive_id
from services.cases.domain.commands import EvidenceGiven
from services.cases.domain.errors import NotACustomersPerson, StepUpRequired


@dataclass(frozen=True, slots=True)
class Who:
    """The maker of a command: an opaque principal, the organisation it belongs to, and how it proved itself."""

    id: str
    home_tenant_id: str
    person: bool
    authentication: Authentication
    now: datetime

    @classmethod
    def of(cls, call: Call) -> "Who":
        person = call.actor.authenticated_by is AuthenticatedBy.OIDC
        return cls(call.actor.id, call.actor.home_tenant_id, person, call.authentication, call.now)


def customers_person(who: Who, *, acr: tuple[str, ...] = ()) -> None:
    """Raises NotACustomersPerson for the provider's people and for machines, StepUpRequired for too weak a session."""
    if who.home_tenant_id == PROVIDER or not who.person:
        raise NotACustomersPerson("Only a person of the customer can give this word.")
    if acr and who.authentication.acr not in acr:
        raise StepUpRequired("The charter asks for a stronger authentication.", metadata={"acr_values": " ".join(acr)})


def sealed_evidence(given: tuple[EvidenceGiven, ...], *, subject: str, request_key: str) -> tuple[Evidence, ...]:
    """Evidence as it is recorded, its summary sealed under the subject's key; the same identifiers at every retry."""
    return tuple(
        Evidence(
            id=derive_id("evidence", request_key, index),
            label=item.label,
            summary=Sealed.of(item.summary, subject=subject),
            sha256=item.sha256,
            offset=item.offset,
            position=item.position,
        )
        for index, item in enumerate(given)
    )
