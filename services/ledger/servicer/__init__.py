"""The ledger service on the wire: translates requests, calls, translates answers."""

from services.ledger.servicer.admin import LedgerAdminServicer
from services.ledger.servicer.audit import LedgerAuditServicer
from services.ledger.servicer.check import LedgerCheckServicer
from services.ledger.servicer.erasure import LedgerErasureAdminServicer, LedgerErasureReadServicer
from services.ledger.servicer.log_files import LogFiles
from services.ledger.servicer.read import LedgerReadServicer
from services.ledger.servicer.recovery import LedgerRecoveryAdminServicer

__all__ = [
    "LedgerAdminServicer",
    "LedgerAuditServicer",
    "LedgerCheckServicer",
    "LedgerErasureAdminServicer",
    "LedgerErasureReadServicer",
    "LedgerReadServicer",
    "LedgerRecoveryAdminServicer",
    "LogFiles",
]
