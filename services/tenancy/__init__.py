"""Tenancy: who may do what, for whom, and where a tenant's data lives.

Streams, all in the provider's ledger: `tenant`, `principal`, `identity`, `grant`, `issuer`, `api_key`, `certification`.
RPCs: TenancyReadService (tenants, principals, grants, who am I, access log) and TenancyAdminService (everything that
changes them); CertificationsReadService and CertificationsAdminService. Read models: `tenants`, `principals`, `grants`,
`certifications`.
"""
