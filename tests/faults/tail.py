"""A reader that follows customers' ledgers the whole time, reconnects where it was, and writes down what it saw."""

import asyncio
import contextlib

from tenet.ledger.v1 import ledger_pb2, ledger_read_pb2, ledger_read_pb2_grpc

from infra.auth.local_tokens import LocalIssuerUnavailable
from infra.grpc import Client, RemoteError
from tests.faults.calling import PASSING
from tests.faults.journal import Journal

PAUSE_SECONDS = 0.25
HEARTBEAT_SECONDS = 2
SILENT_AFTER_SECONDS = 20.0
"""A connection that brings neither entries nor heartbeats for so long is dropped and made anew."""


class Tail:
    """`next_positions` is where it stands in each ledger. An entry that does not follow the last is a surprise."""

    def __init__(self, client: Client, tenant_ids: list[str], journal: Journal) -> None:
        self._client, self._journal = client, journal
        self.next_positions = dict.fromkeys(tenant_ids, 0)
        self.connections = 0

    async def run(self) -> None:
        """Follows until it is cancelled."""
        while True:
            with contextlib.suppress(LocalIssuerUnavailable, TimeoutError):
                await self._follow()
            await asyncio.sleep(PAUSE_SECONDS)

    async def reach(self, heads: dict[str, int], limit: float) -> None:
        """Waits until it has seen everything before these positions. Raises TimeoutError."""
        async with asyncio.timeout(limit):
            while any(self.next_positions[tenant] < head for tenant, head in heads.items()):
                await asyncio.sleep(PAUSE_SECONDS)

    async def _follow(self) -> None:
        stub = self._client.stub(ledger_read_pb2_grpc.LedgerReadServiceStub)
        request = ledger_read_pb2.SubscribeRequest(
            tenant_ids=sorted(self.next_positions),
            start=ledger_read_pb2.SUBSCRIBE_FROM_BEGINNING,
            positions=[
                ledger_pb2.TenantPosition(tenant_id=tenant, from_position=position)
                for tenant, position in self.next_positions.items()
            ],
            heartbeat_seconds=HEARTBEAT_SECONDS,
        )
        self.connections += 1
        messages = self._client.stream(stub.Subscribe, request)
        try:
            async with contextlib.aclosing(messages):  # type: ignore[type-var]  # It is a generator.
                while True:
                    async with asyncio.timeout(SILENT_AFTER_SECONDS):
                        message = await anext(messages)
                    self._take(message)
        except StopAsyncIteration:
            return
        except RemoteError as error:
            if error.code not in PASSING:
                self._journal.surprise(f"Subscribe: {error.code.name} {error}")
            self._journal.refuse(error.reason or f"transport {error.code.name}")

    def _take(self, message: ledger_read_pb2.SubscribeResponse) -> None:
        batch = message.batch
        for entry in batch.entries:
            expected = self.next_positions[batch.tenant_id]
            if entry.position != expected:
                self._journal.surprise(f"{batch.tenant_id}: the tail got {entry.position} instead of {expected}")
            self.next_positions[batch.tenant_id] = entry.position + 1
            self._journal.saw(batch.tenant_id, entry.position, entry.leaf_hash.hex())
        marks = [batch.watermark] if message.HasField("batch") else list(message.heartbeat.watermarks)
        for mark in marks:
            seen = self.next_positions[mark.tenant_id]
            if mark.next_position != seen:
                # Without a filter a watermark that is ahead of what was sent would be a gap that is called none.
                self._journal.surprise(f"{mark.tenant_id}: the watermark says {mark.next_position}, seen is {seen}")
