"""An API key of a machine. What it may do is its principal's grants; the ledger knows its secret's hash only."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from contracts.events.base import Event, Recorded
from contracts.events.tenancy import ApiKeyIssued, ApiKeyRevoked, PrincipalKind
from services.tenancy.domain.commands import IssueApiKey
from services.tenancy.domain.errors import ApiKeyUnknown, ExpiryPast, NotAMachine
from services.tenancy.domain.principal import Principal, check_active

CATEGORY = "api_key"

ApiKeyEvent = ApiKeyIssued | ApiKeyRevoked


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str = ""
    revoked: bool = False


def initial() -> ApiKey:
    return ApiKey()


def evolve(state: ApiKey, recorded: Recorded[ApiKeyEvent]) -> ApiKey:
    match recorded.event:
        case ApiKeyIssued() as event:
            return ApiKey(event.key_id)
        case ApiKeyRevoked():
            return replace(state, revoked=True)
        case never:
            assert_never(never)


def issue(key_id: str, principal: Principal, command: IssueApiKey, secret_digest: str, now: datetime) -> list[Event]:
    check_active(principal)
    if principal.kind is not PrincipalKind.MACHINE:
        raise NotAMachine("API keys are for machines.")
    if command.expires_at is not None and command.expires_at <= now:
        raise ExpiryPast("The key would have expired already.")
    return [
        ApiKeyIssued(
            key_id=key_id,
            principal_id=principal.id,
            secret_digest=secret_digest,
            expires_at=command.expires_at,
        )
    ]


def revoke(state: ApiKey) -> list[Event]:
    """Revoking a revoked key is no event. Raises ApiKeyUnknown."""
    if not state.id:
        raise ApiKeyUnknown("No such API key.")
    return [] if state.revoked else [ApiKeyRevoked(key_id=state.id)]
