"""What tests ask of the services of intelligence."""

from collections.abc import Awaitable
from typing import Any

import pytest
from tenet.detections.v1 import (
    detections_intelligence_pb2,
    detections_intelligence_write_pb2,
    detections_intelligence_write_pb2_grpc,
)

from contracts.events.detections import DetectionRaised, RuleKind
from contracts.ids import PROVIDER, TenantId
from infra.grpc import Client, RemoteError
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import Service


async def imported(
    client: Client, content: bytes, *, tenant_id: str = PROVIDER, source: str = "vendor", **more: Any
) -> detections_intelligence_pb2.IntelligenceSource:
    return (await importing(client, content, tenant_id=tenant_id, source=source, **more)).source


async def importing(
    client: Client, content: bytes, *, tenant_id: str = PROVIDER, source: str = "vendor", **more: Any
) -> detections_intelligence_write_pb2.ImportIntelligenceResponse:
    stub = client.stub(detections_intelligence_write_pb2_grpc.IntelligenceWriteServiceStub)
    request = detections_intelligence_write_pb2.ImportIntelligenceRequest(
        **{"tenant_id": tenant_id, "request_id": request_id(), "source": source, "content": content, **more}
    )
    answer: detections_intelligence_write_pb2.ImportIntelligenceResponse = await client.call(
        stub.ImportIntelligence, request, deadline=120
    )
    return answer


async def raised(service: Service, tenant_id: str) -> list[tuple[DetectionRaised, Any]]:
    """The detections that indicators raised, with their envelopes."""
    events = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0)
    return [
        (each.event, each.envelope)
        for each in events
        if isinstance(each.event, DetectionRaised) and each.event.kind is RuleKind.INDICATOR
    ]


async def refused(call: Awaitable[object]) -> str:
    with pytest.raises(RemoteError) as caught:
        await call
    return str(caught.value.reason)
