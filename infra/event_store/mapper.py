"""Between events and entries: canonical JSON out, typed events in, by the closed registry of `contracts.events`.

An entry has the keys actor, causation, correlation, data, facts, grant, id, occurred_at, request, request_digest,
schema, stream, tenant, trace, type, version; those without a value are left out. What is stored is never written anew.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.calls import Actor, AuthenticatedBy
from contracts.canonical import check, decode, encode
from contracts.errors import DataLoss
from contracts.events.base import Envelope, Event, Fact, Interval, Recorded, decode_payload, instant, sealed_values
from contracts.ids import TenantId
from infra.event_store.commands import Opening, PreparedEvent
from infra.event_store.limits import MAX_KNOWN_ACTORS
from infra.event_store.reads import StoredEntry
from infra.event_store.sealing import seal
from infra.keys import KeyStore, SubjectKey

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEALED_KEYS = frozenset({"subject", "commitment"})
_SEALED_MARK = b'"commitment":"'


class EntryUnreadable(DataLoss):
    """The bytes of an entry are not what this program, or an earlier version of it, writes."""

    reason = "ENTRY_UNREADABLE"


class Mapper:
    """Maps for one process. `keys` gives the keys that sealed fields are encrypted under."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._actors: dict[tuple[str, ...], Actor] = {}

    async def prepare(
        self, drafts: Sequence[tuple[Envelope, Event]]
    ) -> tuple[tuple[PreparedEvent, ...], tuple[Opening, ...]]:
        """The entries of one command's events, with the openings of their sealed fields.

        Raises NotCanonical for a payload outside of canonical JSON's domain, and what the key store raises.
        """
        keys = await self._subject_keys(drafts)
        events, openings = [], []
        for envelope, event in drafts:
            payload = event.model_dump(mode="json")
            if event.HAS_SEALED:
                openings += _seal_payload(envelope, event, payload, keys)
            check(payload)
            entry = encode(_entry(envelope, payload))
            events.append(PreparedEvent(envelope.stream, envelope.version, envelope.topic, envelope.id, entry))
        return tuple(events), tuple(openings)

    def decode(self, stored: StoredEntry) -> Recorded[Any]:
        """The event at its place. Raises UnknownEvent, UndecodableEvent, EntryUnreadable."""
        envelope, payload = self.open_entry(stored)
        event = decode_payload(envelope.topic, envelope.schema_version, payload)
        return Recorded(stored.position, recorded_time(stored.recorded_at_us), envelope, event)

    def decode_all(self, stored: Iterable[StoredEntry]) -> list[Recorded[Any]]:
        return [self.decode(each) for each in stored]

    def open_entry(self, stored: StoredEntry) -> tuple[Envelope, dict[str, Any]]:
        """The envelope and the payload as stored, its sealed references completed. Raises EntryUnreadable."""
        try:
            entry = decode(stored.entry)
            envelope = self._envelope(entry)
            payload = entry["data"]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise EntryUnreadable(
                f"The entry at position {stored.position} cannot be read: {error!r}",
                metadata={"position": str(stored.position)},
            ) from error
        if _SEALED_MARK in stored.entry:
            _complete_references(payload, "", envelope.id)
        return envelope, payload

    def _envelope(self, entry: dict[str, Any]) -> Envelope:
        get = entry.get
        occurred = entry["occurred_at"]
        facts = get("facts")
        return Envelope(
            entry["id"],
            entry["tenant"],
            entry["stream"],
            entry["version"],
            entry["type"],
            entry["schema"],
            _parse(occurred) if type(occurred) is str else Interval(_parse(occurred[0]), _parse(occurred[1])),
            self._actor(entry["actor"]),
            get("grant"),
            get("correlation", ""),
            get("causation"),
            get("trace", ""),
            () if facts is None else tuple(_fact(each) for each in facts),
            get("request"),
            get("request_digest"),
        )

    def _actor(self, fields: dict[str, str]) -> Actor:
        """Actors are few and recur in every entry, so the same object stands for the same fields."""
        key = (fields["id"], fields["by"], fields["home"], fields.get("for", ""))
        actor = self._actors.get(key)
        if actor is None:
            if len(self._actors) >= MAX_KNOWN_ACTORS:
                self._actors.clear()
            actor = Actor(fields["id"], AuthenticatedBy(fields["by"]), TenantId(fields["home"]), fields.get("for"))
            self._actors[key] = actor
        return actor

    async def _subject_keys(self, drafts: Sequence[tuple[Envelope, Event]]) -> dict[str, SubjectKey]:
        subjects: dict[str, None] = {}
        for _, event in drafts:
            if event.HAS_SEALED:
                subjects.update(
                    (value.subject, None) for _, value in sealed_values(event) if value.plaintext is not None
                )
        return await self._keys.subject_keys(drafts[0][0].tenant_id, subjects) if subjects else {}


