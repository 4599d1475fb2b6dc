"""How each aggregate of the tenancy service is folded from its stream."""

from infra.event_store.repository import Aggregate
from services.tenancy.domain import api_key, certification, grant, holds, identity, issuer, principal, tenant

TENANT = Aggregate(tenant.CATEGORY, tenant.initial, tenant.evolve, snapshot=None)
PRINCIPAL = Aggregate(principal.CATEGORY, principal.initial, principal.evolve, snapshot=None)
IDENTITY = Aggregate(identity.CATEGORY, identity.initial, identity.evolve, snapshot=None)
ISSUER = Aggregate(issuer.CATEGORY, issuer.initial, issuer.evolve, snapshot=None)
GRANT = Aggregate(grant.CATEGORY, grant.initial, grant.evolve, snapshot=None)
API_KEY = Aggregate(api_key.CATEGORY, api_key.initial, api_key.evolve, snapshot=None)
CERTIFICATION = Aggregate(certification.CATEGORY, certification.initial, certification.evolve, snapshot=None)
HOLDS = Aggregate(holds.CATEGORY, holds.initial, holds.evolve_holds, snapshot=None)
"""In a customer's ledger; all others are in the provider's."""
