"""Built-in rules: each signature of another product is a rule of its own, so that its alerts become detections."""

import hashlib

from contracts.events.detections import RuleKind, RuleRef
from services.detections.config import (
    ANOMALY_WINDOW,
    GROUP_WINDOW,
    MAX_RULE_ID_CHARACTERS,
    MAX_TECHNIQUES,
    MAX_TITLE_CHARACTERS,
)
from services.detections.domain.formats.records import Alert
from services.detections.domain.grouping import Fired

_LEVEL_OF_SEVERITY = {0: "", 1: "informational", 2: "low", 3: "medium", 4: "high", 5: "critical", 6: "critical"}


def fired_by_alert(alert: Alert) -> Fired:
    """The pseudo rule `<product>:<signature id>`; its hash is over id and title, as there is no text to hash."""
    digest = hashlib.sha256(f"{alert.rule_id}\x1f{alert.title}".encode()).hexdigest()
    reference = RuleRef(
        rule_id=_bounded(alert.rule_id, digest),
        title=alert.title[:MAX_TITLE_CHARACTERS],
        sha256=digest,
        pack_sha256="",
        level=_LEVEL_OF_SEVERITY[alert.severity_id],
    )
    techniques = tuple(each[:20] for each in alert.techniques[:MAX_TECHNIQUES])
    window = ANOMALY_WINDOW if alert.is_anomaly else GROUP_WINDOW
    return Fired(reference, alert.severity_id, techniques, RuleKind.SIGNATURE, window=window)


def _bounded(rule_id: str, digest: str) -> str:
    """An overlong identifier is cut and told apart from others with the same beginning by its digest."""
    if len(rule_id) <= MAX_RULE_ID_CHARACTERS:
        return rule_id
    return f"{rule_id[: MAX_RULE_ID_CHARACTERS - 17]}#{digest[:16]}"
