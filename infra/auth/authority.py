"""The gate of a running service: credentials to a caller, a caller and the table to an admission."""

from collections.abc import Callable, Mapping
from datetime import datetime

from contracts.calls import Actor, AuthenticatedBy, Authentication
from contracts.errors import TenantUnknown, TenetError, Unauthenticated
from contracts.ids import PROVIDER, TenantId
from contracts.roles import Role
from infra.auth.access_log import AccessNotes
from infra.auth.authorisation import RULES, Rule, Scope
from infra.auth.directory import Directory
from infra.auth.directory_state import DirectoryState, Held, Principal
from infra.auth.errors import (
    CredentialExpired,
    CredentialMissing,
    CredentialRefused,
    RoleMissing,
    RpcNotInTable,
    TenantNotNamed,
    TenantStateForbids,
)
from infra.auth.gate import Addressed, Admission, Caller
from infra.auth.identity import identity_index, is_secret
from infra.auth.tokens import TokenVerifier, VerifiedToken

MAX_CREDENTIAL_LENGTH = 8_192


class Authority:
    """Implements `gate.Gate`. `search_key` is the provider's, for the blind index of identities."""

    def __init__(
        self,
        directory: Directory,
        tokens: TokenVerifier,
        notes: AccessNotes,
        search_key: bytes,
        clock: Callable[[], datetime],
        rules: Mapping[str, Rule] = RULES,
    ) -> None:
        self._directory, self._tokens, self._notes = directory, tokens, notes
        self._search_key, self._clock, self._rules = search_key, clock, rules

    async def authenticate(self, authorization: str) -> Caller:
        """Raises CredentialMissing, CredentialRefused, CredentialExpired, IssuerUnreachable, DirectoryStale."""
        scheme, _, credential = authorization.partition(" ")
        if not credential or len(credential) > MAX_CREDENTIAL_LENGTH:
            raise CredentialMissing("Show who you are: `authorization: Bearer <token>` or `ApiKey <id>.<secret>`.")
        match scheme.lower():
            case "bearer":
                return await self._bearer(credential)
            case "apikey":
                return await self._api_key(credential)
            case _:
                raise CredentialMissing("The `authorization` header has an unknown scheme.")

    async def admit(self, caller: Caller, rpc: str, addressed: Addressed) -> Admission:
        """Raises RpcNotInTable, TenantNotNamed, TenantUnknown, RoleMissing, TenantStateForbids, DirectoryStale."""
        rule = self._rules.get(rpc)
        if rule is None:
            raise RpcNotInTable(f"Nobody may call {rpc}: the authorisation table does not know it.")
        try:
            admission = self._decide(self._directory.state, rule, caller, addressed)
        except (TenantUnknown, RoleMissing, TenantStateForbids):
            # A grant made a moment ago must count. Unknown and foreign tenants take this way alike.
            await self._directory.refresh()
            admission = self._decide(self._directory.state, rule, caller, addressed)
        if rule.scope is Scope.TENANTS and len(admission.tenants) > 1:
            for tenant_id in admission.tenants:
                self._notes.note(tenant_id, caller.actor.id, subject=rpc, purpose="query over several tenants")
        return admission

    def note_refusal(self, caller: Caller | None, rpc: str, error: TenetError) -> None:
        if isinstance(error, Unauthenticated) or caller is not None:
            person = caller.actor.id if caller else "unauthenticated"
            self._notes.note(PROVIDER, person, subject=rpc, purpose="refused", outcome=error.reason)

    async def _bearer(self, token: str) -> Caller:
        verified = await self._tokens.verify(token)
        identity = identity_index(self._search_key, verified.issuer, verified.subject)
        caller = self._person(verified, identity)
        if caller is None:
            await self._directory.refresh()
            caller = self._person(verified, identity)
        if caller is None:
            raise CredentialRefused("Tenet knows nobody by this token.")
        return caller

    def _person(self, verified: VerifiedToken, identity: str) -> Caller | None:
        """The principal whom the token speaks for, if its issuer may speak for people of that organisation."""
        state = self._directory.state
        issuer = state.issuers.get(verified.issuer)
        principal = state.principals.get(state.principal_by_identity.get(identity, ""))
        if (
            issuer is None
            or principal is None
            or not principal.active
            or principal.home_tenant_id not in issuer.bound_to
        ):
            return None
        actor = Actor(principal.id, AuthenticatedBy.OIDC, principal.home_tenant_id)
        return Caller(actor, issuer.bound_to, Authentication(verified.acr, verified.amr, verified.auth_time))

    async def _api_key(self, credential: str) -> Caller:
        key_id, _, secret = credential.partition(".")
        if key_id not in self._directory.state.api_keys:
            await self._directory.refresh()
        state = self._directory.state
        key = state.api_keys.get(key_id)
        principal = state.principals.get(key.principal_id) if key else None
        if key is None or principal is None or not principal.active or not is_secret(secret, key.secret_digest):
            raise CredentialRefused("Tenet knows no such API key.")
        if key.expires_at is not None and key.expires_at <= self._clock():
            raise CredentialExpired("The API key has expired.")
        actor = Actor(principal.id, AuthenticatedBy.API_KEY, principal.home_tenant_id)
        return Caller(actor, frozenset({principal.home_tenant_id}))

    def _decide(self, state: DirectoryState, rule: Rule, caller: Caller, addressed: Addressed) -> Admission:
        view = _View(state, caller, self._clock())
        match rule.scope:
            case Scope.ANYONE:
                return view.anyone()
            case Scope.PROVIDER:
                return view.one(rule, PROVIDER)
            case Scope.TENANT:
                if addressed.tenant_id is None:
                    raise TenantNotNamed
                return view.one(rule, addressed.tenant_id)
            case Scope.TENANTS:
                return view.several(rule, addressed.tenant_ids)


