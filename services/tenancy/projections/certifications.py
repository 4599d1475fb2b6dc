"""The register of certifications: who holds, or held, which one until when."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Sealed, Value
from contracts.events.certifications import CertificationRecorded, CertificationRevoked
from infra.read_database.views import DocumentView


class CertificationDocument(Value):
    certification_id: str
    principal_id: str
    name: str
    valid_from: Instant
    expires_at: Instant
    proof: Sealed
    position: int
    revoked: bool = False


class Certifications(DocumentView[CertificationDocument]):
    NAME = "certifications"
    VERSION = 1
    TABLE = "certifications"
    TOPICS = frozenset({CertificationRecorded, CertificationRevoked})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "principal": "text",
        "name": "text",
        "expires_at": "timestamptz",
        "revoked": "boolean",
    }
    DOCUMENT = CertificationDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.certification_id]

    def fold(
        self, key: str, document: CertificationDocument | None, recorded: Recorded[Any]
    ) -> CertificationDocument | None:
        match recorded.event:
            case CertificationRecorded() as event:
                return CertificationDocument(
                    certification_id=key,
                    principal_id=event.principal_id,
                    name=event.name,
                    valid_from=event.valid_from,
                    expires_at=event.expires_at,
                    proof=event.proof,
                    position=recorded.position,
                )
            case CertificationRevoked() if document is not None:
                return document.model_copy(update={"revoked": True})
            case _:
                return document

    def columns(self, document: CertificationDocument) -> Mapping[str, object]:
        return {
            "principal": document.principal_id,
            "name": document.name,
            "expires_at": document.expires_at,
            "revoked": document.revoked,
        }
