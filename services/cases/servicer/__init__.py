"""The gRPC edge of the cases service: translates, calls, translates."""

from services.cases.servicer.admin import CasesAdminServicer
from services.cases.servicer.read import CasesReadServicer
from services.cases.servicer.write import CasesWriteServicer

__all__ = ["CasesAdminServicer", "CasesReadServicer", "CasesWriteServicer"]
