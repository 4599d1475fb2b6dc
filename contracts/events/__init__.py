"""Every event that Tenet records; its topic names its service. Importing this package fills the closed registry."""

from contracts.events import assets, cases, detections, ledger, messages, reporting, tenancy

__all__ = ["assets", "cases", "detections", "ledger", "messages", "reporting", "tenancy"]
