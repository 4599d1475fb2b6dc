"""Writes orders as OpenC2 commands (Language Specification v1.0, 3.3.1) in the declared actuator profile `x-tenet`.

A device is the language's own `device` target; an account is `x-tenet:account`, and an earlier command
`x-tenet:command`. The scope of the action is `args.x-tenet.scope`.
"""

from datetime import datetime
from typing import Any

from contracts.canonical import encode
from services.cases.connectors.port import Order
from services.cases.domain.repertoire import PROFILE

COMMAND_TYPE = "application/openc2-cmd+json;version=1.0"


def command_body(order: Order) -> bytes:
    target = (
        {f"{PROFILE}:account": {"account_id": order.target}}
        if order.account
        else {"device": {"device_id": order.target}}
    )
    args: dict[str, Any] = {"response_requested": "complete", PROFILE: {"scope": order.argument}}
    if order.expires_at is not None:
        args["stop_time"] = _milliseconds(order.expires_at)
    return encode(
        {
            "action": order.action,
            "target": target,
            "args": args,
            "actuator": {PROFILE: {"tenant": order.tenant_id}},
            "command_id": order.action_id,
        }
    )


def query_body(order: Order) -> bytes:
    """Asks what became of an order: `query` of an earlier command, a target of the profile."""
    return encode(
        {
            "action": "query",
            "target": {f"{PROFILE}:command": {"command_id": order.action_id}},
            "args": {"response_requested": "complete"},
            "command_id": f"query-{order.action_id}",
        }
    )


def _milliseconds(moment: datetime) -> int:
    """Date-time of the specification: milliseconds since the epoch."""
    return int(moment.timestamp() * 1000)
