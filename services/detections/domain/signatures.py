"""Built-in rules: each signature of another product is a rule of its own, so that its alerts become detections."""

import hashlib

from contracts.events.detections import RuleRef
from services.detections.domain.formats.records import Alert
from services.detections.domain.grouping import Fired

_LEVEL_OF_SEVERITY = {0: "", 1: "informational", 2: "low", 3: "medium", 4: "high", 5: "critical", 6: "critical"}


def fired_by_alert(alert: Alert) -> Fired:
    """The pseudo rule `<product>:<signature id>`; its hash is over id and title, as there is no text to hash."""
    reference = RuleRef(
        rule_id=alert.rule_id,
        title=alert.title,
        sha256=hashlib.sha256(f"{alert.rule_id}\x1f{alert.title}".encode()).hexdigest(),
        pack_sha256="",
        level=_LEVEL_OF_SEVERITY[alert.severity_id],
    )
    return Fired(reference, alert.severity_id, alert.techniques)
