"""Decisions about tenants, principals, identities, grants, issuers and API keys. Pure: no clock, no I/O."""
