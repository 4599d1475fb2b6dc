"""Okta's System Log events (Okta API reference, System Log). Objects become `outer.inner` names, also within lists."""

from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, object_at, spread, text_of
from services.detections.domain.formats.records import Parsed, Source


def recognises(value: Json) -> bool:
    return "eventType" in value and "published" in value and "actor" in value


def parse(value: Json) -> Parsed:
    return Parsed(
        Source.OKTA,
        read_clock(value.get("published")),
        "",
        text_of(object_at(value, "client").get("ipAddress")),
        text_of(value.get("uuid")),
        spread(value),
    )
