"""The check of a whole live ledger: its rows and openings against each other, and against everything that was signed.

It reads the tables themselves, every column, in one database snapshot, and the log's files. What it takes as given are
the key store, and heads that are held elsewhere. A forged entry at the end that nothing was signed over yet cannot be
told from an append; everything before it can, and the first position that is wrong is named.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from cryptography.x509 import Certificate

from contracts.errors import DataLoss, TenetError
from contracts.ids import TenantId
from infra.event_store.rows import EventRow, Snapshot
from infra.keys import KeyStore
from infra.transparency.findings import Findings, Kind
from infra.transparency.log_check import LogCheck
from infra.transparency.log_keys import follow_keys, log_verifiers, read_key_notes
from infra.transparency.notes import Verifier, open_note
from infra.transparency.opening_check import Erasures, OpeningCheck
from infra.transparency.row_check import SealedFields, check_row, leaf_of, sealed_fields
from infra.transparency.sealer import Head
from infra.transparency.storage import LogDirectory, SignedCheckpoint
from infra.transparency.timestamps import verify_stamp

CHECKS_AT_ONCE = 1
"""A check holds a connection and a processor for as long as it takes; further ones wait for their turn."""


class NotTheLogs(DataLoss):
    """A note says something that the log's keys did not sign; becomes a finding and is never raised further."""

    reason = "NOT_THE_LOGS"


class Rows(Protocol):
    """`infra.event_store.rows.StoredRows`."""

    def snapshot(self, tenant_id: TenantId) -> AbstractAsyncContextManager[Snapshot]: ...


@dataclass(frozen=True, slots=True)
class HeldHead:
    """A head of the ledger's log that somebody holds; `holder` is what the findings call it."""

    holder: str
    head: Head


@dataclass
class LedgerChecked:
    """`entries` and `openings` were looked at; `signed` is the head that covers them, None where there is none."""

    tenant_id: TenantId
    findings: Findings
    signed: Head | None
    entries: int = 0
    openings: int = 0
    erased: int = 0
    """Sealed fields that an erasure on record keeps from being opened."""
    held_heads: int = 0
    """Heads from elsewhere, signed or digested, that the ledger was compared with."""


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """`witnesses` and `stamp_roots` are those that the log's cosignatures and time stamps must be by."""

    rows: Rows
    keys: KeyStore
    witnesses: Sequence[Verifier] = ()
    stamp_roots: Sequence[Certificate] = ()
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CHECKS_AT_ONCE))

    async def check(
        self, tenant_id: TenantId, origin: str, directory: LogDirectory, elsewhere: Sequence[HeldHead] = ()
    ) -> LedgerChecked:
        """Raises TenantUnknown, StoreUnavailable, KeyStoreUnavailable, TenantKeysDestroyed."""
        async with self._turns:
            findings = Findings()
            files = await _Files.read(self, tenant_id, origin, directory, findings)
            heads = [(each.holder, each.head) for each in (*files.held, *elsewhere)]
            checked = LedgerChecked(tenant_id, findings, files.signed, held_heads=len(heads))
            log = LogCheck(directory, files.signed or Head(0, sha256(b"").digest()), heads, findings)
            await _Pass(self, checked, log).run()
            return checked


@dataclass
class _Files:
    """What the log's notes say: the signed head, and those of the cosigned and the stamped checkpoints."""

    signed: Head | None = None
    held: list[HeldHead] = field(default_factory=list)

    @classmethod
    async def read(
        cls, check: LedgerCheck, tenant_id: TenantId, origin: str, directory: LogDirectory, findings: Findings
    ) -> "_Files":
        notes = await asyncio.to_thread(read_key_notes, directory)
        verifiers = await log_verifiers(check.keys, tenant_id, origin, directory)
        try:
            if not notes or follow_keys(origin, notes) != verifiers:
                findings.add(Kind.FILE_ALTERED, "keys", "the notes introduce other keys than the key store's")
        except TenetError as error:
            findings.add(Kind.FILE_ALTERED, "keys", error.message)
        files = cls()
        known = [*verifiers, *check.witnesses]
        await files._read_cosigned(check.witnesses, origin, directory, verifiers, findings)
        for name, checkpoint, stamp in await asyncio.to_thread(lambda: list(directory.stamps())):
            head = _head(checkpoint, origin, known, verifiers, name, findings)
            if head is not None:
                files.held.append(HeldHead(name, head))
                _check_stamp(stamp, checkpoint, check.stamp_roots, name, findings)
        # Last, because the log grows meanwhile: no head that was read before may be larger.
        signed = await asyncio.to_thread(directory.own_checkpoint)
        if signed is None:
            findings.add(Kind.FILE_MISSING, "checkpoint", "nothing of this ledger is signed")
        else:
            files.signed = _head(signed, origin, verifiers, verifiers, "checkpoint", findings)
        if files.signed is None:
            # Another head that the log has signed still says what the entries before it must be.
            files.signed = max((each.head for each in files.held), key=lambda head: head.size, default=None)
        return files

    async def _read_cosigned(
        self,
        witnesses: Sequence[Verifier],
        origin: str,
        directory: LogDirectory,
        verifiers: Sequence[Verifier],
        findings: Findings,
    ) -> None:
        """Where witnesses are known, one of them must have cosigned; other cosignatures cannot be judged."""
        place, data = "checkpoint.cosigned", await asyncio.to_thread(directory.cosigned)
        if data is None:
            if witnesses:
                findings.add(Kind.FILE_MISSING, place, "no witness has cosigned a head of this log")
            return
        head = _head(data, origin, [*verifiers, *witnesses], verifiers, place, findings)
        if head is not None:
            self.held.append(HeldHead(place, head))
            names = {each.name for each in witnesses}
            if names and names.isdisjoint(each.name for each in SignedCheckpoint.parse(data).note.signatures):
                findings.add(Kind.FILE_ALTERED, place, "no witness has cosigned this")


