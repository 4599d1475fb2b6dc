"""The gRPC edge of the cases service: translates, calls, translates."""

from services.cases.servicer.admin import CasesAdminServicer
from services.cases.servicer.bulk_write import CasesBulkWriteServicer
from services.cases.servicer.messages import CasesMessagesReadServicer
from services.cases.servicer.people_read import CasesPeopleReadServicer
from services.cases.servicer.people_write import CasesPeopleWriteServicer
from services.cases.servicer.playbooks import CasesPlaybooksReadServicer
from services.cases.servicer.read import CasesReadServicer
from services.cases.servicer.rotas import CasesRotaAdminServicer, CasesRotaReadServicer, CasesRotaWriteServicer
from services.cases.servicer.work_read import CasesWorkReadServicer
from services.cases.servicer.work_write import CasesWorkWriteServicer
from services.cases.servicer.write import CasesWriteServicer

__all__ = [
    "CasesAdminServicer",
    "CasesBulkWriteServicer",
    "CasesMessagesReadServicer",
    "CasesPeopleReadServicer",
    "CasesPeopleWriteServicer",
    "CasesPlaybooksReadServicer",
    "CasesReadServicer",
    "CasesRotaAdminServicer",
    "CasesRotaReadServicer",
    "CasesRotaWriteServicer",
    "CasesWorkReadServicer",
    "CasesWorkWriteServicer",
    "CasesWriteServicer",
]
