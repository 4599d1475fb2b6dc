"""What customers told of, with the verdict on it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from contracts.events.base import Event, Recorded, Sealed
from contracts.events.detections import (
    CustomerReportFiled,
    CustomerReportValidated,
    CustomerReportValidationWithdrawn,
)
from contracts.labels import Label
from infra.read_database.views import DocumentView
from services.detections.projections.verdicts import TriageState, ValidationDocument, validation_of


class CustomerReportDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    customer_report_id: str
    severity_id: int
    asset_ids: tuple[str, ...]
    summary: Sealed
    label: Label
    state: TriageState
    validation: ValidationDocument | None
    filed_by: str
    filed_position: int
    filed_at: datetime


class CustomerReports(DocumentView[CustomerReportDocument]):
    NAME = "customer_reports"
    VERSION = 1
    TABLE = "customer_reports"
    TOPICS: ClassVar[frozenset[type[Event]]] = frozenset(
        {CustomerReportFiled, CustomerReportValidated, CustomerReportValidationWithdrawn}
    )
    COLUMNS: ClassVar[Mapping[str, str]] = {"state": "text", "severity_id": "integer", "filed_at": "timestamptz"}
    DOCUMENT = CustomerReportDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.customer_report_id]

    def fold(
        self,
        key: str,
        document: CustomerReportDocument | None,
        recorded: Recorded[Any],
    ) -> CustomerReportDocument | None:
        event = recorded.event
        if isinstance(event, CustomerReportFiled):
            return _filed(recorded)
        if document is None:
            raise ValueError(f"{event.TOPIC} of {key} before it was filed")
        validated = isinstance(event, CustomerReportValidated)
        return document.model_copy(
            update={
                "state": TriageState.VALIDATED if validated else TriageState.OPEN,
                "validation": validation_of(recorded) if validated else None,
            }
        )

    def columns(self, document: CustomerReportDocument) -> Mapping[str, object]:
        return {
            "state": document.state.value,
            "severity_id": document.severity_id,
            "filed_at": document.filed_at,
        }


def _filed(recorded: Recorded[CustomerReportFiled]) -> CustomerReportDocument:
    event = recorded.event
    return CustomerReportDocument(
        customer_report_id=event.customer_report_id,
        severity_id=event.severity_id,
        asset_ids=event.asset_ids,
        summary=event.summary,
        label=event.label,
        state=TriageState.OPEN,
        validation=None,
        filed_by=recorded.envelope.actor.id,
        filed_position=recorded.position,
        filed_at=recorded.recorded_at,
    )
