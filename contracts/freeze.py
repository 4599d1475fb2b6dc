"""Freezes the shape of every event: `python -m contracts.freeze` writes, `--check` only compares.

For each event class and version there is one JSON Schema (draft 2020-12) under `contracts/events/schemas`. Once written
it may never change but for its prose: a changed class needs a new version with an upcaster. From the schemas of today's
versions an AsyncAPI 3 document is written, `contracts/events/asyncapi.json`, for consumers that subscribe.
"""

import json
import sys
from pathlib import Path
from typing import Any

import contracts.events
from contracts.events.base import EVENT_CLASSES, UPCASTERS, Event

EVENTS = Path(__file__).parent / "events"
SCHEMAS = EVENTS / "schemas"
SAMPLES = EVENTS / "samples"
ASYNCAPI = EVENTS / "asyncapi.json"


def service_of(cls: type[Event]) -> str:
    """The service that owns an event class: the middle part of its topic."""
    return cls.TOPIC.split(".")[1]


def schema_path(cls: type[Event]) -> Path:
    return SCHEMAS / service_of(cls) / f"{cls.__name__}.v{cls.VERSION}.json"


def sample_path(cls: type[Event], version: int | None = None) -> Path:
    """Where the entry of one recorded event lies, byte for byte as a ledger stored it."""
    return SAMPLES / service_of(cls) / f"{cls.__name__}.v{version or cls.VERSION}.json"


def schema_of(cls: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's payload as it stands in an entry: a sealed field is its commitment and subject."""
    schema = cls.model_json_schema(mode="serialization")
    definitions = schema.get("$defs", {})
    if "Sealed" in definitions:
        definitions["Sealed"] = _STORED_SEALED
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"{cls.TOPIC}.v{cls.VERSION}", **schema}


_STORED_SEALED: dict[str, Any] = {
    "title": "Sealed",
    "description": "The commitment to a value whose opening lies apart, and the opaque identifier of its data subject; "
    "event_id and path only where an earlier event sealed the value.",
    "type": "object",
    "properties": {
        "commitment": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
        "subject": {"type": "string"},
        "event_id": {"type": "string"},
        "path": {"type": "string"},
    },
    "required": ["commitment", "subject"],
    "additionalProperties": False,
}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document: one channel (a tenant's ledger), one message for each event class."""
    messages = {}
    schemas = {}
    for topic, cls in sorted(EVENT_CLASSES.items()):
        key = topic.removeprefix("tenet.").replace(".", "_")
        schemas[key] = {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": schema_of(cls)}
        messages[key] = {
            "name": topic,
            "title": cls.__name__,
            "summary": (cls.__doc__ or cls.__name__).strip().splitlines()[0],
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{key}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tenet events",
            "version": "1",
            "description": "The payloads of a tenant's ledger, in committed order, by tenet.ledger.v1.",
        },
        "channels": {
            "ledger": {
                "address": "tenet.ledger.v1.LedgerReadService/Subscribe",
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
            }
        },
        "operations": {"subscribe": {"action": "receive", "channel": {"$ref": "#/channels/ledger"}}},
        "components": {"messages": messages, "schemas": schemas},
    }


def _shape(schema: Any) -> Any:
    """A schema without its prose: an explanation may be bettered, a shape may not change."""
    if isinstance(schema, dict):
        return {key: _shape(item) for key, item in schema.items() if key != "description"}
    return [_shape(item) for item in schema] if isinstance(schema, list) else schema


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def _problems() -> list[str]:
    problems = []
    for cls in EVENT_CLASSES.values():
        path = schema_path(cls)
        if not path.exists():
            problems.append(f"{cls.TOPIC} version {cls.VERSION} has no frozen schema; run python -m contracts.freeze")
        elif _shape(json.loads(path.read_text())) != _shape(json.loads(_text(schema_of(cls)))):
            problems.append(f"{cls.TOPIC} version {cls.VERSION} differs from its frozen schema; raise its version")
        problems += [
            f"{cls.TOPIC} has no upcaster from version {version}"
            for version in range(1, cls.VERSION)
            if (cls.TOPIC, version) not in UPCASTERS
        ]
    if not ASYNCAPI.exists() or ASYNCAPI.read_text() != _text(asyncapi()):
        problems.append("the AsyncAPI document is not that of today's classes; run python -m contracts.freeze")
    return problems


def _write() -> None:
    for cls in EVENT_CLASSES.values():
        path = schema_path(cls)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_text(schema_of(cls)))
    ASYNCAPI.write_text(_text(asyncapi()))


def main() -> int:
    assert contracts.events.__all__, "importing the package fills the registry"
    if "--check" not in sys.argv[1:]:
        _write()
    problems = _problems()
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
