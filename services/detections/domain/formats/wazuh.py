"""Alerts of Wazuh (and OSSEC) as JSON lines: `rule.id`, `rule.level` (0 to 16), `agent`, `data`, `full_log`.

OSSEC itself writes `rule.sidid` and `rule.group`, and `hostname` in place of an agent.

Levels after Wazuh's own classification: up to 3 system and low, 4 to 6 low, 7 to 11 medium, 12 to 14 high, 15 and more
severe.
"""

from typing import Any

from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, flatten, object_at, text_of
from services.detections.domain.formats.records import Alert, Parsed, Reason, Source, Unreadable

_SEVERITY_FROM_LEVEL = ((15, 5), (12, 4), (7, 3), (4, 2), (0, 1))


def recognises(value: Json) -> bool:
    rule = value.get("rule")
    return isinstance(rule, dict) and "level" in rule and ("agent" in value or "manager" in value or "sidid" in rule)


def parse(value: Json) -> Parsed:
    """Raises Unreadable with FIELDS_MISSING for an alert without a rule."""
    rule, agent, data = object_at(value, "rule"), object_at(value, "agent"), object_at(value, "data")
    rule_id = text_of(rule.get("id")) or text_of(rule.get("sidid"))
    if not rule_id:
        raise Unreadable(Reason.FIELDS_MISSING)
    alert_id = text_of(value.get("id"))
    host = text_of(agent.get("name") or object_at(value, "manager").get("name") or value.get("hostname"))
    clocks = (read_clock(value.get(name)) for name in ("timestamp", "@timestamp", "TimeStamp"))
    occurred_at = next((moment for moment in clocks if moment is not None), None)
    return Parsed(
        Source.WAZUH,
        occurred_at,
        host,
        text_of(agent.get("ip")),
        f"{text_of(object_at(value, 'manager').get('name'))}|{alert_id}|{occurred_at}" if alert_id else "",
        flatten(value),
        Alert(
            f"wazuh:{rule_id}",
            _title(rule_id, rule.get("groups") or text_of(rule.get("group")).strip(",").split(",")),
            severity_of_level(rule.get("level")),
            _techniques(rule.get("mitre")),
            text_of(data.get("srcip")) or text_of(data.get("src_ip")),
            _without_port(text_of(data.get("dstip")) or text_of(data.get("dest_ip"))),
        ),
        "\n".join(
            text
            for text in (text_of(rule.get("description") or rule.get("comment")), text_of(value.get("full_log")))
            if text
        ),
    )


def severity_of_level(level: Any) -> int:
    """OCSF severity_id of a Wazuh level; 0 (unknown) when the level is not a number."""
    try:
        number = int(level)
    except (TypeError, ValueError):
        return 0
    return next((severity for least, severity in _SEVERITY_FROM_LEVEL if number >= least), 0)


def _title(rule_id: str, groups: Any) -> str:
    """Names the rule by its groups. Its description may have the record's values filled in, so it stays sealed."""
    names = ", ".join(filter(None, map(text_of, groups))) if isinstance(groups, list) else ""
    return f"Wazuh rule {rule_id}: {names}"[:300] if names else f"Wazuh rule {rule_id}"


def _techniques(mitre: Any) -> tuple[str, ...]:
    identifiers = mitre.get("id") if isinstance(mitre, dict) else None
    if isinstance(identifiers, str):
        identifiers = [identifiers]
    return tuple(text_of(item) for item in identifiers) if isinstance(identifiers, list) else ()


def _without_port(address: str) -> str:
    """OSSEC's Snort decoder writes IPv4 destinations as `address:port`."""
    return address.partition(":")[0] if address.count(":") == 1 else address
