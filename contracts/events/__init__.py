"""Every event that Tenet records; its topic names its service. Importing this package fills the closed registry."""

from contracts.events import assets, cases, certifications, detections, ledger, messages, people, reporting, tenancy

__all__ = ["assets", "cases", "certifications", "detections", "ledger", "messages", "people", "reporting", "tenancy"]
