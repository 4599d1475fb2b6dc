"""DetectionsHuntService: looking through archived telemetry."""

from collections.abc import AsyncIterator
from datetime import UTC

import orjson
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.detections.v1 import detections_hunts_pb2 as rpc

from contracts.events.detections import HuntKind
from infra.grpc import Context
from services.detections.application.hunts.hunting import Hunting, Progress, Question, Result
from services.detections.application.hunts.selection import Period
from services.detections.application.hunts.sql_hunts import Answer

ROWS_IN_A_PART = 500


class DetectionsHuntServicer:
    def __init__(self, hunting: Hunting) -> None:
        self._hunting = hunting

    async def Hunt(self, request: rpc.HuntRequest, context: Context) -> AsyncIterator[rpc.HuntResponse]:
        question = Question(
            HuntKind.SQL,
            request.sql,
            request.reason,
            Period(request.start.ToDatetime(UTC), request.end.ToDatetime(UTC)),
        )
        async for step in self._hunting.hunt(context.call, question):
            if isinstance(step, Answer):
                for part in _parts(step):
                    yield rpc.HuntResponse(table=part)
            else:
                yield _message(step)


def _message(step: Progress | Result) -> rpc.HuntResponse:
    if isinstance(step, Progress):
        progress = rpc.HuntProgress(files=step.files, files_in_all=step.files_in_all, records=step.records)
        return rpc.HuntResponse(progress=progress)
    missing = []
    for hour in step.missing_hours:
        stamp = Timestamp()
        stamp.FromDatetime(hour)
        missing.append(stamp)
    result = rpc.HuntResult(
        hunt_id=step.hunt_id,
        records=step.records,
        found=step.found,
        truncated=step.truncated,
        missing_hours=missing,
        detection_ids=step.detection_ids,
        position=step.position,
    )
    return rpc.HuntResponse(result=result)


def _parts(answer: Answer) -> list[rpc.HuntTable]:
    rows = [orjson.dumps(row).decode() for row in answer.rows]
    parts = [rpc.HuntTable(rows=rows[at : at + ROWS_IN_A_PART]) for at in range(0, len(rows), ROWS_IN_A_PART)]
    return [rpc.HuntTable(columns=answer.columns), *parts]
