"""Holds and erasures on the wire."""

from tenet.ledger.v1 import ledger_erasure_admin_pb2 as admin
from tenet.ledger.v1 import ledger_erasure_read_pb2 as read

from contracts.events.ledger import ErasureBasis, HoldReleased, SubjectErased
from contracts.events.ledger import FieldErased as FieldErasedEvent
from contracts.labels import Label
from infra.disclosure.opener import Opened, Opener
from infra.grpc import Context
from services.ledger.application.custody import Keeping
from services.ledger.domain.custody import Erasure, Hold
from services.ledger.domain.custody_commands import ApproveErasure, Erase, PlaceHold, ReleaseHold
from services.ledger.domain.resting_places import RESTING_PLACES

_BASES = {
    admin.ERASURE_BASIS_DATA_SUBJECT_REQUEST: ErasureBasis.DATA_SUBJECT_REQUEST,
    admin.ERASURE_BASIS_CONSENT_WITHDRAWN: ErasureBasis.CONSENT_WITHDRAWN,
    admin.ERASURE_BASIS_PURPOSE_FULFILLED: ErasureBasis.PURPOSE_FULFILLED,
    admin.ERASURE_BASIS_UNLAWFUL_PROCESSING: ErasureBasis.UNLAWFUL_PROCESSING,
    admin.ERASURE_BASIS_LEGAL_OBLIGATION: ErasureBasis.LEGAL_OBLIGATION,
}
_BASIS_NUMBERS = {basis: number for number, basis in _BASES.items()}


class LedgerErasureAdminServicer:
    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping

    async def PlaceHold(self, request: admin.PlaceHoldRequest, context: Context) -> admin.PlaceHoldResponse:
        command = PlaceHold(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            subjects=tuple(request.subjects),
            matter=request.matter,
        )
        hold_id, committed = await self._keeping.place_hold(context.call, command)
        return admin.PlaceHoldResponse(hold_id=hold_id, position=committed.position)

    async def ReleaseHold(self, request: admin.ReleaseHoldRequest, context: Context) -> admin.ReleaseHoldResponse:
        command = ReleaseHold(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            hold_id=request.hold_id,
            reason=request.reason,
        )
        committed = await self._keeping.release_hold(context.call, command)
        released = any(isinstance(each.event, HoldReleased) for each in committed.recorded)
        return admin.ReleaseHoldResponse(released=released, position=committed.position)

    async def Erase(self, request: admin.EraseRequest, context: Context) -> admin.EraseResponse:
        one_field = request.HasField("field")
        command = Erase(
            tenant_id=context.call.tenant_id,
            request_id=request.request_id,
            subject=request.subject,
            position=request.field.position if one_field else None,
            path=request.field.path if one_field else None,
            basis=_BASES[request.basis],
            reason=request.reason,
        )
        erasure_id, committed = await self._keeping.erase(context.call, command)
        erased = any(isinstance(each.event, SubjectErased | FieldErasedEvent) for each in committed.recorded)
        return admin.EraseResponse(erasure_id=erasure_id, erased=erased, position=committed.position)

    async def ApproveErasure(
        self, request: admin.ApproveErasureRequest, context: Context
    ) -> admin.ApproveErasureResponse:
        command = ApproveErasure(
            tenant_id=context.call.tenant_id, request_id=request.request_id, erasure_id=request.erasure_id
        )
        committed = await self._keeping.approve_erasure(context.call, command)
        return admin.ApproveErasureResponse(position=committed.position)


class LedgerErasureReadServicer:
    def __init__(self, keeping: Keeping, opener: Opener) -> None:
        self._keeping, self._opener = keeping, opener

    async def GetCustody(self, request: read.GetCustodyRequest, context: Context) -> read.GetCustodyResponse:
        at = request.at_position if request.HasField("at_position") else None
        state = await self._keeping.state(context.call.tenant_id, at)
        words = [
            *((hold.matter, Label.AMBER_STRICT) for hold in state.holds.values()),
            *((erasure.reason, Label.AMBER_STRICT) for erasure in state.erasures.values()),
        ]
        opened = await self._opener.open(context.call, words, purpose="show holds and erasures")
        return read.GetCustodyResponse(
            holds=[_hold(hold, opened) for hold in state.holds.values()],
            erasures=[_erasure(erasure, opened) for erasure in state.erasures.values()],
        )

    async def ListRestingPlaces(
        self, _request: read.ListRestingPlacesRequest, _context: Context
    ) -> read.ListRestingPlacesResponse:
        return read.ListRestingPlacesResponse(
            places=[
                read.RestingPlace(name=place.name, holds=place.holds, erased_by=place.erased_by, reached=place.reached)
                for place in RESTING_PLACES
            ]
        )


def _hold(hold: Hold, opened: Opened) -> read.Hold:
    return read.Hold(
        hold_id=hold.hold_id,
        subjects=hold.subjects,
        matter=opened.text(hold.matter),
        placed_by=hold.placed_by,
        placed_position=hold.position,
        release_requested_by=hold.release_requested_by,
        released=hold.released,
    )


def _erasure(erasure: Erasure, opened: Opened) -> read.Erasure:
    done = erasure.carried_out
    message = read.Erasure(
        erasure_id=erasure.erasure_id,
        subject=erasure.subject,
        basis=_BASIS_NUMBERS[erasure.basis],
        reason=opened.text(erasure.reason),
        requested_by=erasure.requested_by,
        requested_position=erasure.requested_position,
        decided_position=erasure.decided_position,
        carried_out=done is not None,
        fields=done.fields if done else 0,
        unreachable_exports=done.exports if done else (),
        openings=done.openings if done else None,
    )
    if erasure.position is not None and erasure.path is not None:
        message.field.position, message.field.path = erasure.position, erasure.path
    return message
