"""Evidence files: kept under their hash, with who answers for them from hand to hand."""

from contracts.events.base import Sealed
from contracts.events.case_work import CustodyTransferred, EvidenceCopied, EvidenceFileKept
from contracts.events.subjects import Evidence
from contracts.ids import derive_id
from services.cases.domain.case import Case, Kept, existing
from services.cases.domain.errors import CaseTooLarge, EvidenceUnknown, NotTheCustodian
from services.cases.domain.work_commands import CopyEvidence, KeepEvidenceFile, TransferCustody

MAX_FILES = 200
"""Most evidence files of one case."""
MAX_FILE_BYTES = 8 * 1024 * 1024
"""Largest evidence file that comes in one call; larger ones are put aside elsewhere and named by their hash."""


def keep_evidence_file(case: Case, command: KeepEvidenceFile, request_key: str) -> EvidenceFileKept:
    """Also for a closed case: what is found later belongs to its history. Raises CaseTooLarge."""
    case_id = existing(case).case_id
    if len(case.files) >= MAX_FILES:
        raise CaseTooLarge(f"A case holds at most {MAX_FILES} evidence files.")
    return EvidenceFileKept(
        case_id=case_id,
        evidence=Evidence(
            id=derive_id("evidence", request_key, 0),
            label=command.label,
            summary=Sealed.of(command.summary, subject=case_id),
            sha256=command.sha256,
        ),
        name=Sealed.of(command.name, subject=case_id),
        size=command.size,
        obtained_from=Sealed.of(command.obtained_from, subject=case_id),
    )


def transfer_custody(case: Case, command: TransferCustody, by: str) -> list[CustodyTransferred]:
    """Raises EvidenceUnknown, NotTheCustodian. Nothing for the custodian themselves."""
    kept = kept_file(case, command.evidence_id)
    if kept.custodian != by:
        raise NotTheCustodian("Only who has the custody hands it on.", metadata={"custodian": kept.custodian})
    if command.to_principal_id == by:
        return []
    return [
        CustodyTransferred(
            case_id=case.case_id,
            evidence_id=command.evidence_id,
            to_principal_id=command.to_principal_id,
            place=Sealed.of(command.place, subject=case.case_id),
            reason=Sealed.of(command.reason, subject=case.case_id),
        )
    ]


def copy_evidence(case: Case, command: CopyEvidence) -> EvidenceCopied:
    kept = kept_file(case, command.evidence_id)
    return EvidenceCopied(
        case_id=case.case_id,
        evidence_id=command.evidence_id,
        sha256=kept.sha256,
        purpose=Sealed.of(command.purpose, subject=case.case_id),
    )


def kept_file(case: Case, evidence_id: str) -> Kept:
    """Raises EvidenceUnknown."""
    kept = existing(case).files.get(evidence_id)
    if kept is None:
        raise EvidenceUnknown("The case keeps no such file.", metadata={"evidence_id": evidence_id})
    return kept
