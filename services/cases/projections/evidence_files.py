"""Evidence files of cases with their custody: who had each, from when, and who took a copy for what."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from contracts.events.base import Recorded, Sealed, Value
from contracts.events.case_work import CustodyTransferred, EvidenceCopied, EvidenceFileKept
from contracts.events.subjects import Evidence
from infra.read_database.views import DocumentView
from services.cases.projections.stamp import Stamp


class Handling(StrEnum):
    KEPT = "kept"
    TRANSFERRED = "transferred"
    COPIED = "copied"


class HandlingRow(Value):
    """One entry of the chain. `words` says why or for what, `place` where the evidence is from then on."""

    kind: Handling
    stamp: Stamp
    to_principal_id: str
    words: Sealed
    place: Sealed | None = None


class EvidenceFileRow(Value):
    """The evidence's label covers every word of the chain."""

    case_id: str
    evidence: Evidence
    name: Sealed
    size: int
    custodian: str
    chain: tuple[HandlingRow, ...]


class EvidenceFiles(DocumentView[EvidenceFileRow]):
    NAME = "evidence_files"
    VERSION = 1
    TABLE = "evidence_files"
    TOPICS = frozenset({EvidenceFileKept, CustodyTransferred, EvidenceCopied})
    COLUMNS: ClassVar[Mapping[str, str]] = {"case_id": "text", "kept_position": "bigint"}
    DOCUMENT = EvidenceFileRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        event = recorded.event
        return [event.evidence.id if isinstance(event, EvidenceFileKept) else event.evidence_id]

    def fold(self, key: str, document: EvidenceFileRow | None, recorded: Recorded[Any]) -> EvidenceFileRow | None:
        event, stamp = recorded.event, Stamp.of(recorded)
        if isinstance(event, EvidenceFileKept):
            kept = HandlingRow(
                kind=Handling.KEPT, stamp=stamp, to_principal_id=stamp.actor_id, words=event.obtained_from
            )
            return EvidenceFileRow(
                case_id=event.case_id,
                evidence=event.evidence,
                name=event.name,
                size=event.size,
                custodian=stamp.actor_id,
                chain=(kept,),
            )
        if document is None:
            return None
        match event:
            case CustodyTransferred():
                passed = HandlingRow(
                    kind=Handling.TRANSFERRED,
                    stamp=stamp,
                    to_principal_id=event.to_principal_id,
                    words=event.reason,
                    place=event.place,
                )
                update = {"custodian": event.to_principal_id, "chain": (*document.chain, passed)}
                return document.model_copy(update=update)
            case EvidenceCopied():
                copied = HandlingRow(
                    kind=Handling.COPIED, stamp=stamp, to_principal_id=stamp.actor_id, words=event.purpose
                )
                return document.model_copy(update={"chain": (*document.chain, copied)})
            case _:
                return document

    def columns(self, document: EvidenceFileRow) -> Mapping[str, object]:
        return {"case_id": document.case_id, "kept_position": document.chain[0].stamp.position}
