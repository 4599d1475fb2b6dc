"""The roles that a grant can give. A grant is always for one role and one tenant."""

from enum import StrEnum


class Role(StrEnum):
    ANALYST = "analyst"
    LEAD = "lead"
    ON_CALL = "on_call"
    CUSTOMER_APPROVER = "customer_approver"
    CUSTOMER_VIEWER = "customer_viewer"
    AUDITOR = "auditor"
    BILLING = "billing"
    SENSOR = "sensor"
    ADMIN = "admin"
    SERVICE = "service"
    """A process of Tenet itself, acting for a policy or a timer. No grant can give it."""


PROVIDER_ROLES = frozenset({Role.ANALYST, Role.LEAD, Role.ON_CALL, Role.ADMIN})
"""Roles that only a principal of the provider can hold."""
CUSTOMER_ROLES = frozenset({Role.CUSTOMER_APPROVER, Role.CUSTOMER_VIEWER})
"""Roles that only a principal of the customer, or of a parent in its tree, can hold."""