def recorded_time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


_parse = datetime.fromisoformat


def _entry(envelope: Envelope, payload: dict[str, Any]) -> dict[str, Any]:
    actor = envelope.actor
    author = {"id": actor.id, "by": actor.authenticated_by.value, "home": actor.home_tenant_id}
    if actor.on_behalf_of is not None:
        author["for"] = actor.on_behalf_of
    occurred = envelope.occurred_at
    entry = {
        "actor": author,
        "data": payload,
        "id": envelope.id,
        "occurred_at": [instant(occurred.earliest), instant(occurred.latest)]
        if isinstance(occurred, Interval)
        else instant(occurred),
        "schema": envelope.schema_version,
        "stream": envelope.stream,
        "tenant": envelope.tenant_id,
        "type": envelope.topic,
        "version": envelope.version,
    }
    optional = {
        "causation": envelope.causation,
        "correlation": envelope.correlation_id or None,
        "facts": [_fact_fields(each) for each in envelope.facts] or None,
        "grant": envelope.grant_id,
        "request": envelope.request_key,
        "request_digest": envelope.request_digest,
        "trace": envelope.trace_parent or None,
    }
    entry.update((key, value) for key, value in optional.items() if value is not None)
    return entry


def _fact_fields(fact: Fact) -> dict[str, Any]:
    return {"kind": fact.kind, "digest": fact.digest, "tenant": fact.tenant_id, "position": fact.position}


def _fact(fields: dict[str, Any]) -> Fact:
    return Fact(fields["kind"], fields["digest"], fields["tenant"], fields["position"])


def _seal_payload(
    envelope: Envelope, event: Event, payload: dict[str, Any], keys: dict[str, SubjectKey]
) -> list[Opening]:
    """Replaces every sealed field in the payload by its reference, and returns the openings of the new ones."""
    openings = []
    for path, value in sealed_values(event):
        if value.plaintext is None:
            if not value.commitment:
                raise ValueError(f"the sealed field {path} of {envelope.topic} has neither a value nor a commitment")
            # A reference to what an earlier event sealed keeps naming that event.
            reference = {"subject": value.subject, "commitment": value.commitment}
            reference |= {"event_id": value.event_id, "path": value.path}
        else:
            key = keys[value.subject]
            commitment, opening = seal(envelope.tenant_id, envelope.id, path, value.subject, value.plaintext, key)
            openings.append(opening)
            reference = {"subject": value.subject, "commitment": commitment}
        _put(payload, path, reference)
    return openings


def _put(payload: dict[str, Any], path: str, reference: dict[str, str]) -> None:
    *parents, last = path.split("/")[1:]
    node: Any = payload
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    node[int(last) if isinstance(node, list) else last] = reference


def _complete_references(node: Any, path: str, event_id: str) -> None:
    """Gives each sealed reference within a stored payload the event and the path that its opening is found by."""
    if isinstance(node, dict):
        if node.keys() == _SEALED_KEYS:
            node["event_id"], node["path"] = event_id, path
            return
        for key, item in node.items():
            if isinstance(item, dict | list):
                _complete_references(item, f"{path}/{key}", event_id)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            if isinstance(item, dict | list):
                _complete_references(item, f"{path}/{index}", event_id)
