"""What a servicer's method knows about its call."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from contracts.calls import Call
from contracts.ids import TenantId
from contracts.roles import Role


@dataclass(frozen=True, slots=True)
class Context:
    """An authorised call. `call.tenant_id` is the one tenant it is about; `tenants` all that it may look at.

    `deadline` is an instant of the event loop's clock, in seconds.
    """

    call: Call
    tenants: tuple[TenantId, ...]
    roles: Mapping[TenantId, frozenset[Role]]
    deadline: float

    def roles_for(self, tenant_id: TenantId) -> frozenset[Role]:
        return self.roles.get(tenant_id, frozenset())

    def call_for(self, tenant_id: TenantId) -> Call:
        """The same call about another of its tenants, with the roles held there. Raises KeyError for any other."""
        return replace(self.call, tenant_id=tenant_id, roles=self.roles[tenant_id])
