"""What is shown of assets, sensors and findings: which words must be opened for it, and the message that results."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from tenet.assets.v1 import assets_pb2 as pb

from contracts.events.base import Sealed
from contracts.ids import TenantId
from contracts.labels import Label
from infra.disclosure.labelled import UNLABELLED
from infra.disclosure.opener import Opened
from services.assets.projections.assets import AssetRow
from services.assets.projections.findings import FindingRow, FindingState, ValidationRow
from services.assets.projections.sensors import SensorRow
from services.assets.servicer.wire import (
    ASSET_CLASSES,
    ASSET_KINDS,
    EXPOSURES,
    FINDING_KINDS,
    LABELS,
    VERDICTS,
    evidence_message,
    feed_version_message,
    timestamp,
)

FINDING_STATES = {state: pb.FindingState.Value(f"FINDING_STATE_{state.name}") for state in FindingState}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands: whose it is, and the entry that it follows from."""

    tenant_id: TenantId
    position: int


def asset_words(row: AssetRow) -> Iterator[tuple[Sealed, Label]]:
    for sealed in (row.name, *row.addresses, row.owner, row.business_context, row.external_id):
        if isinstance(sealed, Sealed):
            yield sealed, UNLABELLED


def asset_message(place: Place, row: AssetRow, opened: Opened) -> pb.Asset:
    addresses = (opened.text(address) for address in row.addresses)
    return pb.Asset(
        tenant_id=place.tenant_id,
        asset_id=row.asset_id,
        kind=ASSET_KINDS[row.kind],
        asset_class=ASSET_CLASSES[row.asset_class],
        value=row.value,
        group=row.group,
        name=opened.text(row.name),
        addresses=[address for address in addresses if address is not None],
        owner=opened.text(row.owner),
        business_context=opened.text(row.business_context),
        external_id=_external_id(row, opened),
        retired=row.retired,
        registered_at=timestamp(row.registered_at),
        position=place.position,
    )


def _external_id(row: AssetRow, opened: Opened) -> str | None:
    """None, too, where it was erased or is not for this caller."""
    if not isinstance(row.external_id, Sealed):
        return row.external_id
    words = opened.of(row.external_id)
    return words if isinstance(words, str) else None


def sensor_message(place: Place, row: SensorRow, last_heard_at: datetime | None) -> pb.Sensor:
    return pb.Sensor(
        tenant_id=place.tenant_id,
        sensor_id=row.sensor_id,
        system_type=row.system_type,
        asset_id=row.asset_id,
        interval_seconds=row.interval_seconds,
        silent=row.silent_from is not None,
        last_heard_at=timestamp(last_heard_at) if last_heard_at else None,
        registered_at=timestamp(row.registered_at),
        position=place.position,
    )


def finding_words(row: FindingRow) -> Iterator[tuple[Sealed, Label]]:
    """The rationale stands under the finding's label; evidence has labels of its own."""
    yield row.detail, row.label
    if row.validation is not None:
        yield row.validation.rationale, row.label
        for evidence in row.validation.evidence:
            yield evidence.summary, evidence.label


def finding_message(place: Place, row: FindingRow, asset_value: int | None, opened: Opened) -> pb.Finding:
    return pb.Finding(
        tenant_id=place.tenant_id,
        finding_id=row.finding_id,
        kind=FINDING_KINDS[row.kind],
        state=FINDING_STATES[row.state],
        asset_ids=row.asset_ids,
        title=row.title,
        vulnerability_id=row.vulnerability_id,
        severity_id=row.severity_id,
        exposure=EXPOSURES[row.exposure] if row.exposure else None,
        likelihood_millionths=row.likelihood_millionths,
        known_exploited=row.known_exploited,
        missing=row.missing if asset_value is not None else (*row.missing, "asset_value"),
        asset_value=asset_value,
        detail=opened.text(row.detail),
        label=LABELS[row.label],
        source=row.source,
        validation=_validation_message(row.validation, opened) if row.validation else None,
        fix_reported_asset_ids=row.fix_reported,
        fix_verified_asset_ids=row.fix_verified,
        reported_at=timestamp(row.reported_at),
        position=place.position,
        stream_version=row.stream_version,
        feeds=[feed_version_message(version) for version in row.feeds],
    )


def _validation_message(row: ValidationRow, opened: Opened) -> pb.FindingValidation:
    return pb.FindingValidation(
        verdict=VERDICTS[row.verdict],
        confidence_percent=row.confidence_percent,
        rationale=opened.text(row.rationale),
        evidence=[evidence_message(evidence, opened) for evidence in row.evidence],
        principal_id=row.principal_id,
        validated_at=timestamp(row.validated_at),
        position=row.position,
    )
