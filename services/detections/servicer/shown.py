"""What is shown of the read models: which words must be opened for it, and the message that results."""

from collections.abc import Iterable, Iterator

from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_pb2 as pb

from contracts.events.base import Sealed
from contracts.events.detections import FailedRule, IndicatorRef, RuleRef, TechniqueWeight
from contracts.events.subjects import Evidence, Sight
from contracts.labels import Label
from infra.disclosure.labelled import UNLABELLED
from infra.disclosure.opener import Opened
from infra.read_database.reader.pages import Document
from services.detections.domain.rule_publisher import Publisher
from services.detections.projections.customer_reports import CustomerReportDocument
from services.detections.projections.detections import DetectionDocument
from services.detections.projections.rule_packs import RulePackDocument
from services.detections.projections.triage_queue import TriageItem
from services.detections.projections.verdicts import ValidationDocument
from services.detections.servicer.wire import LABELS, STATES, VERDICTS, timestamp

Words = Iterator[tuple[Sealed, Label]]


def detection_words(document: DetectionDocument) -> Words:
    yield document.headline, document.label
    for observable in document.observables:
        yield observable, document.label
    yield from _evidence_words(document.evidence)
    yield from _validation_words(document.validation)


def item_words(document: TriageItem) -> Words:
    yield document.headline, document.label


def customer_report_words(document: CustomerReportDocument) -> Words:
    yield document.summary, document.label
    yield from _validation_words(document.validation)


def rule_message(rule: RuleRef) -> pb.RuleRef:
    return pb.RuleRef(
        rule_id=rule.rule_id,
        title=rule.title,
        sha256=rule.sha256,
        pack_sha256=rule.pack_sha256,
        level=rule.level,
    )


def detection_message(item: Document[DetectionDocument], opened: Opened) -> pb.Detection:
    document = item.document
    return pb.Detection(
        tenant_id=item.tenant_id,
        detection_id=document.detection_id,
        rule=rule_message(document.rule),
        source=document.source,
        severity_id=document.severity_id,
        techniques=document.techniques,
        asset_ids=document.asset_ids,
        sensor_id=document.sensor_id,
        first_seen_at=timestamp(document.first_seen_at),
        last_seen_at=timestamp(document.last_seen_at),
        count=document.count,
        headline=opened.text(document.headline),
        observables=[text for each in document.observables if (text := opened.text(each)) is not None],
        evidence=_evidence_messages(document.evidence, opened),
        label=LABELS[document.label],
        state=STATES[document.state],
        claimed_by=document.claimed_by or "",
        validation=_validation_message(document.validation, opened),
        raised_position=document.raised_position,
        raised_at=timestamp(document.raised_at),
        position=item.from_position,
        retrospective=document.retrospective,
        indicator=_indicator_message(document.indicator),
        sightings=document.sightings,
        technique=_technique_message(document.technique),
    )


def _technique_message(weight: TechniqueWeight | None) -> pb.TechniqueWeight | None:
    if weight is None:
        return None
    return pb.TechniqueWeight(
        technique_id=weight.technique_id,
        tactic=weight.tactic,
        users=weight.users,
        weight_percent=weight.weight_percent,
        source=weight.source,
        attack_version=weight.attack_version or "",
        set_sha256=weight.set_sha256,
        position=weight.position,
    )


def _indicator_message(reference: IndicatorRef | None) -> pb.IndicatorRef | None:
    if reference is None:
        return None
    return pb.IndicatorRef(
        indicator_id=reference.indicator_id,
        observable=reference.observable,
        source=reference.source,
        set_sha256=reference.set_sha256,
        ledger=reference.ledger,
        position=reference.position,
        confidence_percent=reference.confidence_percent,
        label=LABELS[reference.label],
    )


