"""What policies do in several commands: dispatching every pre-authorised step that is next."""

from collections.abc import Callable

from contracts.calls import Call
from contracts.errors import Kind, TenetError
from contracts.ids import TenantId
from services.cases.application.acting import Acting
from services.cases.domain.commands import DispatchAction

_REFUSALS = frozenset({Kind.FAILED_PRECONDITION, Kind.PERMISSION_DENIED, Kind.ALREADY_EXISTS, Kind.NOT_FOUND})


class Automation:
    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    async def dispatch_next(self, tenant_id: TenantId, case_id: str, call_of: Callable[[int], Call]) -> None:
        """Dispatches each step on its own, so that one device that is refused does not keep the others waiting.

        `call_of` gives the call of an ordinal; the ordinal is the step's place in the plan, so that a second run makes
        the same requests. Raises the first refusal, after all were tried, so that it is on record.
        """
        plan_id, steps = await self._acting.automatic_steps(tenant_id, case_id)
        refusal: TenetError | None = None
        for ordinal, step_id in steps:
            call = call_of(ordinal)
            command = DispatchAction(
                tenant_id=tenant_id, request_id=call.request_id, case_id=case_id, plan_id=plan_id, step_id=step_id
            )
            try:
                await self._acting.dispatch_action(call, command)
            except TenetError as error:
                if error.kind not in _REFUSALS:
                    raise
                refusal = refusal or error
        if refusal is not None:
            raise refusal
