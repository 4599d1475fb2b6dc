"""Every event that Tenet records, one module a service. Importing this package fills the closed registry of topics."""

from contracts.events import assets, cases, detections, ledger, reporting, tenancy

__all__ = ["assets", "cases", "detections", "ledger", "reporting", "tenancy"]
