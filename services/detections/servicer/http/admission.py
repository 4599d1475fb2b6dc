"""Who sends, for which tenant and sensor: the headers of a request as an authorised call and a batch's particulars."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from aiohttp import web

from contracts.calls import Call
from contracts.errors import FieldViolation, InvalidArgument, TenantUnknown, TenetError
from contracts.ids import TenantId, is_tenant_id
from infra.auth.gate import Addressed, Caller, Gate
from services.detections.application.batch_readings import mapping_format
from services.detections.application.ingest import INGEST, Batch
from services.detections.domain.formats.recognition import Format

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_BATCH_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


class HeaderInvalid(InvalidArgument):
    """A header that is not of its form; the violation names it."""

    reason = "HEADER_INVALID"


@dataclass(frozen=True, slots=True)
class Sender:
    """An admitted request. `batch` makes its batch of content."""

    call: Call
    sensor_id: str
    format: str
    first_record: int | None
    key: str

    def batch(self, content: bytes, received_at: datetime) -> tuple[Call, Batch]:
        """The call and batch of this content, whose identifier follows from it unless the sender gave a key."""
        batch_id = self.key
        if not batch_id:
            digest = hashlib.sha256(content)
            digest.update(f"|{self.format}|{self.first_record}".encode())
            batch_id = f"http-{digest.hexdigest()}"
        batch = Batch(batch_id, self.sensor_id, self.format, content, self.first_record)
        return replace(self.call, now=received_at), batch


class Admission:
    """The same gate and the same row of the authorisation table as the RPC's."""

    def __init__(self, gate: Gate, clock: Callable[[], datetime]) -> None:
        self._gate, self._clock = gate, clock

    async def admit(self, request: web.Request, authorization: str) -> Sender:
        """Raises Unauthenticated, PermissionDenied, TenantUnknown, HeaderInvalid."""
        caller: Caller | None = None
        try:
            caller = await self._gate.authenticate(authorization)
            tenant_id = TenantId(request.headers.get("Tenet-Tenant", caller.actor.home_tenant_id))
            if not is_tenant_id(tenant_id):
                raise TenantUnknown
            admission = await self._gate.admit(caller, INGEST, Addressed(tenant_id))
        except TenetError as error:
            self._gate.note_refusal(caller, INGEST, error)
            raise
        key = request.headers.get("Idempotency-Key", "")
        call = Call(
            tenant_id=admission.tenant_id,
            actor=caller.actor,
            rpc=INGEST,
            request_id=key or "http",
            now=self._clock(),
            grant_id=admission.grant_id,
            roles=admission.roles.get(admission.tenant_id, frozenset()),
            authentication=caller.authentication,
        )
        return Sender(
            call,
            _header(request, "Tenet-Sensor", _NAME, caller.actor.id),
            _format(request),
            _first_record(request),
            # Keys of other forms than a batch's identifier are fine; their hash stands for them.
            key if _BATCH_ID.match(key) or not key else f"key-{hashlib.sha256(key.encode()).hexdigest()}",
        )


def _header(request: web.Request, name: str, form: re.Pattern[str], default: str) -> str:
    value = request.headers.get(name, default)
    if not form.match(value):
        raise _invalid(name, f"expected {form.pattern}")
    return value


def _format(request: web.Request) -> str:
    if "Tenet-Mapping" in request.headers:
        return mapping_format(_header(request, "Tenet-Mapping", _SHA256, ""))
    stated = request.headers.get("Tenet-Format", Format.AUTOMATIC.value)
    if stated not in set(Format):
        raise _invalid("Tenet-Format", f"expected one of {', '.join(Format)}")
    return stated


def _first_record(request: web.Request) -> int | None:
    text = request.headers.get("Tenet-First-Record")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise _invalid("Tenet-First-Record", "expected a number of records, 0 or more")
    return int(text)


def _invalid(name: str, expected: str) -> HeaderInvalid:
    return HeaderInvalid(f"The header {name} is not of its form.", violations=(FieldViolation(name, expected),))
