"""A pack with a correlation over failed sign-ins, and such sign-ins."""

from typing import Any

from tenet.detections.v1 import detections_admin_pb2 as admin_pb

from services.detections.domain.sigma.packs import pack_of
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import Service, administers
from tests.services.detections.records import evtx

BASE_ID = "6f0c7c53-3d8f-4a0e-9a1c-6ad1c7e60001"
GUESSING_ID = "6f0c7c53-3d8f-4a0e-9a1c-6ad1c7e60002"
GUESSED_ID = "6f0c7c53-3d8f-4a0e-9a1c-6ad1c7e60003"

PACK = {
    "guessing.yml": f"""
title: Sign-In Failed
name: failed
id: {BASE_ID}
status: test
logsource: {{product: windows, service: security}}
detection:
    selection: {{EventID: 4625}}
    condition: selection
level: low
---
title: Password Guessed At
name: guessing
id: {GUESSING_ID}
status: test
correlation:
    type: event_count
    rules: [failed]
    group-by: [TargetUserName]
    timespan: 10m
    condition: {{gte: 3}}
tags: [attack.t1110]
level: high
""",
    "broken.yml": """
title: Refers to Nobody
name: broken
status: test
correlation:
    type: event_count
    rules: [nobody]
    group-by: [TargetUserName]
    timespan: 10m
    condition: {gte: 3}
level: high
""",
}


def failed(record_id: int, account: str = "alice", host: str = "DC", minute: int = 0) -> dict[str, Any]:
    at = f"2026-11-24T01:{minute:02}:00.000000Z"
    return evtx("Security", 4625, host, at, record_id, TargetUserName=account, IpAddress="10.0.0.9", LogonType=3)


async def deploy(service: Service) -> admin_pb.ImportRulePackResponse:
    client = await service.client("admin")
    archive = pack_of({path: text.encode() for path, text in PACK.items()})
    imported: admin_pb.ImportRulePackResponse = await client.call(
        administers(client).ImportRulePack,
        admin_pb.ImportRulePackRequest(request_id=request_id(), name="sign-ins", archive=archive),
    )
    await client.call(
        administers(client).DeployRulePack,
        admin_pb.DeployRulePackRequest(request_id=request_id(), pack_id=imported.rule_pack.pack_id),
    )
    return imported
