"""DetectionsHuntService: looking through archived telemetry."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

import orjson
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.detections.v1 import detections_hunts_pb2 as rpc

from contracts.events.hunts import HuntKind
from infra.grpc import Context
from services.detections.application.hunts.asking import Asked, Asking
from services.detections.application.hunts.hunting import Hunting, Progress, Question, Result
from services.detections.application.hunts.selection import Period
from services.detections.application.hunts.sql_hunts import Answer
from services.detections.domain.correlation.batches import moment_of
from services.detections.domain.correlation.detected import summary_of
from services.detections.domain.correlation.hunted import Correlated
from services.detections.domain.description import describe
from services.detections.domain.retrospection import Hit

ROWS_IN_A_PART = 500


class DetectionsHuntServicer:
    def __init__(self, hunting: Hunting, asking: Asking) -> None:
        self._hunting, self._asking = hunting, asking

    async def Hunt(self, request: rpc.HuntRequest, context: Context) -> AsyncIterator[rpc.HuntResponse]:
        period = Period(request.start.ToDatetime(UTC), request.end.ToDatetime(UTC))
        asked = await self._asked(request, context)
        if asked is None:
            question = Question(HuntKind.SQL, request.sql, request.reason, period)
        else:
            question = Question(
                asked.kind, asked.text, request.reason, period, asked.matcher, request.dry_run, asked.facts
            )
        async with aclosing(self._hunting.hunt(context.call, question)) as steps:
            async for step in steps:
                if isinstance(step, Answer):
                    for part in _parts(step):
                        yield rpc.HuntResponse(table=part)
                elif isinstance(step, Correlated):
                    for hit in _correlated(step):
                        yield rpc.HuntResponse(hit=hit)
                else:
                    yield _message(step)

    async def _asked(self, request: rpc.HuntRequest, context: Context) -> Asked | None:
        """None for a question in SQL."""
        tenant_id = context.call.tenant_id
        match request.WhichOneof("question"):
            case "rule_id":
                return self._asking.deployed_rule(request.rule_id)
            case "rule":
                return await self._asking.given_rule(tenant_id, request.rule)
            case "indicators":
                return await self._asking.indicator_list(tenant_id, request.indicators)
            case _:
                return None


def _message(step: Progress | Hit | Result) -> rpc.HuntResponse:
    match step:
        case Progress():
            progress = rpc.HuntProgress(
                files=step.files,
                files_in_all=step.files_in_all,
                records=step.records,
                looked_through=step.looked_through,
                found=step.found,
            )
            return rpc.HuntResponse(progress=progress)
        case Hit():
            return rpc.HuntResponse(hit=_hit(step))
    result = rpc.HuntResult(
        hunt_id=step.hunt_id,
        records=step.records,
        found=step.found,
        truncated=step.truncated,
        missing_hours=[_stamp(hour) for hour in step.missing_hours],
        detection_ids=step.detection_ids,
        known=step.known,
        hidden=step.hidden,
        position=step.position,
    )
    return rpc.HuntResponse(result=result)


def _hit(hit: Hit) -> rpc.HuntHit:
    matches = [
        rpc.HuntMatch(rule_id=each.fired.rule.rule_id, title=each.fired.rule.title, observed=each.observed)
        for each in hit.matches
    ]
    return rpc.HuntHit(
        occurred_at=_stamp(hit.moment),
        sensor_id=hit.sensor_id,
        batch_sha256=hit.batch_sha256,
        record=hit.record.offset,
        summary=describe(hit.record).summary,
        matches=matches,
    )


def _correlated(correlated: Correlated) -> list[rpc.HuntHit]:
    """Each record that a correlation was made of."""
    firing, rule = correlated.firing, correlated.fired.rule
    grouped = ", ".join(f"{name}: {text}" for name, text in zip(firing.correlation.group_by, firing.group, strict=True))
    match = rpc.HuntMatch(rule_id=rule.rule_id, title=rule.title, observed=grouped)
    return [
        rpc.HuntHit(
            occurred_at=_stamp(moment_of(hit.at)),
            sensor_id=correlated.sensor_id,
            batch_sha256=hit.batch,
            record=hit.offset,
            summary=summary_of(hit, firing, correlated.titles),
            matches=[match],
        )
        for hit in firing.hits
    ]


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _parts(answer: Answer) -> list[rpc.HuntTable]:
    rows = [orjson.dumps(row).decode() for row in answer.rows]
    parts = [rpc.HuntTable(rows=rows[at : at + ROWS_IN_A_PART]) for at in range(0, len(rows), ROWS_IN_A_PART)]
    return [rpc.HuntTable(columns=answer.columns), *parts]
