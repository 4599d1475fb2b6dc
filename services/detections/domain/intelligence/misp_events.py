"""Events of MISP as JSON: attributes that are meant for detection (`to_ids`) become indicators.

Read are the core format's events (MISP core format, draft-dulaunoy-misp-core-format), one or several, each within
`{"Event": …}` or bare, as exports and feeds have them. An attribute's label is the strictest of its own TLP tags and
its event's; its confidence is that of the admiralty or `misp:confidence-level` tag, else unknown.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import orjson

from contracts.labels import Label
from services.detections.config import MAX_INDICATOR_NAME_CHARACTERS, MAX_TECHNIQUES
from services.detections.domain.intelligence.indicators import Clause, Indicator, IndicatorSet, strictest
from services.detections.domain.intelligence.observables import Observable
from services.detections.domain.intelligence.patterns import comparison_of
from services.detections.domain.intelligence.refusals import Refusal, Refused
from services.detections.domain.intelligence.stix_bundle import Gathered

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_TECHNIQUE = re.compile(r"\bT\d{4}(?:\.\d{3})?\b")
_HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_TYPES: Mapping[str, tuple[Observable, ...]] = {
    "ip-src": (Observable.ADDRESS,),
    "ip-dst": (Observable.ADDRESS,),
    "domain": (Observable.DOMAIN,),
    "hostname": (Observable.DOMAIN,),
    "url": (Observable.URL,),
    "uri": (Observable.URL,),
    "email": (Observable.EMAIL,),
    "email-src": (Observable.EMAIL,),
    "email-dst": (Observable.EMAIL,),
    "filename": (Observable.FILE_NAME,),
    "mutex": (Observable.MUTEX,),
    "regkey": (Observable.REGISTRY_KEY,),
    "target-user": (Observable.ACCOUNT,),
    "domain|ip": (Observable.DOMAIN, Observable.ADDRESS),
    **dict.fromkeys(_HASHES, (Observable.HASH,)),
    **{f"filename|{name}": (Observable.FILE_NAME, Observable.HASH) for name in _HASHES},
}
"""What each part of an attribute's value is. The parts of a composite are alternatives, but that a file's name alone
says little: of a name with a hash only the hash counts."""
_WITH_PORT = frozenset({"ip-src|port", "ip-dst|port", "hostname|port"})
_CONFIDENCE = {
    "completely-confident": 100,
    "usually-confident": 75,
    "fairly-confident": 50,
    "rarely-confident": 25,
    "unconfident": 0,
    "a": 100,
    "b": 75,
    "c": 50,
    "d": 25,
    "e": 0,
}
_CONFIDENCE_TAG = re.compile(r'(?:misp:confidence-level|admiralty-scale:source-reliability)="([a-z-]+)"\Z')


def is_misp(value: object) -> bool:
    return isinstance(value, dict) and ("Event" in value or "response" in value or "Attribute" in value)


def events_of(value: Any) -> list[Any]:
    """The events that a document of MISP holds, each without its envelope."""
    if isinstance(value, dict) and "response" in value:
        value = value["response"]
    members = value if isinstance(value, list) else [value]
    return [each["Event"] if isinstance(each, dict) and "Event" in each else each for each in members]


def read_events(events: Sequence[Any], label: Label) -> Gathered:
    """`label` counts where no tag says one."""
    gathered = Gathered()
    indicators: dict[str, Indicator] = {}
    for place, event in enumerate(events):
        if not isinstance(event, dict):
            gathered.objects += 1
            gathered.refused.append((f"events[{place}]", Refusal.NOT_AN_OBJECT))
            continue
        tags = _tags(event)
        uuid, changed = event.get("uuid"), _seconds(event.get("timestamp"))
        if is_uuid(uuid) and changed is not None:
            gathered.events[uuid] = changed
        for named, attribute in _attributes(event, f"events[{place}]"):
            gathered.objects += 1
            try:
                indicator = _indicator(attribute, event, [*tags, *_tags(attribute)], label)
            except Refused as error:
                gathered.refused.append((named, error.reason))
                continue
            if indicator is None:
                continue
            earlier = indicators.get(indicator.indicator_id)
            if earlier is None or earlier.modified < indicator.modified:
                indicators[indicator.indicator_id] = indicator
            elif earlier.modified == indicator.modified and earlier != indicator:
                gathered.refused.append((named, Refusal.DUPLICATE_IDENTIFIER))
    gathered.content = IndicatorSet(indicators)
    return gathered


def _attributes(event: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Those of the event and of its objects, each with what it is to be called."""
    lists = [(f"{path}.Attribute", event.get("Attribute"))]
    objects = event.get("Object")
    for place, each in enumerate(objects if isinstance(objects, list) else ()):
        lists.append((f"{path}.Object[{place}].Attribute", each.get("Attribute") if isinstance(each, dict) else None))
    for name, attributes in lists:
        for place, attribute in enumerate(attributes if isinstance(attributes, list) else ()):
            uuid = attribute.get("uuid") if isinstance(attribute, dict) else None
            yield (f"indicator--{uuid}" if is_uuid(uuid) else f"{name}[{place}]"), attribute


