"""CasesPlaybooksReadService: playbooks of others as lines of a charter."""

import yaml
from tenet.cases.v1 import cases_playbooks_read_pb2 as rpc

from contracts.events.cases import Authority
from infra.grpc import Context
from services.cases.domain.cacao import convert
from services.cases.servicer.wire import AUTHORITIES, named

LINE_WIDTH = 110


class CasesPlaybooksReadServicer:
    async def ConvertPlaybook(
        self, request: rpc.ConvertPlaybookRequest, context: Context
    ) -> rpc.ConvertPlaybookResponse:
        del context
        authority = named(AUTHORITIES, request.authority) if request.authority else Authority.CUSTOMER
        converted = convert(request.playbook, authority=authority, connector=request.connector)
        line = yaml.safe_dump([converted.line], sort_keys=False, allow_unicode=True, width=LINE_WIDTH)
        return rpc.ConvertPlaybookResponse(line=line, notes=converted.notes)
