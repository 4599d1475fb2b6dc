"""Every event that Tenet records; its topic names its service. Importing this package fills the closed registry."""

from contracts.events import (
    assets,
    blind_reviews,
    case_work,
    cases,
    certifications,
    detections,
    discovery,
    hunts,
    intelligence,
    ledger,
    messages,
    people,
    reporting,
    rule_lives,
    rule_publishers,
    tenancy,
)

__all__ = [
    "assets",
    "blind_reviews",
    "case_work",
    "cases",
    "certifications",
    "detections",
    "discovery",
    "hunts",
    "intelligence",
    "ledger",
    "messages",
    "people",
    "reporting",
    "rule_lives",
    "rule_publishers",
    "tenancy",
]