def _indicator(attribute: Any, event: Mapping[str, Any], tags: Sequence[str], label: Label) -> Indicator | None:
    """None for an attribute that is not meant for detection. Raises Refused."""
    if not isinstance(attribute, dict):
        raise Refused(Refusal.NOT_AN_OBJECT)
    uuid, kind, value = attribute.get("uuid"), attribute.get("type"), attribute.get("value")
    revoked = attribute.get("deleted") in (True, "1", 1)
    if attribute.get("to_ids") not in (True, "1", 1) and not revoked:
        return None
    if not is_uuid(uuid):
        raise Refused(Refusal.IDENTIFIER_INVALID)
    if not isinstance(kind, str) or not isinstance(value, str):
        raise Refused(Refusal.FIELDS_INVALID)
    modified = _moment(attribute.get("timestamp", event.get("timestamp")))
    name = event.get("info")
    return Indicator(
        indicator_id=f"indicator--{uuid}",
        name=(name if isinstance(name, str) else "")[:MAX_INDICATOR_NAME_CHARACTERS],
        clauses=_clauses(kind, value),
        valid_from=modified,
        valid_until=None,
        modified=modified,
        confidence=_confidence(tags),
        label=_label(tags, label),
        techniques=_techniques(tags),
        revoked=revoked,
        sha256=hashlib.sha256(orjson.dumps(attribute, option=orjson.OPT_SORT_KEYS)).hexdigest(),
        event=event["uuid"] if is_uuid(event.get("uuid")) else "",
    )


def _clauses(kind: str, value: str) -> tuple[Clause, ...]:
    if kind in _WITH_PORT:
        kind, value = kind.partition("|")[0], value.partition("|")[0]
    observables = _TYPES.get(kind)
    if observables is None:
        raise Refused(Refusal.OBSERVABLE_UNSUPPORTED)
    parts = value.split("|") if len(observables) > 1 else [value]
    if len(parts) != len(observables):
        raise Refused(Refusal.VALUE_INVALID)
    compared = [comparison_of(observable, part) for observable, part in zip(observables, parts, strict=True)]
    if observables[-1] is Observable.HASH:
        compared = compared[-1:]
    return tuple((each,) for each in compared)


def is_uuid(uuid: object) -> TypeGuard[str]:
    return isinstance(uuid, str) and _UUID.match(uuid) is not None


def _moment(said: object) -> float:
    seconds = _seconds(said)
    if seconds is None:
        raise Refused(Refusal.TIMES_INVALID)
    return seconds


def _seconds(said: object) -> float | None:
    try:
        seconds = float(said) if isinstance(said, str | int) else -1.0
    except ValueError:
        return None
    return seconds if 0 < seconds < 253_402_300_800 else None  # The end of the year 9999.


def _tags(holder: Mapping[str, Any]) -> list[str]:
    tags = holder.get("Tag") if isinstance(holder, dict) else None
    names = [tag.get("name") for tag in (tags if isinstance(tags, list) else ()) if isinstance(tag, dict)]
    return [name for name in names if isinstance(name, str)]


def _label(tags: Sequence[str], otherwise: Label) -> Label:
    said = []
    for tag in tags:
        if tag.lower().startswith("tlp:"):
            folded = tag.upper().replace("TLP:WHITE", "TLP:CLEAR").replace("TLP:EX:CHR", "TLP:RED")
            label = next((each for each in Label if each.value == folded), None)
            if label is None:
                raise Refused(Refusal.LABEL_UNKNOWN)
            said.append(label)
    return strictest(said) or otherwise


def _confidence(tags: Sequence[str]) -> int | None:
    said = [
        _CONFIDENCE[found.group(1)]
        for tag in tags
        if (found := _CONFIDENCE_TAG.match(tag.lower())) and found.group(1) in _CONFIDENCE
    ]
    return min(said, default=None)


def _techniques(tags: Sequence[str]) -> tuple[str, ...]:
    found = {each for tag in tags if "attack-pattern" in tag for each in _TECHNIQUE.findall(tag)}
    return tuple(sorted(found)[:MAX_TECHNIQUES])
