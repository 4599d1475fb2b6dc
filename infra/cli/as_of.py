"""The two clocks of a query.

`--at`: what was known at a position of a ledger, or at a time, which stands for one position for good.
`--as-happened-at`: what had happened in the world by a time, as far as that is known. Both together go as well.
"""

from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.ledger.v1 import ledger_read_pb2 as ledger

from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.words import moment

At = Annotated[
    str, typer.Option("--at", metavar="WHEN", help="As it was known then: a position of the ledger, or a time.")
]
AsHappenedAt = Annotated[
    str,
    typer.Option("--as-happened-at", metavar="TIME", help="What had happened in the world by then, as far as known."),
]


def happened(text: str) -> Timestamp | None:
    """The time that `--as-happened-at` names; None when it names none. Raises UsageProblem."""
    return moment(text) if text else None


async def position_of(session: Session, tenant_id: str, at: str) -> int | None:
    """The position that an option names; None when it names none. Raises UsageProblem, RemoteError."""
    if not at:
        return None
    if at.isdecimal():
        return int(at)
    request = ledger.GetPositionAtRequest(tenant_id=tenant_id, recorded_time=moment(at))
    answer = await session.ask(request, ledger.GetPositionAtResponse)
    if not answer.HasField("position_then"):
        raise UsageProblem(f"Nothing was recorded by {at}: this ledger began later.")
    return answer.position_then


async def position_of_one(session: Session, tenants: list[str] | None, at: str) -> int | None:
    """The same for a query over tenants, which has to name one, since a position is that of one ledger."""
    if not at:
        return None
    if tenants is None or len(tenants) != 1:
        raise UsageProblem("A position belongs to one ledger.", hint="name one tenant with --tenant.")
    return await position_of(session, tenants[0], at)