class _View:
    """What one caller holds, as the directory knows it at one moment."""

    def __init__(self, state: DirectoryState, caller: Caller, now: datetime) -> None:
        self._state, self._caller, self._now = state, caller, now
        self._principal = state.principals.get(caller.actor.id) or Principal(caller.actor.id, PROVIDER, active=False)

    def anyone(self) -> Admission:
        tenants = {tenant_id: self._held(tenant_id).roles for tenant_id in self._state.reach(self._principal)}
        roles = {tenant_id: held for tenant_id, held in sorted(tenants.items()) if held}
        return Admission(self._caller.actor.home_tenant_id, tuple(roles), roles, None)

    def one(self, rule: Rule, tenant_id: TenantId) -> Admission:
        held = self._admitted(rule, tenant_id)
        return Admission(
            tenant_id, (tenant_id,), {tenant_id: held.roles}, held.grant_for(rule.roles | rule.provider_roles)
        )

    def several(self, rule: Rule, named: tuple[TenantId, ...]) -> Admission:
        """Each named tenant must be admitted; without names, those that are."""
        home = self._caller.actor.home_tenant_id
        if named:
            admitted = {tenant_id: self._admitted(rule, tenant_id) for tenant_id in named}
        else:
            admitted = {
                tenant_id: held for tenant_id in self._candidates(rule) if (held := self._if_admitted(rule, tenant_id))
            }
        if not admitted:
            raise RoleMissing("You have no role that this call asks for, in any tenant.")
        roles = {tenant_id: admitted[tenant_id].roles for tenant_id in sorted(admitted)}
        first = next(iter(admitted.values())) if len(admitted) == 1 else None
        return Admission(
            home, tuple(roles), roles, first.grant_for(rule.roles | rule.provider_roles) if first else None
        )

    def _candidates(self, rule: Rule) -> set[TenantId]:
        candidates = self._state.reach(self._principal)
        if not rule.provider_roles.isdisjoint(self._held(PROVIDER).roles):
            candidates |= {PROVIDER, *self._state.tenants}
        return candidates

    def _if_admitted(self, rule: Rule, tenant_id: TenantId) -> Held | None:
        try:
            return self._admitted(rule, tenant_id)
        except (TenantUnknown, RoleMissing, TenantStateForbids):
            return None

    def _admitted(self, rule: Rule, tenant_id: TenantId) -> Held:
        """Raises TenantUnknown for a tenant that is not there and for one that the caller has nothing to do with."""
        held = self._held(tenant_id)
        over_provider = self._held(PROVIDER) if rule.provider_roles else held
        by_provider = not rule.provider_roles.isdisjoint(over_provider.roles)
        known = tenant_id == PROVIDER or tenant_id in self._state.tenants
        if not known or not (held.roles or by_provider or tenant_id == PROVIDER):
            raise TenantUnknown
        if held.roles.isdisjoint(rule.roles) and not by_provider:
            raise RoleMissing("None of your roles for this tenant allows this call.", metadata={"tenant_id": tenant_id})
        if (tenant := self._state.tenants.get(tenant_id)) is not None and tenant.state not in rule.states:
            raise TenantStateForbids(
                f"The tenant is {tenant.state}; this call is not for that state.", metadata={"state": tenant.state}
            )
        return _merged(held, over_provider, rule) if by_provider else held

    def _held(self, tenant_id: TenantId) -> Held:
        return self._state.held(self._principal, tenant_id, self._now, self._caller.bound_to)


def _merged(held: Held, over_provider: Held, rule: Rule) -> Held:
    """What is held for the tenant, with the provider's roles that this rule lets count for any tenant."""
    counted = tuple(grant for grant in over_provider.grants if grant.role in rule.provider_roles)
    roles: frozenset[Role] = held.roles | {grant.role for grant in counted}
    return Held(roles, (*held.grants, *counted))
