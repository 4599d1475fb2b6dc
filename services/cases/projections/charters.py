"""A tenant's charter with its versions, and its pre-authorisations."""

from collections.abc import Sequence
from typing import Any

from contracts.events.base import Recorded, Value
from contracts.events.cases import (
    CharterApproved,
    CharterProposed,
    PreauthorisationRevoked,
    PreauthorisationSigned,
)
from infra.read_database.views import DocumentView
from services.cases.projections.stamp import Stamp

THE_CHARTER = "charter"
"""The key of the one document that each tenant has."""


class VersionRow(Value):
    version: int
    digest: str
    sha256: str
    lines: int
    proposed: Stamp
    approved: Stamp | None = None


class PreauthorisationRow(Value):
    signature: PreauthorisationSigned
    signed: Stamp
    revoked: Stamp | None = None


class CharterRow(Value):
    charter_id: str = ""
    versions: tuple[VersionRow, ...] = ()
    preauthorisations: tuple[PreauthorisationRow, ...] = ()

    @property
    def in_force(self) -> VersionRow | None:
        approved = [version for version in self.versions if version.approved is not None]
        return max(approved, key=lambda version: version.version, default=None)


class Charters(DocumentView[CharterRow]):
    NAME = "charters"
    VERSION = 1
    TABLE = "charters"
    TOPICS = frozenset({CharterProposed, CharterApproved, PreauthorisationSigned, PreauthorisationRevoked})
    DOCUMENT = CharterRow

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [THE_CHARTER]

    def fold(self, key: str, document: CharterRow | None, recorded: Recorded[Any]) -> CharterRow | None:
        row, stamp, event = document or CharterRow(), Stamp.of(recorded), recorded.event
        match event:
            case CharterProposed():
                version = VersionRow(
                    version=event.charter_version,
                    digest=event.digest,
                    sha256=event.sha256,
                    lines=event.lines,
                    proposed=stamp,
                )
                versions = (*row.versions, version)
                return row.model_copy(update={"charter_id": event.charter_id, "versions": versions})
            case CharterApproved():
                versions = tuple(
                    each.model_copy(update={"approved": stamp}) if each.version == event.charter_version else each
                    for each in row.versions
                )
                return row.model_copy(update={"versions": versions})
            case PreauthorisationSigned():
                signed = PreauthorisationRow(signature=event, signed=stamp)
                return row.model_copy(update={"preauthorisations": (*row.preauthorisations, signed)})
            case PreauthorisationRevoked():
                book = tuple(
                    each.model_copy(update={"revoked": stamp})
                    if each.signature.preauthorisation_id == event.preauthorisation_id
                    else each
                    for each in row.preauthorisations
                )
                return row.model_copy(update={"preauthorisations": book})
            case _:
                return row
