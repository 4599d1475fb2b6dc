"""Whether every sealed field opens to what its entry committed to, or an erasure is on record that says why not.

Values are opened for the comparison and dropped at once: nothing of them leaves this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.canonical import decode
from contracts.errors import DataLoss
from contracts.events.ledger import ErasureCarriedOut, FieldErased, SubjectErased
from contracts.ids import TenantId
from infra.event_store.commands import Opening
from infra.event_store.rows import Snapshot
from infra.event_store.sealing import OpeningCorrupt, unseal
from infra.keys import KeyStore
from infra.transparency.findings import Findings, Kind
from infra.transparency.row_check import SealedFields

ERASURE_TOPICS = (SubjectErased.TOPIC, FieldErased.TOPIC, ErasureCarriedOut.TOPIC)
MAX_UNEXPLAINED = 100_000
"""Fields without an opening that wait for an erasure to explain them; those beyond are only counted."""


@dataclass
class Erasures:
    """What a ledger says was erased. A subject's fields before the position are gone, a field's own opening is."""

    subjects: dict[str, int] = field(default_factory=dict)
    fields: dict[tuple[int, str], int] = field(default_factory=dict)
    done: set[str | tuple[int, str]] = field(default_factory=set)
    """Of these, those that were carried out."""

    @classmethod
    async def of(cls, snapshot: Snapshot) -> "Erasures":
        erasures, decided = cls(), dict[str, str | tuple[int, str]]()
        for position, raw in await snapshot.entries_of(ERASURE_TOPICS):
            try:
                entry = decode(raw)
                erasures._learn(position, entry["type"], entry["data"], decided)
            except (ValueError, LookupError, TypeError):
                continue  # Somebody altered this entry: the check of the rows names it.
        return erasures

    def _learn(
        self, position: int, topic: str, data: dict[str, Any], decided: dict[str, str | tuple[int, str]]
    ) -> None:
        if topic == SubjectErased.TOPIC:
            self.subjects[data["subject"]] = position
            decided[data["erasure_id"]] = data["subject"]
        elif topic == FieldErased.TOPIC:
            self.fields[data["position"], data["path"]] = position
            decided[data["erasure_id"]] = (data["position"], data["path"])
        elif (what := decided.pop(data["erasure_id"], None)) is not None:
            # Only the first time counts: what was sealed after it is not what a later one destroyed again.
            self.done.add(what)
            if isinstance(what, str):
                self.subjects[what] = position

    def explain(self, position: int, path: str, subject: str) -> bool:
        return (position, path) in self.fields or position < self.subjects.get(subject, -1)

    def forbid(self, position: int, path: str, subject: str) -> bool:
        """Whether an opening must not lie there any more."""
        if (position, path) in self.done:
            return True
        return subject in self.done and position < self.subjects[subject]


@dataclass
class OpeningCheck:
    tenant_id: TenantId
    keys: KeyStore
    findings: Findings
    erasures: Erasures
    checked: int = 0
    seen: int = 0
    erased: int = 0
    _unexplained: list[tuple[int, str, str, str]] = field(default_factory=list)
    """Position, event, path and subject of fields that cannot be opened."""
    _more_unexplained: int = 0

    async def take(self, fields: SealedFields, openings: Sequence[Opening]) -> None:
        """`openings` are all that lie at the events of these fields. Raises KeyStoreUnavailable."""
        for opening in openings:
            self.seen += 1
            place = _place(opening.event_id, opening.path)
            sealed = fields.pop((opening.event_id, opening.path), None)
            if sealed is None:
                self.findings.add(Kind.OPENING_UNEXPECTED, place, "no entry sealed this field")
                continue
            position, subject, commitment = sealed
            self.checked += 1
            if None in (opening.subject, opening.key_id, opening.nonce, opening.ciphertext):
                self.findings.add(Kind.OPENING_ALTERED, place, "one of its columns has no value", position)
            elif opening.subject != subject:
                self.findings.add(Kind.OPENING_ALTERED, place, "its subject is not the entry's", position)
            elif self.erasures.forbid(position, opening.path, subject):
                self.findings.add(Kind.OPENING_UNEXPECTED, place, "this was erased and lies here again", position)
            else:
                await self._open(opening, position, commitment, place)
        for (event_id, path), (position, subject, _) in fields.items():
            self._miss(position, event_id, path, subject)

    async def finish(self, snapshot: Snapshot, total: int, odd_events: set[str]) -> None:
        """Judges what could not be opened by what has been erased meanwhile, as `snapshot`, a later one, tells.

        `total` are all openings of the first snapshot, `odd_events` those whose rows have another identifier.
        """
        erasures, follows = await Erasures.of(snapshot), self.findings.first_position is not None
        # Where entries are missing or altered, the erasure that would explain it may be one of them.
        for position, event_id, path, subject in self._unexplained:
            if erasures.explain(position, path, subject):
                self.erased += 1
            else:
                message = "the sealed field cannot be opened, and no erasure is on record"
                self.findings.add(Kind.OPENING_MISSING, _place(event_id, path), message, position, follows=follows)
        if self._more_unexplained:
            message = f"{self._more_unexplained} further fields cannot be opened; they were not looked into"
            self.findings.add(Kind.OPENING_MISSING, "openings", message)
        if self.seen < total:
            for event_id, path in await snapshot.openings_of_no_event():
                if event_id not in odd_events:
                    self.findings.add(Kind.OPENING_UNEXPECTED, _place(event_id, path), "no entry has this event")

    async def _open(self, opening: Opening, position: int, commitment: str, place: str) -> None:
        try:
            key = await self.keys.find_subject_key(self.tenant_id, opening.subject, opening.key_id)
            if key is None:
                self._miss(position, opening.event_id, opening.path, opening.subject)
                return
            unseal(self.tenant_id, opening, commitment, key.key)
        except ValueError:
            self.findings.add(Kind.OPENING_ALTERED, place, "its nonce or its ciphertext is too short", position)
        except OpeningCorrupt as error:
            self.findings.add(Kind.OPENING_ALTERED, place, error.message, position)
        except DataLoss as error:
            self.findings.add(Kind.OPENING_ALTERED, place, f"its key: {error.message}", position)

    def _miss(self, position: int, event_id: str, path: str, subject: str) -> None:
        if len(self._unexplained) < MAX_UNEXPLAINED:
            self._unexplained.append((position, event_id, path, subject))
        else:
            self._more_unexplained += 1


def _place(event_id: str, path: str) -> str:
    return f"openings {event_id} {path}"
