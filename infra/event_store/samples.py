"""One recorded entry of every event class and version, byte for byte as a ledger stores it.

`python -m infra.event_store.samples` writes those that are missing, `--check` only looks. A sample is never written
anew: today's code must read what every earlier version wrote, which `tests/infra/event_store/test_samples.py` asserts.
"""

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, NewType, Union, get_args, get_origin

from pydantic import AwareDatetime

import contracts.events
from contracts.calls import Actor, AuthenticatedBy
from contracts.events.base import EVENT_CLASSES, Envelope, Event, Fact, Sealed, Value
from contracts.freeze import sample_path, service_of
from contracts.ids import PROVIDER, TenantId, derive_id, stream_name
from infra.event_store.mapper import Mapper
from infra.keys import LocalKeyStore

_WHEN = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
_TENANT = TenantId("example")


def missing() -> list[type[Event]]:
    """The event classes whose present version has no sample."""
    return [cls for cls in EVENT_CLASSES.values() if not sample_path(cls).exists()]


async def write(classes: list[type[Event]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        mapper = Mapper(await LocalKeyStore.open(Path(directory)))
        for cls in classes:
            event = _example(cls, cls.__name__)
            (prepared,), _ = await mapper.prepare([(_envelope(cls), event)])
            path = sample_path(cls)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(prepared.entry)


def _envelope(cls: type[Event]) -> Envelope:
    tenant_id = PROVIDER if service_of(cls) == "tenancy" else _TENANT
    return Envelope(
        id=derive_id("event", cls.TOPIC),
        tenant_id=tenant_id,
        stream=stream_name(cls.CATEGORY, derive_id(cls.CATEGORY, "example")),
        version=1,
        topic=cls.TOPIC,
        schema_version=cls.VERSION,
        occurred_at=_WHEN,
        actor=Actor(derive_id("principal", "example"), AuthenticatedBy.OIDC, PROVIDER),
        grant_id=derive_id("grant", "example"),
        correlation_id=derive_id("correlation", "example"),
        causation=41,
        trace_parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        facts=(Fact("charter", "0" * 64, tenant_id, 7),),
        request_key="1" * 64,
        request_digest="2" * 64,
    )


def _example(annotation: Any, name: str) -> Any:
    """A value of the annotated type, the same each time: every optional field filled, every list with one member."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _example(arguments[0], name)
    if origin in (Union, UnionType):
        return _example(next(each for each in arguments if each is not NoneType), name)
    if origin is tuple:
        return tuple(_example(each, name) for each in arguments if each is not Ellipsis)
    if isinstance(annotation, NewType):
        return str(_TENANT)
    if annotation is Sealed:
        return Sealed.of(f"An example of {name}.", subject=derive_id("subject", "example"))
    if issubclass(annotation, Value):
        return annotation.model_validate(
            {field: _example(info.annotation, field) for field, info in annotation.model_fields.items()}
        )
    if issubclass(annotation, StrEnum):
        return next(iter(annotation))
    examples: dict[type, Any] = {bool: True, int: 1, datetime: _WHEN, AwareDatetime: _WHEN}
    return examples.get(annotation, f"example {name}")


def main() -> int:
    assert contracts.events.__all__, "importing the package fills the registry"
    if "--check" not in sys.argv[1:]:
        asyncio.run(write(missing()))
    for cls in missing():
        print(f"{cls.TOPIC} version {cls.VERSION} has no sample; run {__spec__.name}", file=sys.stderr)
    return 1 if missing() else 0


if __name__ == "__main__":
    sys.exit(main())
