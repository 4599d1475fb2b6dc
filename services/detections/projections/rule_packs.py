"""Rule packs in the provider's ledger: what was imported, and which of them is at work."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded
from contracts.events.detections import FailedRule, RulePackDeployed, RulePackImported
from infra.read_database.reader.conditions import Condition, equal
from infra.read_database.views import DocumentView


class RulePackDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    pack_id: str
    name: str
    sha256: str
    rules: int
    failed: tuple[FailedRule, ...]
    failed_total: int
    imported_at: datetime
    imported_position: int
    signer: str | None = None
    deployed: bool = False
    deployed_at: datetime | None = None
    deployed_position: int | None = None


class RulePacks(DocumentView[RulePackDocument]):
    NAME = "rule_packs"
    VERSION = 2
    TABLE = "rule_packs"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset({RulePackImported, RulePackDeployed})
    COLUMNS: ClassVar[Mapping[str, str]] = {"name": "text", "deployed": "boolean", "imported_at": "timestamptz"}
    DOCUMENT = RulePackDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.pack_id]

    def lookups(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        """A deployment ends that of the pack of the same name, which the event does not name by its id."""
        event = recorded.event
        return [equal("name", event.name)] if isinstance(event, RulePackDeployed) else []

    def fold(self, key: str, document: RulePackDocument | None, recorded: Recorded[Any]) -> RulePackDocument | None:
        event = recorded.event
        if isinstance(event, RulePackImported):
            # Imported again, it is the same pack with a signature.
            return document.model_copy(update={"signer": event.signer}) if document else _imported(recorded)
        if document is None:
            raise ValueError("a rule pack was deployed that was never imported")
        if key == event.pack_id:
            return document.model_copy(
                update={
                    "deployed": True,
                    "deployed_at": recorded.recorded_at,
                    "deployed_position": recorded.position,
                }
            )
        return document.model_copy(update={"deployed": False})

    def columns(self, document: RulePackDocument) -> Mapping[str, object]:
        return {"name": document.name, "deployed": document.deployed, "imported_at": document.imported_at}


def _imported(recorded: Recorded[RulePackImported]) -> RulePackDocument:
    event = recorded.event
    return RulePackDocument(
        pack_id=event.pack_id,
        name=event.name,
        sha256=event.sha256,
        rules=event.rules,
        failed=event.failed,
        failed_total=event.failed_total,
        imported_at=recorded.recorded_at,
        imported_position=recorded.position,
        signer=event.signer,
    )
