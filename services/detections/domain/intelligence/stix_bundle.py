"""STIX 2.1: indicators and ATT&CK's techniques of a bundle, or of the objects of a TAXII envelope.

Relationships are followed one step, so that no loop of them matters: from an indicator to the techniques that it
indicates, from a technique to the one that it was revoked for, and from who uses a technique to it. An object whose
marking nobody defines is refused, since nobody knows who may see it.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeGuard

import orjson

from contracts.labels import Label
from services.detections.config import (
    MAX_INDICATOR_NAME_CHARACTERS,
    MAX_TECHNIQUE_USES_PER_SOURCE,
    MAX_TECHNIQUES,
    MAX_TECHNIQUES_PER_SOURCE,
)
from services.detections.domain.intelligence.indicators import Indicator, IndicatorSet, Technique, strictest
from services.detections.domain.intelligence.patterns import clauses_of
from services.detections.domain.intelligence.refusals import Refusal, Refused

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_IDENTIFIER = re.compile(rf"[a-z][a-z0-9-]{{1,60}}--{_UUID}\Z")
_TECHNIQUE = re.compile(r"T\d{4}(?:\.\d{3})?\Z")
_ATTACK = "mitre-attack"
_KILL_CHAINS = frozenset({_ATTACK, "mitre-mobile-attack", "mitre-ics-attack"})
_USERS = frozenset({"intrusion-set", "campaign", "malware", "tool"})
"""Types of objects that ATT&CK relates to techniques by `uses`: its groups, campaigns and software."""
_MARKINGS: Mapping[str, Label] = {
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": Label.CLEAR,
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": Label.GREEN,
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": Label.AMBER,
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": Label.AMBER_STRICT,
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": Label.RED,
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Label.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Label.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Label.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Label.RED,
}
"""The definitions of TLP 2.0 (OASIS CTI TLP 2.0 extension) and of TLP 1.0 (STIX 2.1, section 7.2.1.4)."""


@dataclass(slots=True)
class Gathered:
    """What an import's content says, and the objects of it that are not used. `events` are those of MISP that it holds,
    each with all that it says, by the time of their last change in seconds since 1970."""

    content: IndicatorSet = field(default_factory=IndicatorSet)
    objects: int = 0
    refused: list[tuple[str, Refusal]] = field(default_factory=list)
    events: dict[str, float] = field(default_factory=dict)


def read_objects(objects: Sequence[Any], label: Label) -> Gathered:
    """`label` counts for objects that carry none."""
    gathered = Gathered(objects=len(objects))
    known: dict[str, dict[str, Any]] = {}
    for identifier, each in _identified(objects, gathered):
        earlier = known.get(identifier)
        if earlier is None or _version(earlier) < _version(each):
            known[identifier] = each
        elif _version(earlier) == _version(each) and earlier != each:
            gathered.refused.append((identifier, Refusal.DUPLICATE_IDENTIFIER))
    techniques = _techniques(known, gathered)
    markings: dict[str, Label | None] = dict.fromkeys(key for key in known if key.startswith("marking-definition--"))
    markings.update(_MARKINGS)
    for identifier, each in known.items():
        if each.get("type") == "marking-definition":
            markings[identifier] = _tlp_of(each) or markings.get(identifier)
    indicated = _indicated(known, techniques)
    indicators: dict[str, Indicator] = {}
    for identifier, each in known.items():
        if each["type"] != "indicator":
            continue
        try:
            indicators[identifier] = _indicator(each, markings, label, indicated.get(identifier, ()))
        except Refused as error:
            gathered.refused.append((identifier, error.reason))
    gathered.content = IndicatorSet(
        indicators,
        {each.technique_id: each for each in techniques.values()},
        _attack_version(known),
        _uses(known, gathered),
    )
    return gathered


def seconds_of(text: object) -> float:
    """A time of RFC 3339 as seconds since 1970. Raises Refused."""
    if not isinstance(text, str) or len(text) > 40:
        raise Refused(Refusal.TIMES_INVALID)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise Refused(Refusal.TIMES_INVALID)
        # In UTC, where a zone may carry it out of the years that there are.
        return moment.astimezone(UTC).timestamp()
    except (ValueError, OverflowError) as error:
        raise Refused(Refusal.TIMES_INVALID) from error


def _identified(objects: Sequence[Any], gathered: Gathered) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, each in enumerate(objects):
        if not isinstance(each, dict):
            gathered.refused.append((f"objects[{place}]", Refusal.NOT_AN_OBJECT))
            continue
        identifier, kind = each.get("id"), each.get("type")
        if not isinstance(kind, str) or not isinstance(identifier, str) or not _is_identifier(identifier, kind):
            gathered.refused.append((f"objects[{place}]", Refusal.IDENTIFIER_INVALID))
            continue
        yield identifier, each


def _is_identifier(identifier: str, kind: str) -> bool:
    return _IDENTIFIER.match(identifier) is not None and identifier.startswith(f"{kind}--")


def _version(each: Mapping[str, Any]) -> str:
    modified = each.get("modified")
    return modified if isinstance(modified, str) else ""


def _indicator(
    each: Mapping[str, Any], markings: Mapping[str, Label | None], label: Label, techniques: Sequence[str]
) -> Indicator:
    """Raises Refused."""
    labelled = _label(each, markings, label)
    if each.get("pattern_type", "stix") != "stix":
        raise Refused(Refusal.PATTERN_LANGUAGE_UNSUPPORTED)
    pattern, confidence = each.get("pattern"), each.get("confidence")
    name, revoked = each.get("name", ""), each.get("revoked", False)
    if not isinstance(pattern, str) or not isinstance(name, str) or not isinstance(revoked, bool):
        raise Refused(Refusal.FIELDS_INVALID)
    if confidence is not None and (type(confidence) is not int or not 0 <= confidence <= 100):
        raise Refused(Refusal.FIELDS_INVALID)
    valid_from = seconds_of(each.get("valid_from"))
    valid_until = seconds_of(each["valid_until"]) if each.get("valid_until") is not None else None
    if valid_until is not None and valid_until <= valid_from:
        raise Refused(Refusal.TIMES_INVALID)
    return Indicator(
        indicator_id=each["id"],
        name=name[:MAX_INDICATOR_NAME_CHARACTERS],
        clauses=clauses_of(pattern),
        valid_from=valid_from,
        valid_until=valid_until,
        modified=seconds_of(each.get("modified")),
        confidence=confidence,
        label=labelled,
        techniques=tuple(techniques[:MAX_TECHNIQUES]),
        revoked=revoked,
        sha256=hashlib.sha256(orjson.dumps(each, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    )


def _label(each: Mapping[str, Any], markings: Mapping[str, Label | None], otherwise: Label) -> Label:
    references = each.get("object_marking_refs", [])
    if not isinstance(references, list) or not all(isinstance(reference, str) for reference in references):
        raise Refused(Refusal.FIELDS_INVALID)
    if any(reference not in markings for reference in references):
        raise Refused(Refusal.LABEL_UNKNOWN)
    said = [label for reference in references if (label := markings[reference]) is not None]
    return strictest(said) or otherwise


def _tlp_of(marking: Mapping[str, Any]) -> Label | None:
    """A definition that says what it is by its own words, as older producers write it; None for a statement."""
    definition = marking.get("definition")
    said = definition.get("tlp") if isinstance(definition, dict) else None
    name = said or marking.get("name")
    if not isinstance(name, str):
        return None
    folded = name.upper().removeprefix("TLP:")
    folded = {"WHITE": "CLEAR"}.get(folded, folded)
    return next((label for label in Label if label.value == f"TLP:{folded}"), None)


def _techniques(known: Mapping[str, Mapping[str, Any]], gathered: Gathered) -> dict[str, Technique]:
    """By the identifier of the object."""
    found: dict[str, Technique] = {}
    for identifier, each in known.items():
        if each["type"] != "attack-pattern":
            continue
        technique_id, name = _attack_id(each), each.get("name")
        if technique_id is None:
            continue  # Attack patterns of others than ATT&CK have no identifier by which anything here would name them.
        if not isinstance(name, str) or len(found) >= MAX_TECHNIQUES_PER_SOURCE:
            gathered.refused.append((identifier, Refusal.FIELDS_INVALID))
            continue
        over = each.get("revoked") is True or each.get("x_mitre_deprecated") is True
        found[identifier] = Technique(
            technique_id, name[:MAX_INDICATOR_NAME_CHARACTERS], _tactics(each), over, object_id=identifier
        )
    for source, target in _related(known, "revoked-by"):
        if source in found and target in found and found[source].technique_id != found[target].technique_id:
            found[source] = replace(found[source], replaced_by=found[target].technique_id)
    # Of two objects with one identifier, as ATT&CK has where one was revoked for another, the one that stands counts.
    return dict(sorted(found.items(), key=lambda item: not item[1].revoked))


def _attack_id(each: Mapping[str, Any]) -> str | None:
    references = each.get("external_references")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict) and reference.get("source_name") == _ATTACK:
            said = reference.get("external_id")
            if isinstance(said, str) and _TECHNIQUE.match(said):
                return said
    return None


def _tactics(each: Mapping[str, Any]) -> tuple[str, ...]:
    phases = each.get("kill_chain_phases")
    said = [
        (phase.get("kill_chain_name"), phase.get("phase_name"))
        for phase in (phases if isinstance(phases, list) else ())
        if isinstance(phase, dict)
    ]
    texts = [(chain, name) for chain, name in said if isinstance(chain, str) and isinstance(name, str)]
    return tuple(name[:60] for chain, name in texts if chain in _KILL_CHAINS)[:20]


def _indicated(known: Mapping[str, Mapping[str, Any]], techniques: Mapping[str, Technique]) -> dict[str, list[str]]:
    """By indicator, the techniques that it indicates."""
    found: dict[str, list[str]] = {}
    for source, target in _related(known, "indicates"):
        if target in techniques:
            found.setdefault(source, []).append(techniques[target].technique_id)
    return {key: sorted(set(values)) for key, values in found.items()}


def _uses(known: Mapping[str, Mapping[str, Any]], gathered: Gathered) -> dict[str, frozenset[str]]:
    """By technique's object, who uses it. The technique itself may have come with an earlier content."""
    pairs = {
        (target, source)
        for source, target in _related(known, "uses")
        if target.startswith("attack-pattern--") and source.partition("--")[0] in _USERS
    }
    kept = sorted(pairs)
    if len(kept) > MAX_TECHNIQUE_USES_PER_SOURCE:
        gathered.refused += [(target, Refusal.TOO_MANY_USES) for target, _ in kept[MAX_TECHNIQUE_USES_PER_SOURCE:]]
    found: dict[str, set[str]] = {}
    for target, source in kept[:MAX_TECHNIQUE_USES_PER_SOURCE]:
        found.setdefault(target, set()).add(source)
    return {target: frozenset(sources) for target, sources in found.items()}


def _related(known: Mapping[str, Mapping[str, Any]], kind: str) -> Iterator[tuple[str, str]]:
    """Source and target of the relationships of a type that stand."""
    for each in known.values():
        if each["type"] != "relationship" or each.get("relationship_type") != kind:
            continue
        over = each.get("revoked") is True or each.get("x_mitre_deprecated") is True
        source, target = each.get("source_ref"), each.get("target_ref")
        if not over and _is_reference(source) and _is_reference(target):
            yield source, target


def _is_reference(said: object) -> TypeGuard[str]:
    return isinstance(said, str) and _IDENTIFIER.match(said) is not None


def _attack_version(known: Mapping[str, Mapping[str, Any]]) -> str | None:
    said = [each.get("x_mitre_version") for each in known.values() if each["type"] == "x-mitre-collection"]
    return next((version[:40] for version in said if isinstance(version, str)), None)
