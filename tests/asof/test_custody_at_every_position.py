"""Holds and erasures as they were known at each position of a history: nothing recorded later ever shows."""

from datetime import UTC, datetime

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.events.ledger import ErasureBasis
from contracts.ids import TenantId
from services.ledger.application.custody import Keeping
from services.ledger.domain.custody import Custody, initial
from services.ledger.domain.custody_commands import ApproveErasure, Erase, PlaceHold, ReleaseHold
from tests.fixtures.platform import Running, request_id


async def test_at_every_position_a_ledgers_custody_is_what_was_seen_when_that_was_its_last_entry(
    running: Running,
) -> None:
    tenant = TenantId(await running.onboard())
    ledger = running.ledger.ledger
    keeping = Keeping(ledger.handler, ledger.repository, ledger.feed, ledger.openings)
    seen: dict[int, Custody] = {}

    def call(name: str) -> Call:
        actor = Actor(f"principal-{name}", AuthenticatedBy.OIDC, tenant)
        return Call(tenant, actor, f"/test/{name}", request_id(), datetime.now(UTC))

    async def saw(position: int) -> None:
        seen[position] = await keeping.state(tenant)

    def named(made: Call) -> dict[str, str]:
        return {"tenant_id": tenant, "request_id": made.request_id}

    await saw(await running.note(tenant, "first"))
    for round_number in range(4):
        one, two = call(f"one-{round_number}"), call(f"two-{round_number}")
        hold, committed = await keeping.place_hold(
            one, PlaceHold.model_validate({**named(one), "subjects": ("x",), "matter": "court"})
        )
        await saw(committed.position)
        erase = {
            "subject": f"subject-of-{tenant}",
            "position": None,
            "path": None,
            "basis": ErasureBasis.CONSENT_WITHDRAWN,
            "reason": "wanted",
        }
        asking = call(f"one-{round_number}")
        erasure, committed = await keeping.erase(asking, Erase.model_validate({**named(asking), **erase}))
        await saw(committed.position)
        await saw(await running.note(tenant, "between"))
        for person in (one, two):
            own = call(person.actor.id.removeprefix("principal-"))
            command = ReleaseHold.model_validate({**named(own), "hold_id": hold, "reason": "settled"})
            await saw((await keeping.release_hold(own, command)).position)
        approving = call(f"two-{round_number}")
        approval = ApproveErasure.model_validate({**named(approving), "erasure_id": erasure})
        await saw((await keeping.approve_erasure(approving, approval)).position)
    assert sorted(seen) == list(range(len(seen)))
    for position, state in seen.items():
        assert await keeping.state(tenant, position) == state, position
    assert seen[0] == initial()
    assert len(set(map(repr, seen.values()))) > len(seen) // 2
