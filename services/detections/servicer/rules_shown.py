"""Rules, their lives, track records and exceptions as messages of the wire."""

from datetime import datetime

from tenet.detections.v1 import detections_rules_read_pb2 as read

from contracts.events.subjects import Verdict
from contracts.intervals import wilson_permille
from infra.disclosure.opener import Opened
from infra.read_database.reader.pages import Document
from services.detections.domain.sigma.about import About
from services.detections.projections.rule_exceptions import RuleExceptionDocument
from services.detections.projections.rule_packs import RulePackDocument
from services.detections.projections.rule_verdicts import RuleVerdictDocument, TrackRecord
from services.detections.projections.rules import (
    RuleDocument,
    RuleState,
    RuleTextDocument,
    StageDocument,
    StageKind,
    TrialDocument,
)
from services.detections.servicer.wire import timestamp

RULE_STATES = {state: read.RuleState.Value(f"RULE_STATE_{state.name}") for state in RuleState}
STAGES = {kind: read.RuleStageKind.Value(f"RULE_STAGE_KIND_{kind.name}") for kind in StageKind}


def rule_message(document: RuleDocument) -> read.Rule:
    text = document.text
    return read.Rule(
        rule_id=document.rule_id,
        title=text.title if text else "",
        level=text.level if text else "",
        state=RULE_STATES[document.state],
        sha256=document.sha256,
        since=timestamp(document.since),
        trial=_trial_message(document.trial),
    )


def source_message(
    text: RuleTextDocument, content: bytes, said: About, pack: RulePackDocument | None
) -> read.RuleSource:
    """`pack` is None where its view has not come as far as that of the rules."""
    return read.RuleSource(
        pack_sha256=text.pack_sha256,
        path=text.path,
        text=content.decode(),
        author=said.author,
        license=said.license,
        written=said.written,
        modified=said.modified,
        status=said.status,
        description=said.description,
        references=said.references,
        techniques=said.techniques,
        false_positives=said.false_positives,
        tests=said.tests,
        pack_name=pack.name if pack else "",
        pack_signer=(pack.signer if pack else None) or "",
    )


def stage_message(stage: StageDocument, opened: Opened) -> read.RuleStage:
    return read.RuleStage(
        kind=STAGES[stage.kind],
        position=stage.position,
        recorded_at=timestamp(stage.recorded_at),
        principal_id=stage.principal_id,
        sha256=stage.sha256,
        pack_id=stage.pack_id,
        reason=opened.text(stage.reason),
        trial=_trial_message(stage.trial),
    )


def _trial_message(trial: TrialDocument | None) -> read.RuleTrial | None:
    if trial is None:
        return None
    return read.RuleTrial(
        tested_at=timestamp(trial.tested_at),
        passed=trial.passed,
        failed=trial.failed,
        named=[read.FailedRuleTest(name=each.name, reason=each.reason) for each in trial.named],
    )


def record_message(record: TrackRecord) -> read.RuleRecord:
    """Precision as reports define it: malicious over malicious and false positive, by the verdicts that stand."""
    true, false = (record.counts.get(verdict, 0) for verdict in (Verdict.MALICIOUS, Verdict.FALSE_POSITIVE))
    undecided, everything = record.counts.get(None, 0), sum(record.counts.values())
    message = read.RuleRecord(
        detections=everything,
        true_positives=true,
        false_positives=false,
        other_verdicts=everything - undecided - true - false,
        undecided=undecided,
        first_true_positive=_first_message(record.first_true_positive),
    )
    if true + false:
        message.precision_permille = 1_000 * true // (true + false)
        message.precision_low_permille, message.precision_high_permille = wilson_permille(true, true + false)
    return message


def _first_message(first: Document[RuleVerdictDocument] | None) -> read.FirstTruePositive | None:
    if first is None:
        return None
    document = first.document
    return read.FirstTruePositive(
        tenant_id=first.tenant_id,
        detection_id=document.detection_id,
        sha256=document.sha256,
        raised_at=timestamp(document.raised_at),
        validated_at=timestamp(document.validated_at),
        validation_position=document.validation_position or 0,
    )


def exception_message(item: Document[RuleExceptionDocument], opened: Opened, now: datetime) -> read.RuleException:
    document = item.document
    over = document.expires_at is not None and document.expires_at <= now
    return read.RuleException(
        tenant_id=item.tenant_id,
        exception_id=document.exception_id,
        rule_id=document.rule_id,
        sha256=document.sha256,
        disabled=document.disabled,
        owner_id=document.owner_id,
        expires_at=timestamp(document.expires_at),
        reason=opened.text(document.reason),
        matches=document.matches,
        last_matched_at=timestamp(document.last_matched_at),
        added_position=document.added_position,
        renewals=document.renewals,
        ended_position=document.ended_position,
        standing=document.ended_position is None and not over,
    )
