"""The tenancy service's read models, one a file. All are views of the provider's ledger."""

from typing import Any

from infra.read_database.views import DocumentView
from services.tenancy.projections.certifications import Certifications
from services.tenancy.projections.grants import Grants
from services.tenancy.projections.principals import Principals
from services.tenancy.projections.tenants import Tenants

TENANTS = Tenants()
PRINCIPALS = Principals()
GRANTS = Grants()
CERTIFICATIONS = Certifications()
VIEWS: tuple[DocumentView[Any], ...] = (TENANTS, PRINCIPALS, GRANTS, CERTIFICATIONS)
