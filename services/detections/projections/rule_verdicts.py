"""By detection, which rule raised it and which verdict on it stands: what a rule's track record is counted from."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded
from contracts.events.detections import DetectionRaised, DetectionValidated, DetectionValidationWithdrawn
from contracts.events.subjects import Verdict
from contracts.ids import TenantId
from infra.read_database.database import ReadDatabase
from infra.read_database.reader.conditions import ascending, at_least, descending, equal
from infra.read_database.reader.pages import Document, PageRequest
from infra.read_database.reader.queries import Reader
from infra.read_database.views import DocumentView
from services.detections.config import MAX_VERDICTS_LOOKED_AT


class RuleVerdictDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    detection_id: str
    rule_id: str
    sha256: str
    raised_at: datetime
    verdict: Verdict | None = None
    validated_at: datetime | None = None
    validation_position: int | None = None


class RuleVerdicts(DocumentView[RuleVerdictDocument]):
    NAME = "rule_verdicts"
    VERSION = 1
    TABLE = "rule_verdicts"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset(
        {DetectionRaised, DetectionValidated, DetectionValidationWithdrawn}
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "rule_id": "text",
        "sha256": "text",
        "verdict": "text",
        "validated_at": "timestamptz",
    }
    DOCUMENT = RuleVerdictDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.detection_id]

    def fold(
        self, key: str, document: RuleVerdictDocument | None, recorded: Recorded[Any]
    ) -> RuleVerdictDocument | None:
        event = recorded.event
        if isinstance(event, DetectionRaised):
            rule = event.rule
            return RuleVerdictDocument(
                detection_id=key, rule_id=rule.rule_id, sha256=rule.sha256, raised_at=recorded.recorded_at
            )
        if document is None:
            raise ValueError(f"{event.TOPIC} of {key} before it was raised")
        validated = isinstance(event, DetectionValidated)
        return document.model_copy(
            update={
                "verdict": event.verdict if validated else None,
                "validated_at": recorded.recorded_at if validated else None,
                "validation_position": recorded.position if validated else None,
            }
        )

    def columns(self, document: RuleVerdictDocument) -> Mapping[str, object]:
        return {
            "rule_id": document.rule_id,
            "sha256": document.sha256,
            "verdict": document.verdict.value if document.verdict else None,
            "validated_at": document.validated_at,
        }


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """Detections of one rule by the verdict that stands (None: undecided), and the earliest that was malicious."""

    counts: Mapping[Verdict | None, int] = field(default_factory=dict)
    first_true_positive: Document[RuleVerdictDocument] | None = None
    not_ready: tuple[TenantId, ...] = ()


class MaliciousVerdicts:
    """Finds detections by what raised them and by their verdict, as far as the ledgers have come when it is asked."""

    def __init__(self, view: RuleVerdicts, reader: Reader, head: Callable[[TenantId], Awaitable[int]]) -> None:
        self._view, self._reader, self._head = view, reader, head

    async def __call__(
        self, tenant_ids: Sequence[TenantId], rule_id: str, since: datetime
    ) -> AsyncIterator[tuple[TenantId, str]]:
        """Those whose verdict since a time is malicious, with their tenants, the latest MAX_VERDICTS_LOOKED_AT.

        Raises NotYetApplied, ReadDatabaseUnavailable.
        """
        if not tenant_ids:
            return
        for tenant_id in tenant_ids:
            await self._reader.waited(tenant_id, await self._head(tenant_id) - 1, None, self._view)
        page = await self._view.list(
            self._reader,
            tenant_ids,
            [equal("rule_id", rule_id), equal("verdict", Verdict.MALICIOUS.value), at_least("validated_at", since)],
            [descending("validated_at")],
            PageRequest(MAX_VERDICTS_LOOKED_AT),
        )
        for item in page.items:
            yield item.tenant_id, item.key


class TrackRecords:
    """Counts the view over several tenants at once."""

    def __init__(self, view: RuleVerdicts, reader: Reader, database: ReadDatabase) -> None:
        self._view, self._reader, self._database = view, reader, database

    async def of(self, tenant_ids: Sequence[TenantId], rule_id: str, sha256: str = "") -> TrackRecord:
        """Of the rule, or of one text of it."""
        if not tenant_ids:
            return TrackRecord()
        where = [equal("rule_id", rule_id), *([equal("sha256", sha256)] if sha256 else [])]
        first = await self._view.list(
            self._reader,
            tenant_ids,
            [*where, equal("verdict", Verdict.MALICIOUS.value)],
            [ascending("validated_at")],
            PageRequest(1),
        )
        counts = await self._counts(tenant_ids, rule_id, sha256)
        return TrackRecord(counts, first.items[0] if first.items else None, tuple(first.not_ready))

    async def _counts(self, tenant_ids: Sequence[TenantId], rule_id: str, sha256: str) -> Mapping[Verdict | None, int]:
        counts: Counter[Verdict | None] = Counter()
        async with self._database.reading(tenant_ids) as conn:
            cursor = await conn.execute(
                "SELECT v.verdict, count(*) FROM rule_verdicts v JOIN projection_builds b USING (tenant_id, build)"
                " WHERE b.projection = %(view)s AND b.active AND b.code_version = %(version)s"
                " AND v.to_position IS NULL AND v.rule_id = %(rule)s AND (%(text)s = '' OR v.sha256 = %(text)s)"
                " GROUP BY v.verdict",
                {"view": self._view.NAME, "version": self._view.VERSION, "rule": rule_id, "text": sha256},
            )
            for verdict, count in await cursor.fetchall():
                counts[Verdict(verdict) if verdict else None] += count
        return counts
