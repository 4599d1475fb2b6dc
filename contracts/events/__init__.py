"""Every event that Tenet records; its topic names its service. Importing this package fills the closed registry."""

from contracts.events import (
    assets,
    case_work,
    cases,
    certifications,
    detections,
    ledger,
    messages,
    people,
    reporting,
    tenancy,
)

__all__ = [
    "assets",
    "case_work",
    "cases",
    "certifications",
    "detections",
    "ledger",
    "messages",
    "people",
    "reporting",
    "tenancy",
]
