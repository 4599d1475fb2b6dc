"""The gRPC edge of the cases service: translates, calls, translates."""

from services.cases.servicer.admin import CasesAdminServicer
from services.cases.servicer.messages import CasesMessagesReadServicer
from services.cases.servicer.playbooks import CasesPlaybooksReadServicer
from services.cases.servicer.read import CasesReadServicer
from services.cases.servicer.write import CasesWriteServicer

__all__ = [
    "CasesAdminServicer",
    "CasesMessagesReadServicer",
    "CasesPlaybooksReadServicer",
    "CasesReadServicer",
    "CasesWriteServicer",
]
