"""Signed heads, proofs and receipts."""

from tenet.ledger.v1 import ledger_read_pb2 as pb

from infra.grpc import Context
from services.ledger.application.proving import Proving


class ProofsServicer:
    """Those RPCs of LedgerReadService that answer from the transparency log. They hand out hashes and no entry."""

    def __init__(self, proving: Proving) -> None:
        self._proving = proving

    async def GetCheckpoint(self, request: pb.GetCheckpointRequest, context: Context) -> pb.GetCheckpointResponse:
        head = await self._proving.head(
            context.call.tenant_id,
            cosigned=request.cosigned,
            min_position=request.min_position if request.HasField("min_position") else None,
            deadline=context.deadline,
        )
        stamp, stamped_checkpoint = head.stamped or (b"", b"")
        return pb.GetCheckpointResponse(
            checkpoint=head.checkpoint,
            size=head.size,
            root=head.root,
            key_notes=head.key_notes,
            stamp=stamp,
            stamped_checkpoint=stamped_checkpoint,
        )

    async def ProveInclusion(self, request: pb.ProveInclusionRequest, context: Context) -> pb.ProveInclusionResponse:
        checkpoint, proof = await self._proving.inclusion(
            context.call.tenant_id,
            request.position,
            request.size if request.HasField("size") else None,
            min_position=request.min_position if request.HasField("min_position") else None,
            deadline=context.deadline,
        )
        return pb.ProveInclusionResponse(
            leaf_hash=proof.leaf_hash, size=proof.size, root=proof.root, path=proof.path, checkpoint=checkpoint
        )

    async def ProveConsistency(
        self, request: pb.ProveConsistencyRequest, context: Context
    ) -> pb.ProveConsistencyResponse:
        checkpoint, proof = await self._proving.consistency(
            context.call.tenant_id,
            request.old_size,
            request.size if request.HasField("size") else None,
            min_position=request.min_position if request.HasField("min_position") else None,
            deadline=context.deadline,
        )
        return pb.ProveConsistencyResponse(
            old_root=proof.old_root, size=proof.size, root=proof.root, path=proof.path, checkpoint=checkpoint
        )

    async def ProveRange(self, request: pb.ProveRangeRequest, context: Context) -> pb.ProveRangeResponse:
        checkpoint, proof = await self._proving.range(
            context.call.tenant_id,
            (request.from_position, request.to_position),
            request.size if request.HasField("size") else None,
            min_position=request.min_position if request.HasField("min_position") else None,
            deadline=context.deadline,
        )
        return pb.ProveRangeResponse(
            size=proof.size, root=proof.root, left=proof.left, right=proof.right, checkpoint=checkpoint
        )

    async def GetReceipt(self, request: pb.GetReceiptRequest, context: Context) -> pb.GetReceiptResponse:
        proof_file, proof = await self._proving.receipt(
            context.call.tenant_id, request.position, cosigned=request.cosigned, deadline=context.deadline
        )
        return pb.GetReceiptResponse(proof_file=proof_file, leaf_hash=proof.leaf_hash)
