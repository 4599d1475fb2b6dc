import json
from datetime import UTC, datetime

import pytest

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.base import Envelope, Fact, Interval, UnknownEvent
from contracts.ids import PROVIDER, StreamName, TenantId
from infra.event_store.commands import Opening
from infra.event_store.mapper import EntryUnreadable, Mapper
from infra.event_store.reads import StoredEntry
from infra.event_store.sealing import OpeningCorrupt, commitment_of, seal, unseal
from infra.keys import LocalKeyStore, SubjectKey
from tests.infra.event_store.builders import ACTOR, activated, onboarded

CLINIC = TenantId("clinic")
AT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)


def envelope(**changes: object) -> Envelope:
    fields: dict[str, object] = {
        "id": "event-1",
        "tenant_id": CLINIC,
        "stream": StreamName("tenant-1"),
        "version": 1,
        "topic": "tenet.tenancy.TenantActivated",
        "schema_version": 1,
        "occurred_at": AT,
        "actor": ACTOR,
        "grant_id": None,
        "correlation_id": "",
        "causation": None,
        "trace_parent": "",
        "facts": (),
        "request_key": None,
        "request_digest": None,
    }
    return Envelope(**{**fields, **changes})  # type: ignore[arg-type]  # A test's shorthand.


@pytest.fixture
def mapper(keys: LocalKeyStore) -> Mapper:
    return Mapper(keys)


def stored(entry: bytes) -> StoredEntry:
    return StoredEntry(5, 1_700_000_000_000_001, entry, "", b"")


async def test_an_entry_without_options_has_exactly_these_bytes(mapper: Mapper) -> None:
    ((event,), openings) = await mapper.prepare([(envelope(), activated(CLINIC))])
    assert openings == ()
    assert event.entry == (
        b'{"actor":{"by":"oidc","home":"provider","id":"principal-1"},"data":{"tenant_id":"clinic"},"id":"event-1",'
        b'"occurred_at":"2026-03-04T05:06:07.000089Z","schema":1,"stream":"tenant-1","tenant":"clinic",'
        b'"type":"tenet.tenancy.TenantActivated","version":1}'
    )


async def test_a_full_envelope_comes_back_as_it_was(mapper: Mapper) -> None:
    full = envelope(
        occurred_at=Interval(AT, AT.replace(hour=9)),
        actor=Actor("principal-2", AuthenticatedBy.SERVICE, PROVIDER, "principal-3"),
        grant_id="grant-1",
        correlation_id="correlation-1",
        causation=0,
        trace_parent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        facts=(Fact("charter", "0" * 64, PROVIDER, 0),),
        request_key="ab" * 32,
        request_digest="cd" * 32,
    )
    ((event,), _) = await mapper.prepare([(full, activated(CLINIC))])
    assert sorted(json.loads(event.entry)) == [
        "actor", "causation", "correlation", "data", "facts", "grant", "id", "occurred_at", "request", "request_digest",
        "schema", "stream", "tenant", "trace", "type", "version",
    ]  # fmt: skip
    recorded = mapper.decode(stored(event.entry))
    assert recorded.envelope == full
    assert recorded.event == activated(CLINIC)
    assert (recorded.position, recorded.recorded_at.microsecond) == (5, 1)


async def test_a_sealed_field_is_stored_as_subject_and_commitment_only(mapper: Mapper, keys: LocalKeyStore) -> None:
    topic = "tenet.tenancy.TenantOnboarded"
    ((event,), (opening,)) = await mapper.prepare([(envelope(topic=topic), onboarded(CLINIC, "Zoë"))])
    reference = json.loads(event.entry)["data"]["display_name"]
    assert sorted(reference) == ["commitment", "subject"]
    assert (opening.event_id, opening.path, opening.subject) == ("event-1", "/display_name", "subject-1")
    key = await keys.find_subject_key(CLINIC, "subject-1", opening.key_id)
    assert key is not None
    salt, value = unseal(CLINIC, opening, reference["commitment"], key.key)
    assert value == "Zoë"
    assert commitment_of(salt, "event-1", "/display_name", '"Zoë"'.encode()) == reference["commitment"]


def test_an_opening_fits_only_its_place_and_its_commitment() -> None:
    key = SubjectKey("key-1", b"k" * 32)
    commitment, opening = seal(CLINIC, "event-1", "/name", "subject-1", "Zoë", key)
    other, _ = seal(CLINIC, "event-1", "/name", "subject-1", "Zoë", key)
    assert commitment != other
    moved = [
        (TenantId("other"), opening, commitment),
        (CLINIC, Opening("event-2", *_rest(opening)), commitment),
        (CLINIC, Opening(opening.event_id, "/reason", *_rest(opening)[1:]), commitment),
        (CLINIC, opening, other),
    ]
    for tenant_id, place, committed in moved:
        with pytest.raises(OpeningCorrupt):
            unseal(tenant_id, place, committed, key.key)
    assert unseal(CLINIC, opening, commitment, key.key)[1] == "Zoë"


def _rest(opening: Opening) -> tuple[str, str, str, bytes, bytes]:
    return opening.path, opening.subject, opening.key_id, opening.nonce, opening.ciphertext


async def test_a_topic_outside_the_registry_is_never_imported(mapper: Mapper) -> None:
    ((event,), _) = await mapper.prepare([(envelope(topic="os.system"), activated(CLINIC))])
    with pytest.raises(UnknownEvent):
        mapper.decode(stored(event.entry))


@pytest.mark.parametrize("entry", [b"", b"[]", b"{}", b"\xff", b'{"actor":1}', b'{"occurred_at":"yesterday"}'])
def test_bytes_that_are_no_entry_are_told_with_their_position(mapper: Mapper, entry: bytes) -> None:
    with pytest.raises(EntryUnreadable) as error:
        mapper.decode(stored(entry))
    assert error.value.metadata == {"position": "5"}
