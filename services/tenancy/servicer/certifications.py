"""CertificationsReadService and CertificationsAdminService: the register of certifications."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.tenancy.v1 import tenancy_certifications_admin_pb2 as admin
from tenet.tenancy.v1 import tenancy_certifications_read_pb2 as read

from contracts.ids import PROVIDER
from contracts.labels import Label
from infra.answering import Answering, next_page
from infra.disclosure.opener import Opened
from infra.grpc import Context
from infra.read_database.reader.conditions import Condition, ascending, equal, less_than
from services.tenancy.application.certifying import Certifying
from services.tenancy.domain.certification import certification_id_of
from services.tenancy.domain.commands import RecordCertification, RevokeCertification
from services.tenancy.projections import CERTIFICATIONS
from services.tenancy.projections.certifications import CertificationDocument
from services.tenancy.servicer.translation import time_to_wire


class CertificationsReadServicer:
    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def ListCertifications(
        self, request: read.ListCertificationsRequest, context: Context
    ) -> read.ListCertificationsResponse:
        order = [ascending("expires_at")]
        page = await self._answering.page(CERTIFICATIONS, _conditions(request), order, request, context)
        proofs = [(item.document.proof, Label.RED) for item in page.items]
        opened = await self._answering.opener.open(
            context.call.for_tenant(PROVIDER), proofs, purpose="show certifications"
        )
        return read.ListCertificationsResponse(
            certifications=[_message(item.document, opened) for item in page.items],
            page=next_page(page),
        )


class CertificationsAdminServicer:
    def __init__(self, certifying: Certifying) -> None:
        self._certifying = certifying

    async def RecordCertification(
        self, request: admin.RecordCertificationRequest, context: Context
    ) -> admin.RecordCertificationResponse:
        command = RecordCertification(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            principal_id=request.principal_id,
            name=request.name,
            valid_from=_moment(request.valid_from),
            expires_at=_moment(request.expires_at),
            proof=request.proof,
        )
        done = await self._certifying.record_certification(context.call, command)
        return admin.RecordCertificationResponse(
            certification_id=certification_id_of(request.principal_id, request.name), position=done.position
        )

    async def RevokeCertification(
        self, request: admin.RevokeCertificationRequest, context: Context
    ) -> admin.RevokeCertificationResponse:
        command = RevokeCertification(
            tenant_id=PROVIDER,
            request_id=request.request_id,
            certification_id=request.certification_id,
            reason=request.reason,
        )
        done = await self._certifying.revoke_certification(context.call, command)
        return admin.RevokeCertificationResponse(position=done.position)


def _conditions(request: read.ListCertificationsRequest) -> list[Condition]:
    where: list[Condition] = []
    if request.HasField("principal_id"):
        where.append(equal("principal", request.principal_id))
    if request.HasField("name"):
        where.append(equal("name", request.name))
    if request.HasField("expires_before"):
        where.append(less_than("expires_at", _moment(request.expires_before)))
    if not request.include_revoked:
        where.append(equal("revoked", False))
    return where


def _moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)


def _message(document: CertificationDocument, opened: Opened) -> read.Certification:
    return read.Certification(
        certification_id=document.certification_id,
        principal_id=document.principal_id,
        name=document.name,
        valid_from=time_to_wire(document.valid_from),
        expires_at=time_to_wire(document.expires_at),
        proof=opened.text(document.proof),
        revoked=document.revoked,
        position=document.position,
    )