def item_message(item: Document[TriageItem], opened: Opened) -> pb.TriageItem:
    document = item.document
    return pb.TriageItem(
        tenant_id=item.tenant_id,
        detection_id=document.detection_id,
        rule_id=document.rule_id,
        rule_title=document.rule_title,
        severity_id=document.severity_id,
        severity_missing=document.severity_id == 0,
        asset_value=document.asset_value,
        asset_value_missing=document.asset_value is None,
        priority=document.inputs.priority,
        asset_ids=document.asset_ids,
        techniques=document.techniques,
        source=document.source,
        count=document.count,
        first_seen_at=timestamp(document.first_seen_at),
        last_seen_at=timestamp(document.last_seen_at),
        raised_at=timestamp(document.raised_at),
        state=STATES[document.state],
        claimed_by=document.claimed_by or "",
        headline=opened.text(document.headline),
        label=LABELS[document.label],
        position=item.from_position,
        retrospective=document.retrospective,
        likelihood_percent=document.likelihood_percent,
        sightings=document.sightings,
        exposure=document.exposure,
        technique=_technique_message(document.technique),
        missing_inputs=document.inputs.missing,
    )


def customer_report_message(item: Document[CustomerReportDocument], opened: Opened) -> pb.CustomerReport:
    document = item.document
    return pb.CustomerReport(
        tenant_id=item.tenant_id,
        customer_report_id=document.customer_report_id,
        severity_id=document.severity_id,
        asset_ids=document.asset_ids,
        summary=opened.text(document.summary),
        label=LABELS[document.label],
        state=STATES[document.state],
        validation=_validation_message(document.validation, opened),
        filed_by=document.filed_by,
        filed_position=document.filed_position,
        filed_at=timestamp(document.filed_at),
        position=item.from_position,
    )


def rule_pack_message(document: RulePackDocument) -> pb.RulePack:
    return pb.RulePack(
        pack_id=document.pack_id,
        name=document.name,
        sha256=document.sha256,
        rules=document.rules,
        failed=failed_messages(document.failed),
        failed_total=document.failed_total,
        deployed=document.deployed,
        imported_at=timestamp(document.imported_at),
        deployed_at=timestamp(document.deployed_at),
        imported_position=document.imported_position,
        deployed_position=document.deployed_position,
        signer=document.signer or "",
    )


def rule_publisher_message(publisher: Publisher, opened: Opened) -> pb.RulePublisher:
    return pb.RulePublisher(
        verifier_key=publisher.verifier_key,
        names=publisher.names,
        trusted=publisher.trusted,
        since=timestamp(publisher.since),
        principal_id=publisher.principal_id,
        reason=opened.text(publisher.reason),
        position=publisher.position,
    )


def failed_messages(failed: Iterable[FailedRule]) -> list[pb.FailedRule]:
    return [pb.FailedRule(path=rule.path, reason=rule.reason) for rule in failed]


def sight_message(sight: Sight) -> common.Sight:
    return common.Sight(view=sight.view, view_version=sight.view_version, position=sight.position)


def _evidence_words(evidence: Iterable[Evidence]) -> Words:
    for piece in evidence:
        yield piece.summary, piece.label


def _validation_words(validation: ValidationDocument | None) -> Words:
    if validation is not None:
        yield validation.rationale, UNLABELLED
        yield from _evidence_words(validation.evidence)


def _evidence_messages(evidence: Iterable[Evidence], opened: Opened) -> list[common.Evidence]:
    return [
        common.Evidence(
            id=piece.id,
            label=LABELS[piece.label],
            summary=opened.text(piece.summary),
            sha256=piece.sha256,
            offset=piece.offset,
            position=piece.position,
        )
        for piece in evidence
    ]


def _validation_message(validation: ValidationDocument | None, opened: Opened) -> pb.Validation | None:
    if validation is None:
        return None
    return pb.Validation(
        position=validation.position,
        verdict=VERDICTS[validation.verdict],
        confidence_percent=validation.confidence_percent,
        rationale=opened.text(validation.rationale),
        evidence=_evidence_messages(validation.evidence, opened),
        seen=[sight_message(sight) for sight in validation.seen],
        duplicate_of=validation.duplicate_of or "",
        principal_id=validation.principal_id,
        recorded_at=timestamp(validation.recorded_at),
    )
