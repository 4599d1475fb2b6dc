"""What a priority is the product of, in words: each input that is known, and by name those that are not."""

from tenet.detections.v1 import detections_pb2 as pb

_NAMES = {"asset_value": "value"}
"""Of inputs, where their name in the schema is not a word."""


def because(item: pb.TriageItem) -> str:
    """`severity 4, value 5, T1486 impact × 1.43; unknown: exposure, likelihood, sightings`."""
    known = [
        *([] if item.severity_missing else [f"severity {item.severity_id}"]),
        *([] if item.asset_value_missing else [f"value {item.asset_value}"]),
        *([f"exposure {item.exposure}"] if item.HasField("exposure") else []),
        *([weight_of(item.technique)] if item.HasField("technique") else []),
        *([f"{item.likelihood_percent} % likely"] if item.HasField("likelihood_percent") else []),
        *([f"{item.sightings}+ others" if item.sightings else "no others"] if item.HasField("sightings") else []),
    ]
    missing = ", ".join(_NAMES.get(each, each) for each in item.missing_inputs)
    return "; ".join(part for part in (", ".join(known), f"unknown: {missing}" if missing else "") if part)


def weight_of(technique: pb.TechniqueWeight) -> str:
    """`T1486 impact × 1.43`."""
    named = " ".join(part for part in (technique.technique_id, technique.tactic.replace("-", " ")) if part)
    return f"{named} × {technique.weight_percent / 100:.2f}"


def judged_by(technique: pb.TechniqueWeight) -> str:
    """The same with who uses it, and which import says so."""
    users = f", used by {technique.users} that it knows" if technique.HasField("users") else ""
    version = f" {technique.attack_version}" if technique.attack_version else ""
    recorded = f"{technique.source}{version}, at position {technique.position} of the provider's ledger"
    return f"{weight_of(technique)}{users}; {recorded}"