def _head(
    data: bytes,
    origin: str,
    known: Sequence[Verifier],
    log: Sequence[Verifier],
    place: str,
    findings: Findings,
) -> Head | None:
    """The head that a note states; None where it is not signed by the log, and every line of it by somebody known."""
    try:
        note, good = open_note(data, known)
        checkpoint = SignedCheckpoint.parse(data).checkpoint
        own = {(each.name, each.key_id) for each in log}
        if checkpoint.origin != origin or own.isdisjoint((each.name, each.key_id) for each in good):
            raise NotTheLogs("This is not signed by the log.")
        if len(good) != len(note.signatures) or note.encode() != data or checkpoint.text() != note.text:
            raise NotTheLogs("A line of this is nobody's signature.")
    except TenetError as error:
        findings.add(Kind.FILE_ALTERED, place, error.message)
        return None
    return Head(checkpoint.size, checkpoint.root)


def _check_stamp(
    stamp: bytes, checkpoint: bytes, roots: Sequence[Certificate], place: str, findings: Findings
) -> datetime | None:
    text = SignedCheckpoint.parse(checkpoint).note.text.encode()
    if not roots:
        if sha256(text).digest() not in stamp:
            findings.add(Kind.FILE_ALTERED, place, "the time stamp is over something else")
        return None
    try:
        return verify_stamp(stamp, text, roots)
    except TenetError as error:
        findings.add(Kind.FILE_ALTERED, place, error.message)
        return None


class _Pass:
    """One reading of all rows."""

    def __init__(self, check: LedgerCheck, checked: LedgerChecked, log: LogCheck) -> None:
        self._check, self._checked, self._log = check, checked, log
        self._findings = checked.findings
        self._sealed = checked.signed.size if checked.signed else 0
        self._next, self._time, self._last = 0, 0, -1
        self._odd_events: set[str] = set()

    async def run(self) -> None:
        tenant_id = self._checked.tenant_id
        async with self._check.rows.snapshot(tenant_id) as snapshot:
            openings = OpeningCheck(tenant_id, self._check.keys, self._findings, await Erasures.of(snapshot))
            async for rows in snapshot.events():
                fields = await asyncio.to_thread(self._take, rows)
                if fields:
                    await openings.take(fields, await snapshot.openings(sorted({event for event, _ in fields})))
            for position, stream in await snapshot.broken_streams():
                message = f"the versions of {stream} do not follow from each other"
                self._findings.add(Kind.ORDER_BROKEN, f"events {position}", message, position)
            for position, event_id in await snapshot.repeated_events():
                message = f"the event {event_id} is here a second time"
                self._findings.add(Kind.ENTRY_UNEXPECTED, f"events {position}", message, position)
            total = await snapshot.count_openings()
        await asyncio.to_thread(self._finish)
        async with self._check.rows.snapshot(tenant_id) as later:
            await openings.finish(later, total, self._odd_events)
        self._checked.entries, self._checked.openings = self._next, openings.checked
        self._checked.erased = openings.erased

    def _take(self, rows: Sequence[EventRow]) -> SealedFields:
        """Checks these rows, and returns what they sealed, by the identifiers that their entries state."""
        fields: SealedFields = {}
        leaves: list[bytes | None] = []
        for row in rows:
            if None in row[:7] or row.entry is None:
                message = "a column that every row needs has no value"
                self._findings.add(Kind.ENTRY_ALTERED, f"events {row.position}", message, row.position)
                continue
            leaf = leaf_of(row)
            entry = check_row(self._checked.tenant_id, row, leaf, self._findings)
            if entry is not None:
                fields |= sealed_fields(row.position, row, entry)
                if entry.get("id") != row.event_id:
                    self._odd_events.update((str(entry.get("id")), row.event_id))
            if row.position < self._next:
                self._findings.add(
                    Kind.ENTRY_UNEXPECTED, f"events {row.position}", "a second row has this position", row.position
                )
                continue
            self._miss(row.position, leaves)
            if row.recorded_at_us < self._time:
                message = "this was recorded before the entry before it"
                self._findings.add(Kind.ORDER_BROKEN, f"events {row.position}", message, row.position)
            self._time = row.recorded_at_us
            leaves.append(leaf)
            self._next = row.position + 1
        self._feed(leaves)
        return fields

    def _miss(self, found: int, leaves: list[bytes | None]) -> None:
        """Names the positions before the row that was found, and stands in for those that were sealed."""
        if found == self._next:
            return
        last = "" if found == self._next + 1 else f" to {found - 1}"
        message = f"the ledger has no entry at {self._next}{last}"
        self._findings.add(Kind.ENTRY_MISSING, f"events {self._next}", message, self._next)
        taken = self._log.size + len(leaves)
        leaves += [None] * (min(found, self._sealed) - taken)

    def _feed(self, leaves: list[bytes | None]) -> None:
        del leaves[max(self._sealed - self._log.size, 0) :]
        self._log.take(leaves)

    def _finish(self) -> None:
        if self._next < self._sealed:
            leaves: list[bytes | None] = []
            message = f"the ledger ends here, of {self._sealed} entries that were signed"
            self._findings.add(Kind.ENTRY_MISSING, f"events {self._next}", message, self._next)
            while (left := self._sealed - self._log.size) > 0:
                leaves = [None] * min(left, 10_000)
                self._log.take(leaves)
        self._log.finish()
